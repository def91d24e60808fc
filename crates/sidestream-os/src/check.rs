//! What this machine can do, and why not.

use std::io;

use sidestream_capture::{Attribution, Capabilities, Refusal};
use sidestream_linux::LocalFinding;

use crate::helper::{self, Rights};
use crate::sys;

/// What this machine can do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The system and the release of its kernel: `linux 6.12.1`.
    pub system: String,
    /// Whether the caller has all rights.
    pub is_root: bool,
    /// The drivers for this system, the one that is picked first.
    pub drivers: Vec<Driver>,
}

/// A driver, and whether it can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Driver {
    /// Its name.
    pub name: &'static str,
    /// The mode that it serves.
    pub mode: &'static str,
    /// What it can do where it can be used.
    pub capabilities: Capabilities,
    /// What it needs, in the order in which it was tried.
    pub findings: Vec<Finding>,
    /// What of the machine's settings matters to it.
    pub notes: Vec<String>,
}

impl Driver {
    /// Returns whether all that the driver needs is there.
    pub fn is_usable(&self) -> bool {
        !self.findings.is_empty() && self.findings.iter().all(|one| one.outcome == Outcome::Fine)
    }
}

/// One thing that a driver needs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// What it is: `a network namespace`.
    pub what: String,
    /// How it went.
    pub outcome: Outcome,
}

/// Whether something is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is there.
    Fine,
    /// It is not.
    Missing {
        /// What the system said.
        reason: String,
        /// What to do about it.
        remedy: Option<&'static str>,
    },
    /// Something before it is missing, so it was not tried.
    Untried,
}

/// Tries what the drivers of this system need; nothing is left behind.
pub fn check() -> Report {
    Report {
        system: sys::system(),
        is_root: sys::is_root(),
        drivers: if sys::IS_LINUX {
            vec![namespaces(), seccomp(), ebpf(), gateway()]
        } else {
            Vec::new()
        },
    }
}

/// What was tried, how it went, and what to do if it failed.
type Tried = (String, io::Result<()>, Option<&'static str>);

/// Words what was tried in turn: after the first that is missing, nothing was.
fn in_turn(tried: impl Iterator<Item = Tried>) -> Vec<Finding> {
    let mut missing = false;
    let finding = |(what, outcome, remedy): Tried| {
        let outcome = match outcome {
            Ok(()) => Outcome::Fine,
            Err(_) if missing => Outcome::Untried,
            Err(error) => {
                missing = true;
                let reason = error.to_string();
                Outcome::Missing { reason, remedy }
            }
        };
        Finding { what, outcome }
    };
    tried.map(finding).collect()
}

fn namespaces() -> Driver {
    let tried = sidestream_linux::check().into_iter();
    let findings = in_turn(tried.map(|one| (one.feature.to_string(), one.outcome, one.remedy)));
    // What its capture says of itself, which is there only while a command runs.
    let capabilities = Capabilities::default()
        .with_udp()
        .with_ipv6()
        .with_attribution(Attribution::Lookup)
        .with_refusal(Refusal::Reset)
        .with_descriptors();
    Driver { name: "namespaces", mode: "run", capabilities, findings, notes: Vec::new() }
}

fn seccomp() -> Driver {
    let tried = sidestream_linux::check_seccomp().into_iter();
    let findings = in_turn(tried.map(|one| (one.feature.to_string(), one.outcome, one.remedy)));
    // What its capture says of itself, which is there only while a command runs.
    let capabilities = Capabilities::default()
        .with_udp()
        .with_ipv6()
        .with_attribution(Attribution::Kernel)
        .with_refusal(Refusal::Reset)
        .with_descriptors();
    Driver { name: "seccomp", mode: "run", capabilities, findings, notes: Vec::new() }
}

fn ebpf() -> Driver {
    let tried = sidestream_linux::check_local().into_iter();
    let mut findings: Vec<_> = tried.map(finding).collect();
    let status = helper::status();
    let outcome = match &status.found {
        Some(_) => Outcome::Fine,
        None => Outcome::Missing {
            reason: "sidestream-helper is not here".into(),
            remedy: Some(helper::GET_ONE),
        },
    };
    let place = status.found.as_ref().map(|path| format!("the helper {}", path.display()));
    findings.push(Finding { what: place.unwrap_or_else(|| "the helper".into()), outcome });
    let (what, outcome) = match status.rights {
        _ if status.found.is_none() => ("rights for the helper".into(), Outcome::Untried),
        Rights::By(way) => (format!("rights for the helper, by {way}"), Outcome::Fine),
        Rights::Lacking { reason, remedy } => (
            "rights for the helper".into(),
            Outcome::Missing { reason: reason.into(), remedy: Some(remedy) },
        ),
    };
    findings.push(Finding { what, outcome });
    // What its capture says of itself on a machine with IPv6.
    let capabilities = Capabilities::default()
        .with_udp()
        .with_ipv6()
        .with_attribution(Attribution::Kernel)
        .with_refusal(Refusal::Reset)
        .with_spec()
        .with_descriptors();
    Driver { name: "ebpf", mode: "local", capabilities, findings, notes: Vec::new() }
}

fn gateway() -> Driver {
    let findings = sidestream_linux::check_gateway().into_iter().map(finding).collect();
    let capabilities = Capabilities::default().with_udp().with_ipv6().with_descriptors();
    let notes = sidestream_linux::gateway_notes();
    Driver { name: "tproxy", mode: "transparent", capabilities, findings, notes }
}

/// Words what was tried for itself.
fn finding(one: LocalFinding) -> Finding {
    let outcome = match one.outcome {
        Ok(()) => Outcome::Fine,
        Err(error) if error.kind() == io::ErrorKind::Unsupported => Outcome::Untried,
        Err(error) => Outcome::Missing { reason: error.to_string(), remedy: one.remedy },
    };
    Finding { what: one.what.to_owned(), outcome }
}
