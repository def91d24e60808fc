//! What this machine can do.

use std::fs::{self, OpenOptions};
use std::io;

use sidestream_bpf::Need;

use super::super::serve::may_enter;
use crate::LocalFinding;

/// What carries the route of the fake IPv6 addresses.
const TUN: &str = "/dev/net/tun";

/// Tries everything that the helper needs; nothing is left behind.
///
/// What only root can try is left out for everybody else: the helper will be root, or has the
/// capabilities.
pub fn check_local() -> Vec<LocalFinding> {
    let tried = sidestream_bpf::probe();
    let lacks = |one: &sidestream_bpf::Finding| {
        matches!(one.need, Need::Capability(_)) && one.outcome.is_err()
    };
    // SAFETY: the call takes nothing and cannot fail.
    let root = unsafe { libc::geteuid() == 0 };
    let ordinary = !root && tried.iter().any(lacks);
    let told = tried.into_iter().filter(|one| !ordinary || !needs_root(one));
    let mut findings: Vec<_> = told
        .map(|one| LocalFinding { what: one.need.name(), outcome: one.outcome, remedy: one.remedy })
        .collect();
    let outcome = if ordinary { fs::metadata(TUN).map(drop) } else { open_tun() };
    let remedy = outcome.as_ref().err().map(|_error| {
        "load the module with `modprobe tun`, or give the container the device /dev/net/tun; \
         without it IPv6 is not captured"
    });
    findings.push(LocalFinding { what: TUN, outcome, remedy });
    if root {
        findings.push(other_networks());
    }
    findings
}

/// Whether programs in other network namespaces, as in containers, can be captured.
fn other_networks() -> LocalFinding {
    let outcome = if may_enter() { Ok(()) } else { Err(io::ErrorKind::PermissionDenied.into()) };
    let remedy = outcome.as_ref().err().map(|_: &io::Error| {
        "give it CAP_SYS_ADMIN; without it programs in other network namespaces, as in containers, \
         are not captured"
    });
    LocalFinding { what: "other network namespaces", outcome, remedy }
}

fn needs_root(one: &sidestream_bpf::Finding) -> bool {
    let untried = |error: &io::Error| {
        matches!(error.kind(), io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied)
    };
    one.outcome.as_ref().is_err_and(|error| {
        matches!(one.need, Need::Capability(_))
            || (matches!(one.need, Need::Hook(_)) && untried(error))
    })
}

fn open_tun() -> io::Result<()> {
    OpenOptions::new().read(true).write(true).open(TUN).map(drop)
}
