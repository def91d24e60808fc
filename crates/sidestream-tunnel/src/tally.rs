//! What a tunnel has counted.

use std::fmt;

use sidestream_netstack::Counters;

use crate::state::Shared;

/// What a tunnel has counted, also after its end. Clones show the same numbers.
#[derive(Clone)]
pub struct Tally(pub(crate) Shared);

impl fmt::Debug for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tally").finish_non_exhaustive()
    }
}

impl Tally {
    /// Returns what the stack has counted.
    pub fn counters(&self) -> Counters {
        *self.0.lock().stack.counters()
    }

    /// Returns how many datagrams were dropped because too many waited to be taken.
    pub fn datagrams_dropped(&self) -> u64 {
        self.0.lock().datagrams_dropped
    }

    /// Lists what was dropped or refused, for people: how often, and what.
    pub fn losses(&self) -> Vec<(u64, &'static str)> {
        let untaken = (self.datagrams_dropped(), "datagrams-not-taken");
        let counters = self.counters();
        counters.losses().chain([untaken]).filter(|(count, _)| *count > 0).collect()
    }
}
