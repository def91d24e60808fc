//! From the path of a control group to a container.

use sidestream_flow::Container;

use super::unit;

/// What stands before the id in a component, and which runtime puts it there.
const PREFIXES: [(&str, &str); 7] = [
    ("docker", "docker"),
    ("libpod", "podman"),
    ("libpod-payload", "podman"),
    ("cri-containerd", "containerd"),
    ("containerd", "containerd"),
    ("nerdctl", "containerd"),
    ("crio", "cri-o"),
];

/// The group in which a bare id stands, and which runtime makes it.
const PARENTS: [(&str, &str); 6] = [
    ("docker", "docker"),
    ("libpod_parent", "podman"),
    ("containerd", "containerd"),
    ("k8s.io", "containerd"),
    ("default", "containerd"),
    ("crio", "cri-o"),
];

/// Length of an id: a SHA-256, or as many random digits.
const ID_LEN: usize = 64;

/// Length of the first part of the ids of Amazon's tasks.
const TASK_LEN: usize = 32;

/// Finds the innermost container.
pub(super) fn find(components: &[&str]) -> Option<Container> {
    (0..components.len()).rev().find_map(|at| {
        let parent = at.checked_sub(1).map(|at| components[at]);
        let below = components.get(at + 1).copied();
        by_id(components[at], parent).or_else(|| by_name(components[at], parent, below))
    })
}

/// A container that is told by its id: `docker-ID.scope`, `docker/ID`, `kubepods/…/ID`.
fn by_id(component: &str, parent: Option<&str>) -> Option<Container> {
    let bare = component.strip_suffix(".scope").unwrap_or(component);
    // The second form is systemd's description of a group, taken for its name by a runtime that
    // makes groups itself: `kubepods-…-pod….slice:cri-containerd:ID`.
    let (before, id) = bare.rsplit_once(['-', ':']).unwrap_or(("", bare));
    if !is_id(id) {
        return (parent == Some("ecs") && is_task(bare)).then(|| container(bare, None, None));
    }
    let prefix = before.rsplit(':').next().unwrap_or_default();
    // What watches over a container is not in it.
    if prefix.ends_with("conmon") {
        return None;
    }
    let lookup = |table: &[(&str, &'static str)], wanted: &str| {
        table.iter().find(|(name, _)| *name == wanted).map(|(_, runtime)| *runtime)
    };
    let runtime = match (prefix, parent) {
        ("", Some(parent)) => lookup(&PARENTS, parent),
        _ => lookup(&PREFIXES, prefix),
    };
    Some(container(id, None, runtime))
}

/// A container that is told by its name: of LXC, systemd-nspawn, libvirt.
fn by_name(component: &str, parent: Option<&str>, below: Option<&str>) -> Option<Container> {
    if let Some(name) = component.strip_prefix("lxc.payload.") {
        return named(name, "lxc");
    }
    if matches!(parent, Some("lxc" | "lxc.payload")) {
        return named(component, "lxc");
    }
    // `supervisor` is where systemd-nspawn itself runs.
    if below == Some("supervisor") {
        return None;
    }
    let unit = unit::name(component)?;
    let machine = unit.strip_prefix("machine-").and_then(|rest| rest.strip_suffix(".scope"));
    let service =
        unit.strip_prefix("systemd-nspawn@").and_then(|rest| rest.strip_suffix(".service"));
    if let Some(name) = service {
        return named(&unescape(name), "systemd-nspawn");
    }
    let name = unescape(machine?);
    match name.split_once('-') {
        // A virtual machine: what runs in it does so behind a kernel of its own.
        Some(("qemu", _)) => None,
        Some(("lxc", rest)) => {
            named(rest.split_once('-').map_or(rest, |(_number, name)| name), "lxc")
        }
        _ => named(&name, "systemd-nspawn"),
    }
}

fn named(name: &str, runtime: &'static str) -> Option<Container> {
    (!name.is_empty()).then(|| container(name, Some(name), Some(runtime)))
}

fn container(id: &str, name: Option<&str>, runtime: Option<&str>) -> Container {
    let (name, runtime) = (name.map(Into::into), runtime.map(Into::into));
    Container { id: id.into(), name, image: None, runtime }
}

fn is_id(text: &str) -> bool {
    text.len() == ID_LEN && is_hex(text)
}

/// `32 HEX DIGITS-NUMBER`.
fn is_task(text: &str) -> bool {
    text.split_once('-').is_some_and(|(task, number)| {
        task.len() == TASK_LEN
            && is_hex(task)
            && !number.is_empty()
            && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Undoes what systemd does to a name that becomes part of a unit's: `\x2d` is `-`.
fn unescape(name: &str) -> String {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        let escaped = behind
            .strip_prefix(b"x")
            .filter(|_| first == b'\\')
            .and_then(|digits| str::from_utf8(digits.get(..2)?).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(escaped.unwrap_or(first));
        rest = if escaped.is_some() { &behind[3..] } else { behind };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
