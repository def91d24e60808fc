//! What this machine can do.

use std::io;

use super::{launch, notify, remedy};
use crate::{Feature, Finding, LaunchError, Options};

/// What is needed, in the order in which it is tried.
const FEATURES: [Feature; 7] = [
    Feature::UserNamespace,
    Feature::NetworkNamespace,
    Feature::MountNamespace,
    Feature::Tmpfs,
    Feature::Routing,
    Feature::TransparentSockets,
    Feature::Tproxy,
];

/// Tries what a command under a filter needs, in a child that ends at once.
///
/// Nothing is left behind.
pub fn check_seccomp() -> Vec<Finding> {
    let (failed, mut error) = match notify::check() {
        Ok(()) => (None, None),
        Err((feature, error)) => (Some(feature), Some(error)),
    };
    let mut findings = Vec::new();
    for feature in [Feature::Filter, Feature::Memory] {
        let outcome = match failed {
            Some(failed) if failed == feature => {
                Err(error.take().unwrap_or_else(|| io::ErrorKind::Other.into()))
            }
            Some(_) if error.is_none() => Err(io::ErrorKind::Unsupported.into()),
            _ => Ok(()),
        };
        let remedy = outcome.as_ref().err().map(|error| remedy::of(feature, error));
        findings.push(Finding { feature, outcome, remedy });
    }
    findings
}

/// Tries everything that a sandbox needs, in a child that ends at once.
///
/// Nothing is left behind. As the caller is root and may do without a user namespace, that is
/// found to be fine.
pub fn check() -> Vec<Finding> {
    let tried = launch::prepare(&Options::new(["true"])).and_then(|(keeper, mut prepared)| {
        let configured = prepared.configure();
        drop(keeper);
        configured
    });
    let (failed, error, remedy) = match tried {
        Ok(()) => (None, None, None),
        Err(LaunchError::Unavailable { feature, remedy, source }) => {
            (Some(feature), Some(source), Some(remedy))
        }
        Err(error) => (Some(Feature::UserNamespace), Some(io::Error::other(error)), None),
    };
    let reached = failed.and_then(|failed| FEATURES.iter().position(|one| *one == failed));
    let (reached, mut error) = (reached.unwrap_or(FEATURES.len()), error);
    let finding = |(index, feature): (usize, &Feature)| {
        let (outcome, remedy) = if index < reached {
            (Ok(()), None)
        } else if index == reached {
            (Err(error.take().unwrap_or_else(|| io::ErrorKind::Other.into())), remedy)
        } else {
            (Err(io::ErrorKind::Unsupported.into()), None)
        };
        Finding { feature: *feature, outcome, remedy }
    };
    FEATURES.iter().enumerate().map(finding).collect()
}
