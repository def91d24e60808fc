//! Counts of what is not served.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts what clients sent and was not served.
#[derive(Debug, Default)]
pub struct Losses {
    /// Clients that were refused, or did not speak SOCKS.
    clients: AtomicU64,
    crowded: AtomicU64,
    foreign: AtomicU64,
    fragments: AtomicU64,
    malformed: AtomicU64,
}

/// Why something was not served.
#[derive(Clone, Copy, Debug)]
pub(super) enum Loss {
    Client,
    Crowded,
    Foreign,
    Fragment,
    Malformed,
}

impl Losses {
    pub(super) fn note(&self, loss: Loss) {
        let count = match loss {
            Loss::Client => &self.clients,
            Loss::Crowded => &self.crowded,
            Loss::Foreign => &self.foreign,
            Loss::Fragment => &self.fragments,
            Loss::Malformed => &self.malformed,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns how many clients were let go: refused, slow, or speaking something else.
    pub fn clients(&self) -> u64 {
        self.clients.load(Ordering::Relaxed)
    }

    /// Returns how many datagrams were dropped because too much waits, or too many servers are
    /// spoken to.
    pub fn crowded(&self) -> u64 {
        self.crowded.load(Ordering::Relaxed)
    }

    /// Returns how many datagrams were dropped that came from somebody else than the client.
    pub fn foreign(&self) -> u64 {
        self.foreign.load(Ordering::Relaxed)
    }

    /// Returns how many datagrams were dropped that are fragments.
    pub fn fragments(&self) -> u64 {
        self.fragments.load(Ordering::Relaxed)
    }

    /// Returns how many datagrams were dropped that do not say where they go.
    pub fn malformed(&self) -> u64 {
        self.malformed.load(Ordering::Relaxed)
    }
}
