//! The session into which something is imported.

use std::cell::Cell;
use std::path::Path;
use std::thread;
use std::time::{Duration, SystemTime};

use sidestream::flow::{FlowId, Ids};
use sidestream::record::{Entry, Event, Recorded, Sink};
use sidestream::store::{Recorder, Session, State};

use crate::say::{self, say};

/// How much may wait to be written: an import has time, and loses nothing.
const BACKLOG_BYTES: usize = 8 * 1024 * 1024;

/// How many bytes of a body make an event.
const STRETCH_BYTES: usize = 256 * 1024;

/// The session into which something is imported.
#[derive(Debug)]
pub(super) struct Place {
    session: Session,
    recorder: Recorder,
    pub(super) ids: Ids,
    flows: u64,
    skipped: u64,
    /// How many bytes of content the file itself lacks.
    absent: Cell<u64>,
}

impl Place {
    /// Makes the session, or continues the one that is there.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let session = Session::create(path)?;
        let (recorder, ids) = (session.writer(), session.ids());
        Ok(Self { session, recorder, ids, flows: 0, skipped: 0, absent: Cell::new(0) })
    }

    /// Counts a flow.
    pub(super) const fn count(&mut self) {
        self.flows += 1;
    }

    /// Tells of something that is not imported.
    pub(super) fn skip(&mut self, words: impl std::fmt::Display) {
        say(words);
        self.skipped += 1;
    }

    /// Records an event, waiting while much is to be written.
    ///
    /// # Errors
    ///
    /// The session cannot be written.
    pub(super) fn tell(&self, flow: FlowId, at: SystemTime, event: Event) -> anyhow::Result<()> {
        while self.recorder.backlog_bytes() > BACKLOG_BYTES {
            if let State::Stalled { reason } = self.recorder.state() {
                anyhow::bail!("the session cannot be written: {reason}");
            }
            thread::sleep(Duration::from_millis(2));
        }
        if let Event::BodyDropped { bytes, .. } = &event {
            self.absent.set(self.absent.get().saturating_add(*bytes));
        }
        match self.recorder.record(&Entry { at, flow, event }) {
            Recorded::Accepted => Ok(()),
            _ => anyhow::bail!("the session does not take more"),
        }
    }

    /// Records a body in stretches.
    ///
    /// # Errors
    ///
    /// The session cannot be written.
    pub(super) fn tell_body(
        &self,
        flow: FlowId,
        at: SystemTime,
        body: Vec<u8>,
        event: impl Fn(bytes::Bytes) -> Event,
    ) -> anyhow::Result<()> {
        let mut body = bytes::Bytes::from(body);
        while !body.is_empty() {
            let stretch = body.split_to(body.len().min(STRETCH_BYTES));
            self.tell(flow, at, event(stretch))?;
        }
        Ok(())
    }

    /// Ends the session. Returns how much was imported and left out, and whether all was written.
    pub(super) fn close(self) -> (u64, u64, bool) {
        let Self { session, flows, skipped, absent, .. } = self;
        let closed = match session.close() {
            Ok(summary) => summary.dropped_bytes <= absent.get() && summary.lost_entries == 0,
            Err(error) => {
                say::error(&error.into());
                false
            }
        };
        (flows, skipped, closed)
    }
}
