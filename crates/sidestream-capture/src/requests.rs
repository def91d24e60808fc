//! Asking another process to capture others.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sidestream_spec::Spec;
use tokio::sync::oneshot;

use crate::{BoxFuture, Control, SetSpecError};

/// Sends a request of that number, and returns whether there is somebody to take it.
type Ask = dyn Fn(u64, &Spec) -> bool + Send + Sync;

/// The [`Control`] of a driver whose capturing is another process's: it is asked for a new spec,
/// and answers later.
pub struct SpecRequests {
    send: Box<Ask>,
    asked: Mutex<Asked>,
}

#[derive(Debug, Default)]
struct Asked {
    last: u64,
    is_over: bool,
    waiting: HashMap<u64, oneshot::Sender<Result<(), SetSpecError>>>,
}

impl SpecRequests {
    /// Makes one that asks by `send`, which is given the number of the request and returns whether
    /// there is still somebody to take it. It must not wait.
    pub fn new(send: impl Fn(u64, &Spec) -> bool + Send + Sync + 'static) -> Self {
        Self { send: Box::new(send), asked: Mutex::default() }
    }

    /// Takes the answer to the request with that number: why the spec was not taken, if it was not.
    pub fn answer(&self, serial: u64, error: Option<String>) {
        let answer = error.map_or(Ok(()), |error| Err(io::Error::other(error).into()));
        if let Some(waiting) = self.asked().waiting.remove(&serial) {
            // Whoever asked may not want to know any more.
            _ = waiting.send(answer);
        }
    }

    /// Answers everybody, from now on, that the capture is over.
    pub fn end(&self) {
        let mut asked = self.asked();
        asked.is_over = true;
        asked.waiting.clear();
    }

    fn asked(&self) -> MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Control for SpecRequests {
    fn set_spec(&self, spec: Spec) -> BoxFuture<'static, Result<(), SetSpecError>> {
        let (answer, answered) = oneshot::channel();
        {
            let mut asked = self.asked();
            asked.last += 1;
            let serial = asked.last;
            // Within the lock, so that what is asked for last is what is sent last.
            if (self.send)(serial, &spec) && !asked.is_over {
                asked.waiting.insert(serial, answer);
            }
        }
        Box::pin(async move { answered.await.unwrap_or(Err(SetSpecError::Over)) })
    }
}

impl fmt::Debug for SpecRequests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpecRequests").finish_non_exhaustive()
    }
}
