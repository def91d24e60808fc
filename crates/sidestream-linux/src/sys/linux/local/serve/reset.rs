//! Ends connections that were open before their process was captured, so that they come again.

use sidestream_bpf::Slot;
use sidestream_ipc::{FlowVerdict, NoticeKind};
use sidestream_process::{Connection, Sockets};
use tracing::{debug, info};

use super::accept::of_flow;
use super::decide::Decision;
use super::engine::Engine;

impl Engine {
    /// Ends the connections that would be captured if they were made now.
    pub(crate) fn reset_existing(&mut self) {
        let sockets = match Sockets::open() {
            Ok(sockets) => sockets,
            Err(error) => {
                debug!(%error, "no list of sockets");
                return self.notices.add(NoticeKind::ResetFailed, None, None, 1);
            }
        };
        let mut count = 0;
        for (decision, pids) in self.captured() {
            let wanted = |connection: &Connection| {
                let is_ours = Slot::of(connection.remote).is_some();
                !is_ours && of_flow(&decision, connection.remote) != FlowVerdict::Pass
            };
            match sockets.reset(&pids, wanted) {
                Ok(reset) => count += reset.sockets,
                Err(error) => {
                    debug!(%error, "open connections stay");
                    self.notices.add(NoticeKind::ResetFailed, None, None, 1);
                }
            }
        }
        if count > 0 {
            info!(count, "open connections were reset");
            self.notices.add(NoticeKind::Reset, None, None, u64::try_from(count).unwrap_or(0));
        }
    }

    /// Lists the processes of which something is captured, by what was decided about them.
    fn captured(&mut self) -> Vec<(Decision, Vec<u32>)> {
        let mut groups: Vec<(Decision, Vec<u32>)> = Vec::new();
        for key in self.processes.living() {
            let Some(entry) = self.processes.get(key) else { continue };
            let pid = entry.identity.pid;
            if self.own.contains(&pid) || self.is_foreign(entry.uid) {
                continue;
            }
            let decisions = self.verdicts.decisions(key, &mut self.processes, &mut self.people);
            if decisions.own == Decision::Pass {
                continue;
            }
            match groups.iter_mut().find(|(decision, _)| *decision == decisions.own) {
                Some((_, pids)) => pids.push(pid),
                None => groups.push((decisions.own.clone(), vec![pid])),
            }
        }
        groups
    }
}
