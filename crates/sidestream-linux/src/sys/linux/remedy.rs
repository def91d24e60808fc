//! What to do when the kernel withholds something.

use std::{fs, io};

use crate::Feature;

/// Says what to do about a feature that cannot be had.
pub(super) fn of(feature: Feature, error: &io::Error) -> &'static str {
    match feature {
        Feature::UserNamespace | Feature::NetworkNamespace | Feature::MountNamespace => {
            namespaces(error)
        }
        // An AppArmor profile lets a program make a user namespace and takes all rights in it.
        Feature::Tmpfs | Feature::Routing | Feature::TransparentSockets
            if number("kernel/apparmor_restrict_unprivileged_userns") == Some(1) =>
        {
            APPARMOR
        }
        Feature::Tmpfs => "mounting is forbidden here, allow it in the container's settings",
        Feature::Routing => "policy routing is missing, use a kernel with IP_MULTIPLE_TABLES",
        Feature::TransparentSockets => "allow CAP_NET_ADMIN in the container's settings",
        Feature::Filter => match error.raw_os_error() {
            Some(libc::EBUSY) => {
                "another supervisor has this process under its filter, run outside"
            }
            Some(libc::EPERM | libc::EACCES) => "allow `seccomp` in the container's settings",
            _ => "use a kernel with SECCOMP_FILTER and user notification, of 5.9 or later",
        },
        Feature::Memory => match number("kernel/yama/ptrace_scope") {
            Some(2 | 3) => "run as root, or set sysctl kernel.yama.ptrace_scope to 0 or 1",
            _ => "allow `ptrace` in the container's settings",
        },
        Feature::Tproxy => match error.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => "allow nftables in the container's settings",
            _ => "use a kernel with nf_tables, nft_tproxy, nft_socket and nft_fib_inet",
        },
    }
}

const APPARMOR: &str = "AppArmor restricts user namespaces: run as root, or give this program a \
    profile with `userns`, or set sysctl kernel.apparmor_restrict_unprivileged_userns=0";

fn namespaces(error: &io::Error) -> &'static str {
    if number("kernel/unprivileged_userns_clone") == Some(0) {
        return "run as root, or set sysctl kernel.unprivileged_userns_clone=1";
    }
    if number("user/max_user_namespaces") == Some(0) {
        return "run as root, or set sysctl user.max_user_namespaces to 1000 or more";
    }
    if number("kernel/apparmor_restrict_unprivileged_userns") == Some(1) {
        return APPARMOR;
    }
    match error.raw_os_error() {
        Some(libc::ENOSPC | libc::EUSERS) => {
            "too many namespaces are in use, raise sysctl user.max_user_namespaces, \
             user.max_net_namespaces and user.max_mnt_namespaces"
        }
        Some(libc::EINVAL | libc::ENOSYS) => "use a kernel with USER_NS and NET_NS",
        _ => {
            "a container's seccomp filter or a chroot forbids namespaces: allow `unshare` in its \
             settings, or run outside of it"
        }
    }
}

fn number(name: &str) -> Option<u32> {
    fs::read_to_string(format!("/proc/sys/{name}")).ok()?.trim().parse().ok()
}
