//! Waiting until the kernel has sent what it was given.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

use crate::sys;

/// How soon it is looked again at first, and at last. The kernel tells nobody.
const SOON: Duration = Duration::from_millis(1);
const LATE: Duration = Duration::from_millis(50);

/// How long a peer to which nothing can be written any more may take until what it said last is
/// there. The kernel has it by then; only this process may not know yet.
const FAREWELL: Duration = Duration::from_secs(1);

/// How long it is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until nothing more waits in a socket, before its connection is reset: what waits then is
/// lost.
///
/// It is not waited for longer than 30 s: a peer that reads nothing is not to be held for ever.
#[derive(Debug)]
pub struct Sent {
    again: Option<Pin<Box<Sleep>>>,
    pause: Duration,
    patience: Patience,
}

/// Waits for a peer to take what waits for it, as long as [`Sent`] does.
#[derive(Debug, Default)]
pub(crate) struct Patience(Option<Pin<Box<Sleep>>>);

impl Patience {
    /// Makes one for which nobody has waited yet.
    pub(crate) const fn new() -> Self {
        Self(None)
    }

    /// Polls whether it is over, since this was first asked.
    pub(crate) fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.get_or_insert_with(|| Box::pin(sleep(PATIENCE))).as_mut().poll(cx)
    }
}

/// Waits for what a peer said last, to which nothing can be written any more.
#[derive(Debug, Default)]
pub struct Farewell(Option<Pin<Box<Sleep>>>);

impl Farewell {
    /// Makes one for which nobody has waited yet.
    pub const fn new() -> Self {
        Self(None)
    }

    /// Polls whether nothing more is to be expected of a peer that was found silent and not at its
    /// end, since this was first asked.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.get_or_insert_with(|| Box::pin(sleep(FAREWELL))).as_mut().poll(cx)
    }
}

impl Default for Sent {
    fn default() -> Self {
        Self { again: None, pause: SOON, patience: Patience::new() }
    }
}

impl Sent {
    /// Polls whether it was waited long enough, since anything of this was first asked: for what
    /// the kernel has not even been given.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.patience.poll_over(cx)
    }

    /// Polls whether all was sent, or never will be.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub fn poll_sent(&mut self, cx: &mut Context<'_>, socket: &TcpStream) -> Poll<()> {
        loop {
            if let Some(again) = &mut self.again {
                ready!(again.as_mut().poll(cx));
            }
            if sys::has_sent(socket) || self.poll_late(cx).is_ready() {
                return Poll::Ready(());
            }
            match &mut self.again {
                Some(again) => again.as_mut().reset(Instant::now() + self.pause),
                none => *none = Some(Box::pin(sleep(self.pause))),
            }
            self.pause = (self.pause * 2).min(LATE);
        }
    }
}
