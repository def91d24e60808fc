//! Waiting while the system has nothing to give.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Sleep, sleep};

const FIRST: Duration = Duration::from_millis(20);
const LONGEST: Duration = Duration::from_secs(1);

/// Waits longer each time, until something succeeds.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    wait: Option<Pin<Box<Sleep>>>,
    last: Option<Duration>,
}

impl Backoff {
    /// Begins to wait.
    pub(crate) fn begin(&mut self) -> Duration {
        let next = self.last.map_or(FIRST, |last| (last * 2).min(LONGEST));
        self.last = Some(next);
        self.wait = Some(Box::pin(sleep(next)));
        next
    }

    /// Forgets how long it waited.
    pub(crate) fn succeeded(&mut self) {
        self.last = None;
    }

    /// Is ready when there is nothing to wait for.
    pub(crate) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(wait) = &mut self.wait {
            ready!(wait.as_mut().poll(cx));
            self.wait = None;
        }
        Poll::Ready(())
    }
}
