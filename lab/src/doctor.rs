//! What can run here, and what to install for the rest.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Result;
use serde::Serialize;

use crate::ground::ctr::engine::Engine;
use crate::ground::kernel::{self, Qemu};
use crate::ground::vm;
use crate::model::GroundKind;

/// A finding: a ground, or one machine of it, and what it lacks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The ground.
    pub ground: &'static str,
    /// What of it, such as a kernel or a system; nothing for the whole.
    pub part: String,
    /// Why it cannot run, if it cannot.
    pub lacks: Option<String>,
    /// What is to be known besides.
    pub note: String,
}

/// Looks at every ground; `lab` is the folder where the lab keeps its files.
#[must_use]
pub fn look(lab: &Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    for ground in GroundKind::ALL {
        let mut add = |part: &str, lacks: Result<()>, note: &str| {
            findings.push(Finding {
                ground: ground.name(),
                part: part.to_owned(),
                lacks: lacks.err().map(|error| format!("{error:#}")),
                note: note.to_owned(),
            });
        };
        match ground {
            GroundKind::Sim => add("", Ok(()), "in memory"),
            GroundKind::Net => {
                add("", namespaces(), "");
                let root = sidestream_testkit::is_root();
                let right =
                    if root { Ok(()) } else { Err(anyhow::anyhow!("only root captures so")) };
                add("local", right, "");
            }
            GroundKind::Ctr => add("", Engine::check(), ""),
            GroundKind::Kernel => {
                let qemu = Qemu::find();
                let fast = qemu.as_ref().is_ok_and(|qemu| qemu.accelerated().is_some());
                let note = if fast { "by KVM, if that works" } else { "without KVM: slower" };
                add("", qemu.map(drop), note);
                for version in kernel::ALL {
                    let here = lab.join("kernels").join(version).exists();
                    add(
                        version,
                        Ok(()),
                        if here { "fetched" } else { "to be fetched when asked for" },
                    );
                }
            }
            GroundKind::Vm => {
                for system in vm::SYSTEMS {
                    add(system, vm::check(system, lab), "to be asked for by --ground vm");
                }
            }
            GroundKind::Wine | GroundKind::NetextSim => {
                add("", Err(anyhow::anyhow!("not built yet")), "");
            }
        }
    }
    findings
}

/// Writes findings as a table for people.
#[must_use]
pub fn table(findings: &[Finding]) -> String {
    let line = |finding: &Finding| {
        let verdict = match &finding.lacks {
            None => "ok".to_owned(),
            Some(lacks) => format!("no: {lacks}"),
        };
        let name = format!("{} {}", finding.ground, finding.part);
        format!("{:22} {verdict} {}", name.trim_end(), finding.note).trim_end().to_owned() + "\n"
    };
    findings.iter().map(line).collect()
}

/// Makes the namespaces that a trial is run in, for a moment.
fn namespaces() -> Result<()> {
    let script = sidestream_testkit::workspace_path("lab/own-namespaces.sh");
    let mut command = Command::new(script);
    let output = command.arg("true").stdin(Stdio::null()).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "no namespaces of its own: {}", said.trim());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ground_is_told_of() {
        let findings = look(Path::new("/nonexistent"));
        for ground in GroundKind::ALL {
            assert!(findings.iter().any(|finding| finding.ground == ground.name()), "{ground:?}");
        }
        let table = table(&findings);
        assert!(table.starts_with("sim                    ok in memory\n"), "{table}");
        assert!(table.contains("wine                   no: not built yet\n"), "{table}");
    }
}
