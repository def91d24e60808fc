//! All deadlines of a machine in one table.

use std::time::Instant;

/// What a deadline is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timer {
    /// A TLS handshake took too long: the flow fails.
    Handshake,
    /// A UDP flow was silent for too long: it is over.
    Idle,
    /// The head of a request is not whole.
    RequestHead,
    /// The head of a response is not whole.
    ResponseHead,
    /// The first bytes did not decide the protocol: the flow is passed raw. A client of the proxy
    /// did not ask for anything: the flow fails.
    Sniff,
}

/// The deadlines that are set.
#[derive(Debug, Default)]
pub(crate) struct Timers([Option<Instant>; 5]);

impl Timers {
    const ALL: [Timer; 5] =
        [Timer::Handshake, Timer::Idle, Timer::RequestHead, Timer::ResponseHead, Timer::Sniff];

    pub(crate) fn set(&mut self, timer: Timer, at: Instant) {
        self.0[timer as usize] = Some(at);
    }

    /// Sets a deadline, unless there is an earlier one.
    pub(crate) fn bring_forward(&mut self, timer: Timer, at: Instant) {
        let deadline = &mut self.0[timer as usize];
        *deadline = Some(deadline.map_or(at, |earlier| earlier.min(at)));
    }

    pub(crate) fn clear(&mut self, timer: Timer) {
        self.0[timer as usize] = None;
    }

    /// Returns the earliest deadline.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.0.iter().flatten().min().copied()
    }

    /// Takes a timer that has expired.
    pub(crate) fn expired(&mut self, now: Instant) -> Option<Timer> {
        let timer = Self::ALL
            .into_iter()
            .find(|timer| self.0[*timer as usize].is_some_and(|at| at <= now))?;
        self.clear(timer);
        Some(timer)
    }
}
