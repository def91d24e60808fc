//! A proxy at work.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use sidestream_proxy::{ServeError, Served, Stopper};
use tokio::task::JoinHandle;

/// A proxy at work on what one driver captures. Dropping it ends all flows at once.
#[derive(Debug)]
pub struct Handle {
    stopper: Stopper,
    ending: Ending,
}

/// Waits for the end of a proxy's work, and ends it at once if it is dropped before.
#[derive(Debug)]
pub struct Ending(JoinHandle<Result<Served, ServeError>>);

impl Handle {
    pub(crate) fn new(stopper: Stopper, task: JoinHandle<Result<Served, ServeError>>) -> Self {
        Self { stopper, ending: Ending(task) }
    }

    /// Asks to stop: at the first call gracefully, so that what is under way may end; at the
    /// second at once.
    pub fn stop(&self) {
        self.stopper.stop();
    }

    /// Waits until the driver has ended or the proxy was stopped, and all flows have ended.
    ///
    /// # Errors
    ///
    /// The driver broke.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if the future is dropped; call it again. After its end it must not be.
    pub async fn ended(&mut self) -> Result<Served, ServeError> {
        (&mut self.ending).await
    }
}

impl Future for Ending {
    type Output = Result<Served, ServeError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match ready!(Pin::new(&mut self.0).poll(cx)) {
            Ok(ended) => ended,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // Only a runtime that shuts down cancels it.
            Err(_cancelled) => Ok(Served::default()),
        })
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.abort();
    }
}
