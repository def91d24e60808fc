//! Holds what was recorded against what the processes said of themselves.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use sidestream_flow::{FlowId, Process};
use sidestream_record::{Event, Opened};
use sidestream_store::Reader;

use super::origin::Seen;
use super::plan::{self, Plan};

/// How many findings are told in words.
const MAX_TOLD: usize = 20;

/// What is wrong with a recording.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    /// Flows with a right record.
    pub(super) right: usize,
    /// How many there are of each kind of what is wrong.
    pub(super) wrong: BTreeMap<&'static str, usize>,
    /// The first of them.
    pub(super) told: Vec<String>,
}

impl Verdict {
    pub(super) fn add(&mut self, kind: &'static str, what: impl FnOnce() -> String) {
        *self.wrong.entry(kind).or_default() += 1;
        if self.told.len() < MAX_TOLD {
            self.told.push(format!("{kind}: {}", what()));
        }
    }
}

/// Reads a session, and judges it.
pub(super) fn judge(session: &Path, plan: &Plan, seen: &Seen) -> anyhow::Result<Verdict> {
    let mut verdict = Verdict::default();
    let mut open: BTreeMap<FlowId, u32> = BTreeMap::new();
    let mut recorded: BTreeMap<u32, usize> = BTreeMap::new();
    let reader = Reader::open(session)?;
    for entry in reader.entries(..) {
        let entry = entry?;
        match entry.event {
            Event::Opened(opened) => {
                let Some(serial) = serial_of(&opened, plan.port) else { continue };
                open.insert(entry.flow, serial);
                *recorded.entry(serial).or_default() += 1;
                match wrong_with(plan, seen, serial, opened.process.as_deref()) {
                    Some((kind, what)) => verdict.add(kind, || format!("{serial}: {what}")),
                    None => verdict.right += 1,
                }
            }
            Event::Closed(closed) => {
                let Some(serial) = open.remove(&entry.flow) else { continue };
                if let Some(failure) = closed.failure {
                    verdict.add("failed", || format!("{serial}: {failure:?}"));
                }
            }
            _ => {}
        }
    }
    for serial in open.into_values() {
        verdict.add("never closed", || serial.to_string());
    }
    for (serial, count) in recorded.iter().filter(|(_, count)| **count > 1) {
        verdict.add("recorded more than once", || format!("{serial}: {count} times"));
    }
    for serial in 0..plan.connections {
        if !seen.pids.contains_key(&serial) {
            verdict.add("never came", || serial.to_string());
        }
        if !recorded.contains_key(&serial) {
            verdict.add("not recorded", || serial.to_string());
        }
    }
    for odd in &seen.odd {
        verdict.add("odd", || odd.clone());
    }
    let contents = reader.contents()?;
    if contents.lost_entries > 0 || !contents.closed {
        verdict.add("session", || format!("{contents:?}"));
    }
    Ok(verdict)
}

fn serial_of(opened: &Opened, port: u16) -> Option<u32> {
    match opened.key.server {
        SocketAddr::V4(server) if server.port() == port => plan::serial(*server.ip()),
        _ => None,
    }
}

/// Says what is wrong with the process that a flow is recorded with.
fn wrong_with(
    plan: &Plan,
    seen: &Seen,
    serial: u32,
    process: Option<&Process>,
) -> Option<(&'static str, String)> {
    let Some(process) = process else { return Some(("no process", String::new())) };
    let (path, words) = plan.words(&plan.piece_with(serial));
    let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
    // One that never came is told as that.
    let pid = seen.pids.get(&serial).copied().unwrap_or(process.pid);
    if process.pid != pid {
        return Some(("wrong pid", format!("{} is recorded, {pid} it was", process.pid)));
    }
    if process.path.as_deref() != Some(path) {
        return Some(("wrong executable", format!("{:?} of {pid}", process.path)));
    }
    if process.args != words {
        return Some(("wrong arguments", format!("{:?} of {pid}", process.args)));
    }
    if process.parents().all(|parent| parent.pid != 1) {
        return Some(("parents not up to init", format!("{:?}", process.parent)));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_whose_a_flow_is_not() {
        let plan =
            Plan { connections: 5, port: 80, bench: "/b/bench".into(), bash: "/bin/bash".into() };
        let seen = Seen { pids: BTreeMap::from([(3, 7)]), odd: Vec::new() };
        let init = Process { pid: 1, ..Process::default() };
        let right = Process {
            pid: 7,
            path: Some("/b/bench".into()),
            args: ["/b/bench", "dial", "80", "0", "5"].map(String::from).to_vec(),
            parent: Some(init.into()),
            ..Process::default()
        };
        let wrong = |change: fn(&mut Process)| {
            let mut process = right.clone();
            change(&mut process);
            wrong_with(&plan, &seen, 3, Some(&process)).map(|(kind, _)| kind)
        };
        assert_eq!(wrong(|_| ()), None);
        assert_eq!(wrong(|it| it.pid = 8), Some("wrong pid"));
        assert_eq!(wrong(|it| it.path = None), Some("wrong executable"));
        assert_eq!(wrong(|it| it.args.truncate(1)), Some("wrong arguments"));
        assert_eq!(wrong(|it| it.parent = None), Some("parents not up to init"));
        assert_eq!(wrong_with(&plan, &seen, 3, None).map(|(kind, _)| kind), Some("no process"));
    }
}
