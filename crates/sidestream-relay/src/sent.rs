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
    until: Option<Instant>,
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
        Self { again: None, pause: SOON, until: None }
    }
}

impl Sent {
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
            let now = Instant::now();
            if sys::has_sent(socket) || now >= *self.until.get_or_insert(now + PATIENCE) {
                return Poll::Ready(());
            }
            match &mut self.again {
                Some(again) => again.as_mut().reset(now + self.pause),
                none => *none = Some(Box::pin(sleep(self.pause))),
            }
            self.pause = (self.pause * 2).min(LATE);
        }
    }
}
