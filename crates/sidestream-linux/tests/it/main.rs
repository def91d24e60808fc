//! Real programs inside of a sandbox, against servers on this host.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod client;
mod conforms;
mod conforms_seccomp;
mod ends;
mod files;
mod gateway;
mod identity;
mod local;
mod loopback;
mod relay;
mod seccomp;
mod traffic;

use sidestream_linux::{check, check_seccomp};

#[test]
fn what_is_checked_is_what_can_be_launched() {
    let findings = check();
    assert_eq!(findings.len(), 7);
    for finding in check_seccomp() {
        assert!(finding.outcome.is_ok(), "{finding:?}");
    }
    if relay::able("what_is_checked_is_what_can_be_launched") {
        for finding in findings {
            assert!(finding.outcome.is_ok(), "{finding:?}");
        }
    }
}
