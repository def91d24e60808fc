//! What the ground needs of this machine, and which packages have it.

use crate::closure;
use crate::ground::Unavailable;

/// Programs by which a machine is brought up, with the packages that have them.
const MACHINE: [(&str, &str); 8] = [
    ("vagrant", "vagrant vagrant-libvirt"),
    ("libvirtd", "libvirt-daemon libvirt-daemon-driver-qemu"),
    ("dnsmasq", "dnsmasq-base"),
    ("ip", "iproute2"),
    ("iptables", "iptables"),
    ("nsenter", "util-linux"),
    ("setpriv", "util-linux"),
    ("ssh", "openssh-client"),
];

/// Programs by which a box is made.
const BOX: [(&str, &str); 6] = [
    ("mke2fs", "e2fsprogs"),
    ("mmdebstrap", "mmdebstrap"),
    ("qemu-img", "qemu-utils"),
    ("ssh-keygen", "openssh-client"),
    ("unshare", "util-linux"),
    ("vagrant", "vagrant vagrant-libvirt"),
];

/// Checks that machines can be brought up.
pub(super) fn machine() -> Result<(), Unavailable> {
    as_root("virtual machines need root: their networks are made by the system")?;
    all(&MACHINE)
}

/// Checks that a box can be made.
pub(super) fn for_box() -> Result<(), Unavailable> {
    as_root("a box is made by root: its files are root's")?;
    all(&BOX)
}

/// Checks that there is a Vagrant.
pub(super) fn vagrant() -> Result<(), Unavailable> {
    all(&[("vagrant", "vagrant")])
}

fn as_root(words: &str) -> Result<(), Unavailable> {
    if sidestream_testkit::is_root() { Ok(()) } else { Err(Unavailable::new(words)) }
}

/// One line for each that is missing.
fn all(programs: &[(&str, &str)]) -> Result<(), Unavailable> {
    let missing = programs.iter().filter(|(program, _)| closure::find(program).is_none());
    let lines = missing.map(|(program, packages)| format!("no {program}: install {packages}"));
    let lines: Vec<String> = lines.collect();
    if lines.is_empty() { Ok(()) } else { Err(Unavailable::new(lines.join("\n"))) }
}
