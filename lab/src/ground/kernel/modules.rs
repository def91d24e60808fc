//! The modules of a kernel that trials need, each with those that it needs itself.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result};

use super::Kernel;
use crate::closure::Closure;

/// Modules by name; a star at the end takes all that begin so. The kernel loads them by itself
/// once they are asked for.
const WANTED: [&str; 19] = [
    "bridge",
    "dummy",
    "ifb",
    "inet_diag",
    "macvlan",
    "nf_tables",
    "nft_*",
    "overlay",
    "raw_diag",
    "sch_netem",
    "tcp_diag",
    "tun",
    "udp_diag",
    "unix_diag",
    "veth",
    "virtio_console",
    "virtio_pci",
    "vrf",
    "wireguard",
];

/// Adds the modules of a kernel and their lists.
pub(super) fn add(kernel: &Kernel, closure: &mut Closure) -> Result<()> {
    let folder = format!("usr/lib/modules/{}", kernel.release);
    let list = kernel.modules.join("modules.dep");
    let list = fs::read_to_string(&list).with_context(|| format!("reading {}", list.display()))?;
    for module in chosen(&list) {
        closure.place(&kernel.modules.join(module), &format!("{folder}/{module}"))?;
    }
    for entry in fs::read_dir(&kernel.modules)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("modules.") {
            closure.place(&entry.path(), &format!("{folder}/{name}"))?;
        }
    }
    Ok(())
}

/// The paths in a `modules.dep` of those that are wanted and those that they need.
fn chosen(list: &str) -> BTreeSet<&str> {
    let lines = list.lines().filter_map(|line| line.split_once(':'));
    let wanted = lines.filter(|(path, _)| is_wanted(&name(path)));
    wanted.flat_map(|(path, needs)| std::iter::once(path).chain(needs.split_whitespace())).collect()
}

fn is_wanted(name: &str) -> bool {
    WANTED.iter().any(|wanted| match wanted.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == *wanted,
    })
}

/// The name of a module: its file's, up to `.ko`.
fn name(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.split(".ko").next().unwrap_or(file).replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_come_with_those_that_they_need() {
        let list = "kernel/a/nf_tables.ko.xz: kernel/b/nfnetlink.ko.xz\n\
            kernel/c/nft_nat.ko.xz: kernel/a/nf_tables.ko.xz kernel/d/nf-nat.ko.xz\n\
            kernel/d/nf-nat.ko.xz:\n\
            kernel/e/tcp-diag.ko:\n\
            kernel/f/floppy.ko.xz:\n";
        let expected = [
            "kernel/a/nf_tables.ko.xz",
            "kernel/b/nfnetlink.ko.xz",
            "kernel/c/nft_nat.ko.xz",
            "kernel/d/nf-nat.ko.xz",
            "kernel/e/tcp-diag.ko",
        ];
        assert_eq!(chosen(list).into_iter().collect::<Vec<_>>(), expected);
    }
}
