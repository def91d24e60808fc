//! Machines that cannot capture, or not everything.

use insta::assert_snapshot;
use sidestream_os::{Options, start_os_proxy};

use crate::container::on_ground_with_cgroup;
use crate::ground::{HELPER, on_prepared_ground, on_prepared_ground_of_a_user};
use crate::scene::{Scene, checked, logged};

/// Takes every cgroup2 file system away from the test.
const NO_CGROUP2: &str = "umount --all --types cgroup2";

#[test]
fn without_cgroup2_it_says_how_to_get_one() {
    if !on_prepared_ground("machine::without_cgroup2_it_says_how_to_get_one", NO_CGROUP2) {
        return;
    }
    assert_snapshot!(Scene::new().refusal(), @"the kernel cannot capture connections here: no cgroup2 file system is mounted with its root; mount one: mkdir -p /run/cgroup2 && mount -t cgroup2 none /run/cgroup2");
    assert_snapshot!(checked(), @"cgroup2: no cgroup2 file system is mounted with its root; mount one: mkdir -p /run/cgroup2 && mount -t cgroup2 none /run/cgroup2");
}

#[test]
fn cgroup2_may_be_anywhere() {
    let elsewhere = "
        umount --all --types cgroup2
        mount -t tmpfs none /mnt
        mkdir '/mnt/a place'
        mount -t cgroup2 none '/mnt/a place'";
    if !on_prepared_ground("machine::cgroup2_may_be_anywhere", elsewhere) {
        return;
    }
    let mut scene = Scene::new();
    let _proxy = scene.capture();
    scene.assert_captured();
}

#[test]
fn a_part_of_cgroup2_is_not_taken_for_the_whole() {
    let part = "
        mkdir /mnt/part
        mount --bind $cgroup /mnt/part
        umount /mnt/cgroup
        umount /sys/fs/cgroup/unified || umount /sys/fs/cgroup";
    if !on_ground_with_cgroup("machine::a_part_of_cgroup2_is_not_taken_for_the_whole", part) {
        return;
    }
    assert_snapshot!(Scene::new().refusal(), @"the kernel cannot capture connections here: no cgroup2 file system is mounted with its root; mount one: mkdir -p /run/cgroup2 && mount -t cgroup2 none /run/cgroup2");
}

#[test]
fn without_type_information_it_names_the_option_of_the_kernel() {
    let none = "mount -t tmpfs none /sys/kernel/btf";
    if !on_prepared_ground(
        "machine::without_type_information_it_names_the_option_of_the_kernel",
        none,
    ) {
        return;
    }
    assert_snapshot!(Scene::new().refusal(), @"the kernel cannot capture connections here: no usable kernel type information at /sys/kernel/btf/vmlinux: No such file or directory (os error 2); use a kernel built with CONFIG_DEBUG_INFO_BTF");
    assert_snapshot!(checked(), @"BTF: no usable kernel type information at /sys/kernel/btf/vmlinux; use a kernel built with CONFIG_DEBUG_INFO_BTF");
}

#[test]
fn empty_type_information_is_refused() {
    let empty = "mount --bind /dev/null /sys/kernel/btf/vmlinux";
    if !on_prepared_ground("machine::empty_type_information_is_refused", empty) {
        return;
    }
    assert_snapshot!(Scene::new().refusal(), @"the kernel cannot capture connections here: no usable kernel type information at /sys/kernel/btf/vmlinux: it is cut off; use a kernel built with CONFIG_DEBUG_INFO_BTF");
}

#[test]
fn type_information_that_is_cut_off_is_refused() {
    let cut = "
        mount -t tmpfs none /mnt
        head -c 100000 /sys/kernel/btf/vmlinux > /mnt/cut
        mount --bind /mnt/cut /sys/kernel/btf/vmlinux";
    if !on_prepared_ground("machine::type_information_that_is_cut_off_is_refused", cut) {
        return;
    }
    assert_snapshot!(Scene::new().refusal(), @"the kernel cannot capture connections here: no usable kernel type information at /sys/kernel/btf/vmlinux: it is cut off; use a kernel built with CONFIG_DEBUG_INFO_BTF");
}

#[test]
fn garbage_for_type_information_is_refused() {
    // The first bytes are right, what they say is not.
    let garbage = "
        mount -t tmpfs none /mnt
        { head -c 24 /sys/kernel/btf/vmlinux; yes | head -c 12000000; } > /mnt/garbage
        mount --bind /mnt/garbage /sys/kernel/btf/vmlinux";
    if !on_prepared_ground("machine::garbage_for_type_information_is_refused", garbage) {
        return;
    }
    assert_snapshot!(Scene::new().refusal(), @"the kernel cannot capture connections here: no usable kernel type information at /sys/kernel/btf/vmlinux: it is cut off; use a kernel built with CONFIG_DEBUG_INFO_BTF");
}

#[test]
fn lockdown_is_named_with_what_can_be_done() {
    let locked = "
        mount -t tmpfs none /sys/kernel/security
        echo 'none integrity [confidentiality]' > /sys/kernel/security/lockdown";
    if !on_prepared_ground("machine::lockdown_is_named_with_what_can_be_done", locked) {
        return;
    }
    assert_snapshot!(Scene::new().refusal(), @"the kernel cannot capture connections here: the kernel is locked down (confidentiality); boot with lockdown=integrity: confidentiality forbids to look at processes");
    assert_snapshot!(checked(), @"no lockdown: the kernel is locked down (confidentiality); boot with lockdown=integrity: confidentiality forbids to look at processes");
}

#[test]
fn an_old_kernel_is_named() {
    let old = "
        mount -t tmpfs none /mnt
        echo 5.4.0-150-generic > /mnt/release
        mount --bind /mnt/release /proc/sys/kernel/osrelease";
    if !on_prepared_ground("machine::an_old_kernel_is_named", old) {
        return;
    }
    assert_snapshot!(Scene::new().refusal(), @"the kernel cannot capture connections here: kernel 5.4.0-150-generic is older than 5.10; use Linux 5.10 or later");
    assert_snapshot!(checked(), @"kernel 5.10: kernel 5.4.0-150-generic is older than 5.10; use Linux 5.10 or later");
}

#[test]
fn without_rights_it_names_them_all() {
    let test = "machine::without_rights_it_names_them_all";
    if !on_prepared_ground_of_a_user(test, "true", &[]) {
        return;
    }
    assert_snapshot!(Scene::new().refusal(), @"the kernel cannot capture connections here: missing capability CAP_BPF; run it as root, or give it CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN");
}

#[test]
fn where_rights_cannot_be_had_the_proxy_says_why() {
    let test = "machine::where_rights_cannot_be_had_the_proxy_says_why";
    if !on_prepared_ground_of_a_user(test, "true", &["--no-new-privs"]) {
        return;
    }
    let mut options = Options::default();
    options.helper = Some(HELPER.into());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let started = runtime.block_on(start_os_proxy(&"!0".parse().unwrap(), &options));
    assert_snapshot!(started.unwrap_err(), @"NoNewPrivs is set for this process, so nothing that it starts can get the rights to capture; start it outside of the container, service or sandbox that sets it, or as root");
}

#[test]
fn without_tun_ipv4_is_captured_and_the_user_told() {
    let none = "mount -t tmpfs none /dev/net";
    if !on_prepared_ground("machine::without_tun_ipv4_is_captured_and_the_user_told", none) {
        return;
    }
    let mut scene = Scene::new();
    let proxy = scene.capture();
    scene.assert_captured();
    assert_snapshot!(logged(&proxy, "IPv6"), @"connections over IPv6 pass: there is no /dev/net/tun, load the module `tun` or give the device to the container");
    drop(proxy);
    assert_snapshot!(checked(), @"/dev/net/tun: No such file or directory (os error 2); load the module with `modprobe tun`, or give the container the device /dev/net/tun; without it IPv6 is not captured");
}

#[test]
fn where_tun_is_for_root_alone_a_user_captures_ipv4() {
    let test = "machine::where_tun_is_for_root_alone_a_user_captures_ipv4";
    let private = "
        mount -t tmpfs none /dev/net
        mknod -m 600 /dev/net/tun c 10 200";
    let capabilities =
        ["--inh-caps=+bpf,+net_admin,+perfmon", "--ambient-caps=+bpf,+net_admin,+perfmon"];
    if !on_prepared_ground_of_a_user(test, private, &capabilities) {
        return;
    }
    let mut scene = Scene::new();
    let proxy = scene.capture();
    scene.assert_captured();
    assert_snapshot!(logged(&proxy, "IPv6"), @"connections over IPv6 pass: no right to make a network device, CAP_NET_ADMIN and access to /dev/net/tun are needed: Permission denied (os error 13)");
}
