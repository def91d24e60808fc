//! An ask that goes on: the program that does it, and what came of it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow};

use super::{Hosted, Machines, PATIENCE, client, trust, unavailable};
use crate::agent::{ProcessEnd, ProcessId, Remote};
use crate::client::did;
use crate::closure::hint;
use crate::ground::Unavailable;
use crate::model::{Answer, Ask, Client, Driver, Trouble};

/// What a shell says of a command that is not there; so does `sidestream run`.
const NOT_FOUND: ProcessEnd = ProcessEnd::Code(127);

/// A program that asks.
#[derive(Debug)]
pub(super) struct Asking {
    pub(super) host: String,
    pub(super) process: ProcessId,
    remote: Arc<Remote>,
    did: String,
    /// The executable, where it is not the process itself.
    program: String,
    reads: client::Reads,
}

impl<M: Machines> Hosted<M> {
    /// Starts the program of an ask.
    pub(super) fn begin(&mut self, host: &str, ask: &Ask) -> Result<Asking> {
        let index = self.index(host)?;
        if !self.hosts[index].has_roots && self.proxy.is_none() {
            self.put_lab_root(index)?;
        }
        let remote = Arc::clone(&self.hosts[index].remote);
        let is_ours = self.proxy.as_ref().filter(|proxy| proxy.host == host);
        let situation = client::Situation {
            remote: &remote,
            family: self.family,
            number: self.next_ask,
            is_told: is_ours.is_some_and(|proxy| proxy.driver == Driver::Regular),
            roots: if client::trusts_proxy(ask) {
                trust::all_roots(&remote)
            } else {
                trust::lab_root(&remote)
            },
        };
        let client::Job { mut exec, program, reads } = client::job(ask, &situation)?;
        self.machines.prepare(host, &mut exec);
        if let Some(proxy) = self.proxy.as_mut().filter(|proxy| proxy.host == host) {
            proxy.wrap(&mut exec);
        }
        let process = remote.start(&exec).map_err(unavailable)?;
        Ok(Asking { host: host.to_owned(), process, remote, did: did(ask), program, reads })
    }
}

impl Asking {
    /// Waits for its end and reads what it got.
    pub(super) fn finish(self) -> Result<Client> {
        let said = self.remote.wait(self.process, None, PATIENCE)?;
        let words = || format!("{}\n{}", said.out(), said.err());
        let got = match said.ended {
            None => {
                // What it holds would hold up others; that it hangs is worse.
                _ = self.remote.signal(self.process, None, 9);
                _ = self.remote.wait(self.process, None, Duration::from_secs(5));
                return Err(anyhow!("{} hangs after {PATIENCE:?}; it said {}", self.did, words()));
            }
            Some(NOT_FOUND) => {
                let reason = format!("no {} here: {}", self.program, hint(&self.program));
                return Err(Unavailable::new(reason).into());
            }
            // A shell, and `sidestream run`, tell of a signal that way where they do not end by it.
            Some(ProcessEnd::Signal(_) | ProcessEnd::Code(137 | 143)) => {
                Answer { trouble: Some(Trouble::Killed), said: words(), ..Answer::default() }
            }
            Some(end) => self.reads.answer(&self.remote, end, &said)?,
        };
        Ok(Client { host: self.host, did: self.did, got })
    }

    /// Kills the program, not what it may run under.
    pub(super) fn kill(&self) -> Result<()> {
        Ok(self.remote.signal(self.process, Some(&self.program), 9)?)
    }
}
