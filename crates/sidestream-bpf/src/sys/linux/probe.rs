//! Tries everything that the hooks need, one thing after the other.

use std::io;

use aya::Ebpf;

use super::abi::{ADDRESS_HOOKS, RELEASE_HOOK, TRACEPOINTS};
use super::{load, machine};
use crate::{Finding, LoadError, LoadOptions, Need};

/// Tries everything that the hooks need, and leaves nothing behind.
///
/// Each program is loaded, and attached nowhere.
pub fn probe() -> Vec<Finding> {
    let mut findings = vec![
        finding(Need::Kernel, machine::check_kernel()),
        finding(Need::Unlocked, machine::check_lockdown()),
        finding(Need::Cgroup2, machine::open_cgroup().map(drop)),
    ];
    for (name, number) in machine::CAPABILITIES {
        findings.push(finding(Need::Capability(name), machine::check_capability(name, number)));
    }
    findings.push(finding(Need::Btf, machine::check_types()));
    let reached = findings.iter().all(|finding| finding.outcome.is_ok());
    findings.extend(hooks(reached));
    findings
}

/// Loads each program; gives all as not reached where something is missing before.
fn hooks(reached: bool) -> Vec<Finding> {
    let names = ADDRESS_HOOKS.into_iter().chain([RELEASE_HOOK]);
    let names = names.chain(TRACEPOINTS.map(|(program, _)| program));
    let mut parsed = reached.then(|| load::parse(&LoadOptions::default()));
    names
        .map(|name| {
            let need = Need::Hook(name);
            match &mut parsed {
                Some(Ok(ebpf)) => finding(need, try_hook(ebpf, name)),
                Some(Err(error)) => Finding {
                    need,
                    outcome: Err(io::Error::other(error.to_string())),
                    remedy: error.remedy(),
                },
                None => {
                    let outcome = Err(io::Error::from(io::ErrorKind::Unsupported));
                    Finding { need, outcome, remedy: None }
                }
            }
        })
        .collect()
}

fn try_hook(ebpf: &mut Ebpf, name: &'static str) -> Result<(), LoadError> {
    load::try_hook(ebpf, name)
}

fn finding(need: Need, result: Result<(), LoadError>) -> Finding {
    let remedy = result.as_ref().err().and_then(LoadError::remedy);
    Finding { need, outcome: result.map_err(io::Error::other), remedy }
}
