//! Which programs refused our certificate for which hosts.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use sidestream_flow::Process;
use sidestream_proto::{RefusedHosts, RefusedUntil};

use crate::clock;

/// How many pairs of program and host are remembered: the oldest are forgotten beyond it.
const MAX_REFUSALS: usize = 4096;

/// How soon a client must close for the second time right after our certificate to count: once
/// may be a connection that was not needed any more.
const AGAIN: Duration = Duration::from_secs(60);

/// A program, by its executable. Those of which that is not known are one program.
type Program = Option<PathBuf>;

/// Remembers who refused our certificate, for which host, and for how long that counts.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// What flows are told, shared with those that were: changed in a copy if it must be.
    refused: HashMap<Program, Arc<RefusedHosts>>,
    suspected: HashMap<(Program, String), Instant>,
    /// All of both, the oldest first.
    order: BTreeMap<u64, (Program, String)>,
    places: HashMap<(Program, String), u64>,
    next: u64,
}

impl Refusals {
    /// Returns the hosts that a program is not shown our certificate for.
    pub(crate) fn of(&self, process: Option<&Process>) -> Option<Arc<RefusedHosts>> {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.refused.is_empty() {
            return None;
        }
        inner.refused.get(&program(process)).cloned()
    }

    /// Takes note that a program refused our certificate; `sure` if it said so. Returns whether
    /// its next connections to that host are to be passed.
    pub(crate) fn note(
        &self,
        process: Option<&Process>,
        host: &str,
        sure: bool,
        period: Duration,
    ) -> bool {
        let (now, time) = (clock::now(), SystemTime::now());
        let pair = (program(process), host.to_owned());
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = inner.suspected.remove(&pair);
        let again = before.is_some_and(|before| now.duration_since(before) <= AGAIN);
        if sure || again {
            let until = RefusedUntil { at: now + period, time: time + period };
            let hosts = inner.refused.entry(pair.0.clone()).or_default();
            Arc::make_mut(hosts).insert(pair.1.clone(), until);
        } else {
            inner.suspected.insert(pair.clone(), now);
        }
        inner.renew(pair);
        sure || again
    }
}

impl Inner {
    /// Puts a pair behind all others, and forgets the first if there are too many.
    fn renew(&mut self, pair: (Program, String)) {
        self.next += 1;
        if let Some(place) = self.places.insert(pair.clone(), self.next) {
            self.order.remove(&place);
        }
        self.order.insert(self.next, pair);
        if self.order.len() > MAX_REFUSALS
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.forget(&oldest);
        }
    }

    fn forget(&mut self, pair: &(Program, String)) {
        self.places.remove(pair);
        self.suspected.remove(pair);
        if let Some(hosts) = self.refused.get_mut(&pair.0) {
            Arc::make_mut(hosts).remove(&pair.1);
            if hosts.is_empty() {
                self.refused.remove(&pair.0);
            }
        }
    }
}

fn program(process: Option<&Process>) -> Program {
    process?.path.clone()
}

#[cfg(test)]
mod tests;
