//! What this machine can do, and why not.

use sidestream_capture::{Attribution, Capabilities, Refusal};

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
        drivers: if sys::HAS_NAMESPACES { vec![namespaces()] } else { Vec::new() },
    }
}

fn namespaces() -> Driver {
    let mut missing = false;
    let mut findings = Vec::new();
    for found in sidestream_linux::check() {
        let outcome = match found.outcome {
            Ok(()) => Outcome::Fine,
            Err(_) if missing => Outcome::Untried,
            Err(error) => {
                missing = true;
                Outcome::Missing { reason: error.to_string(), remedy: found.remedy }
            }
        };
        findings.push(Finding { what: found.feature.to_string(), outcome });
    }
    // What its capture says of itself, which is there only while a command runs.
    let capabilities = Capabilities::default()
        .with_udp()
        .with_ipv6()
        .with_attribution(Attribution::Lookup)
        .with_refusal(Refusal::Reset)
        .with_descriptors();
    Driver { name: "namespaces", mode: "run", capabilities, findings }
}
