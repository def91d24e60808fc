//! When an association is over because nothing goes by any more.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

/// Tells when nothing has happened for a while: of UDP nothing else says that a flow is over.
///
/// That something happens costs a look at the clock, and no timer is moved.
#[derive(Debug)]
pub struct Idle {
    timer: Pin<Box<Sleep>>,
    last: Instant,
    timeout: Duration,
}

impl Idle {
    /// Begins now, and tells when nothing has happened for that long.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with timers.
    pub fn new(timeout: Duration) -> Self {
        Self { timer: Box::pin(sleep(timeout)), last: Instant::now(), timeout }
    }

    /// Knows that something happens now.
    pub fn note(&mut self) {
        self.last = Instant::now();
    }

    /// Polls for the end.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if it is not polled again for a while.
    pub fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.timer.as_mut().poll(cx));
            let end = self.last + self.timeout;
            if end <= Instant::now() {
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(end);
        }
    }
}
