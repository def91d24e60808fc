//! A cgroup for a test alone.

use std::process::{Command, Stdio};

use sidestream_testkit::is_root;

use crate::ground::{eventually, on_prepared_ground};

/// Where the test finds cgroup2.
pub(crate) const CGROUP: &str = "/mnt/cgroup";

/// The same as [`on_prepared_ground`], in a cgroup that is the root for the test, as in a
/// container: programs that are attached there see nobody else.
pub(crate) fn in_container(test: &str) -> bool {
    on_ground_with_cgroup(
        test,
        "echo $$ > $cgroup/cgroup.procs
        umount --all --types cgroup2
        exec unshare --cgroup sh -ec 'mount -t cgroup2 none /mnt/cgroup; exec \"$@\"' sh \"$@\"",
    )
}

/// The same as [`on_prepared_ground`]; `$cgroup` is a new cgroup, which is removed afterwards.
pub(crate) fn on_ground_with_cgroup(test: &str, prepare: &str) -> bool {
    let name = format!("sidestream-{}", test.rsplit("::").next().unwrap());
    let make = format!(
        "mount -t tmpfs none /mnt
        mkdir {CGROUP}
        mount -t cgroup2 none {CGROUP}
        cgroup={CGROUP}/{name}
        mkdir -p $cgroup
        {prepare}"
    );
    let inside = on_prepared_ground(test, &make);
    if !inside && is_root() {
        let remove =
            format!("mount -t cgroup2 none /mnt && cd /mnt && rmdir -p {name} || test ! -d {name}");
        eventually("an empty cgroup", || {
            let mut command = Command::new("unshare");
            command.args(["--mount", "sh", "-c", &remove]).stderr(Stdio::null());
            command.status().unwrap().success()
        });
    }
    inside
}
