//! Changing which processes are captured.

use std::collections::HashMap;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sidestream_capture::{BoxFuture, Control, SetSpecError};
use sidestream_ipc::{Message, SetSpec};
use sidestream_spec::Spec;
use tokio::sync::oneshot;

use crate::writer::Outbox;

/// Asks for another spec, and waits for the answer.
#[derive(Debug)]
pub(crate) struct SpecControl {
    outbox: Outbox,
    reset_existing: bool,
    asked: Mutex<Asked>,
}

#[derive(Debug, Default)]
struct Asked {
    last: u64,
    is_over: bool,
    waiting: HashMap<u64, oneshot::Sender<Result<(), SetSpecError>>>,
}

impl SpecControl {
    pub(crate) fn new(outbox: Outbox, reset_existing: bool) -> Self {
        Self { outbox, reset_existing, asked: Mutex::default() }
    }

    fn asked(&self) -> MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the redirector's answer.
    pub(crate) fn answer(&self, serial: u64, error: Option<String>) {
        let answer = error.map_or(Ok(()), |error| Err(io::Error::other(error).into()));
        if let Some(waiting) = self.asked().waiting.remove(&serial) {
            // Whoever asked may not want to know any more.
            _ = waiting.send(answer);
        }
    }

    /// Answers everybody that the capture is over.
    pub(crate) fn end(&self) {
        let mut asked = self.asked();
        asked.is_over = true;
        asked.waiting.clear();
    }
}

impl Control for SpecControl {
    fn set_spec(&self, spec: Spec) -> BoxFuture<'static, Result<(), SetSpecError>> {
        let (answer, answered) = oneshot::channel();
        {
            let mut asked = self.asked();
            asked.last += 1;
            let (serial, reset_existing) = (asked.last, self.reset_existing);
            let spec = spec.as_str().to_owned();
            // Within the lock, so that what is asked for last is what is sent last.
            let sent = self.outbox.send(Message::SetSpec(SetSpec { serial, spec, reset_existing }));
            if sent && !asked.is_over {
                asked.waiting.insert(serial, answer);
            }
        }
        Box::pin(async move { answered.await.unwrap_or(Err(SetSpecError::Over)) })
    }
}
