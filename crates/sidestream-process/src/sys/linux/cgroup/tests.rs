//! Control groups as runtimes and systemd name them, and texts that nobody writes.

use std::path::Path;

use proptest::prelude::*;

use super::Cgroup;

const ID: &str = "3f6785b9e4a1c0d2f8e7b6a5948372615f0e9d8c7b6a594837261504f3e2d1c0";
const POD: &str = "2c48913c-b29f-11e7-9350-020968147796";

/// Checks the unit and the container (id, name, runtime) that a path in the unified hierarchy
/// tells; `ID` and `POD` in it stand for ids.
#[track_caller]
fn check(path: &str, unit: Option<&str>, container: Option<[&str; 3]>) {
    let fill = |text: &str| text.replace("ID", ID).replace("POD", POD);
    let found = Cgroup::parse(format!("0::{}\n", fill(path)).as_bytes());
    assert_eq!(found.path.as_deref(), Some(Path::new(&fill(path))));
    assert_eq!(found.unit, unit.map(fill), "{path}");
    let told = found
        .container
        .map(|found| [found.id, found.name.unwrap_or_default(), found.runtime.unwrap_or_default()]);
    assert_eq!(told, container.map(|parts| parts.map(fill)), "{path}");
}

#[test]
fn the_unit_is_the_innermost_that_is_no_slice() {
    check("/", None, None);
    check("/init.scope", Some("init.scope"), None);
    check("/system.slice/nginx.service", Some("nginx.service"), None);
    check("/system.slice/system-getty.slice/getty@tty1.service", Some("getty@tty1.service"), None);
    check("/system.slice/systemd-udevd.service/udev", Some("systemd-udevd.service"), None);
    check("/system.slice/cups.socket", Some("cups.socket"), None);
    check("/user.slice/user-1000.slice/session-3.scope", Some("session-3.scope"), None);
    check("/user.slice/user-1000.slice/user@1000.service/init.scope", Some("init.scope"), None);
    let firefox = r"app-gnome-firefox\x2desr-4711.scope";
    let path = format!("/user.slice/user-1000.slice/user@1000.service/app.slice/{firefox}");
    check(&path, Some(firefox), None);
    check("/system.slice/_cpu.service", Some("cpu.service"), None);
    check("/system.slice", None, None);
    check("/.service/a b.service", None, None);
    check("/../../system.slice/ssh.service", Some("ssh.service"), None);
}

#[test]
fn docker_is_told_with_systemd_and_without() {
    let docker = Some(["ID", "", "docker"]);
    check("/docker/ID", None, docker);
    check("/docker/ID/init.scope", Some("init.scope"), docker);
    check("/system.slice/docker-ID.scope", Some("docker-ID.scope"), docker);
    let rootless = "/user.slice/user-1000.slice/user@1000.service/user.slice/docker-ID.scope";
    check(rootless, Some("docker-ID.scope"), docker);
    check("/actions_job/ID", None, Some(["ID", "", ""]));
    check("/docker/other/ID", None, Some(["ID", "", ""]));
    check("/docker/0123456789ab", None, None);
}

#[test]
fn of_a_container_in_a_container_the_inner_one_is_told() {
    let inner = ID.replace('3', "4");
    let path = format!("/docker/ID/docker/{inner}");
    check(&path, None, Some([&inner, "", "docker"]));
    let path = format!("/lxc.payload.box/system.slice/docker-{inner}.scope");
    check(&path, Some(&format!("docker-{inner}.scope")), Some([&inner, "", "docker"]));
}

#[test]
fn podman_is_told_and_its_monitor_is_not() {
    let podman = Some(["ID", "", "podman"]);
    check("/machine.slice/libpod-ID.scope", Some("libpod-ID.scope"), podman);
    check("/machine.slice/libpod-ID.scope/container", Some("libpod-ID.scope"), podman);
    check("/libpod_parent/libpod-ID", None, podman);
    check("/system.slice/web.service/libpod-payload-ID", Some("web.service"), podman);
    let pod = "/machine.slice/machine-libpod_pod_ID.slice/libpod-ID.scope/container";
    check(pod, Some("libpod-ID.scope"), podman);
    let monitor = "/machine.slice/libpod-conmon-ID.scope";
    check(monitor, Some("libpod-conmon-ID.scope"), None);
    check("/libpod_parent/conmon", None, None);
}

#[test]
fn kubernetes_is_told_with_the_runtime_where_the_path_has_it() {
    let pods = "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podPOD.slice";
    for (prefix, runtime) in
        [("cri-containerd", "containerd"), ("crio", "cri-o"), ("docker", "docker")]
    {
        let scope = format!("{prefix}-ID.scope");
        check(&format!("{pods}/{scope}"), Some(&scope), Some(["ID", "", runtime]));
    }
    check("/kubepods/besteffort/podPOD/ID", None, Some(["ID", "", ""]));
    check("/kubepods/podPOD/crio-ID", None, Some(["ID", "", "cri-o"]));
    let described = "/system.slice/containerd.service/kubepods-podPOD.slice:cri-containerd:ID";
    check(described, Some("containerd.service"), Some(["ID", "", "containerd"]));
    check("/kubepods.slice/crio-conmon-ID.scope", Some("crio-conmon-ID.scope"), None);
    check("/kubepods/burstable/podPOD", None, None);
    check("/k8s.io/ID", None, Some(["ID", "", "containerd"]));
    check(
        "/system.slice/nerdctl-ID.scope",
        Some("nerdctl-ID.scope"),
        Some(["ID", "", "containerd"]),
    );
    check("/default/ID", None, Some(["ID", "", "containerd"]));
    check("/ecs/POD/ID", None, Some(["ID", "", ""]));
    let task = "34dc0b5e626f2c5c4c5170e34b10e765-1234567890";
    check(&format!("/ecs/{task}"), None, Some([task, "", ""]));
}

#[test]
fn containers_that_have_names_alone_are_told_by_them() {
    let lxc = Some(["web", "web", "lxc"]);
    check("/lxc/web", None, lxc);
    check("/lxc/web/ns/system.slice/ssh.service", Some("ssh.service"), lxc);
    check("/lxc.payload.web/init.scope", Some("init.scope"), lxc);
    check("/lxc.payload/web", None, lxc);
    check("/lxc.monitor.web", None, None);
    check("/lxc", None, None);
    let scope = r"machine-lxc\x2d42\x2dweb.scope";
    check(&format!("/machine.slice/{scope}"), Some(scope), lxc);
    let nspawn = Some(["my-web", "my-web", "systemd-nspawn"]);
    let scope = r"machine-my\x2dweb.scope";
    check(&format!("/machine.slice/{scope}/payload"), Some(scope), nspawn);
    check(&format!("/machine.slice/{scope}/supervisor"), Some(scope), None);
    let service = "systemd-nspawn@my-web.service";
    check(&format!("/machine.slice/{service}/payload"), Some(service), nspawn);
    check(&format!("/machine.slice/{service}/supervisor"), Some(service), None);
    let machine = r"machine-qemu\x2d1\x2dvm.scope";
    check(&format!("/machine.slice/{machine}/libvirt/vcpu0"), Some(machine), None);
}

#[track_caller]
fn check_lines(lines: &[&str], path: Option<&str>, unit: Option<&str>, container: bool) {
    let found = Cgroup::parse(lines.join("\n").replace("ID", ID).as_bytes());
    assert_eq!(found.path.as_deref(), path.map(Path::new));
    assert_eq!(found.unit.as_deref(), unit);
    assert_eq!(found.container.is_some(), container);
}

#[test]
fn the_hierarchy_that_tells_most_is_taken() {
    let ssh = "/system.slice/ssh.service";
    check_lines(&[], None, None, false);
    check_lines(&["1:name=systemd:/a", "0::/b:c"], Some("/b:c"), None, false);
    let hybrid = ["1:name=systemd:/system.slice/ssh.service", "0::/"];
    check_lines(&hybrid, Some(ssh), Some("ssh.service"), false);
    check_lines(&["4:memory:/docker/ID", "1:name=systemd:/", "0::/"], Some("/"), None, true);
    check_lines(&["2:cpu,cpuacct:/", "1:pids:/jobs/7"], Some("/jobs/7"), None, false);
    check_lines(&["2:cpu,cpuacct:/", "1:pids:/"], Some("/"), None, false);
    check_lines(&["0::/system.slice/ssh.service (deleted)"], Some(ssh), Some("ssh.service"), false);
    check_lines(&["0::", "0", "", "::", "0:: (deleted)"], None, None, false);
}

#[test]
fn a_path_that_is_not_text_is_kept_as_it_is() {
    let found = Cgroup::parse(b"0::/\xff/ssh.service\n");
    assert_eq!(found.path.unwrap().as_os_str().as_encoded_bytes(), b"/\xff/ssh.service");
    assert_eq!(found.unit.as_deref(), Some("ssh.service"));
}

/// Texts that look like the real ones.
fn path() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        "(docker|libpod|crio|lxc|machine|systemd-nspawn@|_)?[-:.]?(conmon)?[-:]?",
        Just(ID.to_owned()),
        r"\\x[0-9a-f]{0,2}",
        r"(\.scope|\.service|\.slice|/|\.\.)",
        "\\PC{0,4}",
    ];
    prop::collection::vec(word, 0..8).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn no_text_is_a_reason_to_panic(text in prop::collection::vec(any::<u8>(), 0..200)) {
        Cgroup::parse(&text);
    }

    #[test]
    fn what_is_told_stands_in_the_path(path in path()) {
        let found = Cgroup::parse(format!("0::/{path}").as_bytes());
        if let Some(unit) = found.unit {
            prop_assert!(path.contains(&unit));
        }
        if let Some(container) = found.container {
            prop_assert!(!container.id.is_empty());
            prop_assert!(container.name.is_some() || path.contains(&container.id));
        }
    }
}
