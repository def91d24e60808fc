//! The session into which something is imported.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sidestream::flow::{FlowId, Ids};
use sidestream::record::{Entry, Event};
use sidestream::store::{Addition, CopyError};

use crate::say::say;

/// How many bytes of a body make an event.
const STRETCH_BYTES: usize = 256 * 1024;

/// How much is kept of a message: that much a session takes.
pub(super) const MESSAGE_BYTES: usize = 8 * 1024 * 1024;

/// How many of what is left out are told; the others are counted.
const TOLD: u64 = 20;

/// The session into which something is imported.
#[derive(Debug)]
pub(super) struct Place {
    path: PathBuf,
    addition: Addition,
    pub(super) ids: Ids,
    /// What was told of the flow at hand.
    flow: RefCell<Vec<Entry>>,
    flows: u64,
    skipped: u64,
}

/// Cuts a message to what is kept of it, and returns how much is left out.
pub(super) fn cut(data: &mut Vec<u8>) -> u64 {
    let dropped = data.len().saturating_sub(MESSAGE_BYTES) as u64;
    data.truncate(MESSAGE_BYTES);
    dropped
}

impl Place {
    /// Makes the session, or continues the one that is there.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let addition = Addition::begin(path)?;
        let (path, ids, flow) = (path.to_owned(), addition.ids(), RefCell::default());
        Ok(Self { path, addition, ids, flow, flows: 0, skipped: 0 })
    }

    /// Tells an event of the flow at hand.
    pub(super) fn tell(&self, flow: FlowId, at: SystemTime, event: Event) {
        self.flow.borrow_mut().push(Entry { at, flow, event });
    }

    /// Tells a body in stretches.
    pub(super) fn tell_body(
        &self,
        flow: FlowId,
        at: SystemTime,
        body: Vec<u8>,
        event: impl Fn(bytes::Bytes) -> Event,
    ) {
        let mut body = bytes::Bytes::from(body);
        while !body.is_empty() {
            let stretch = body.split_to(body.len().min(STRETCH_BYTES));
            self.tell(flow, at, event(stretch));
        }
    }

    /// Adds the flow that was told to the session, or leaves it out if it does not fit in.
    ///
    /// # Errors
    ///
    /// The session cannot be written.
    pub(super) fn end_flow(&mut self, name: impl std::fmt::Display) -> anyhow::Result<()> {
        match self.addition.add(&self.flow.take()) {
            Ok(()) => self.flows += 1,
            Err(error @ CopyError::TooLong { .. }) => self.skip(format_args!("{name}: {error}")),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Tells of something that is not imported.
    pub(super) fn skip(&mut self, words: impl std::fmt::Display) {
        if self.skipped < TOLD {
            say(words);
        }
        self.skipped += 1;
    }

    /// Ends the session with all that was imported; one that is new and would be empty is not made.
    /// Returns whether there is something in the file that was left out.
    ///
    /// # Errors
    ///
    /// The session cannot be written; it is then as it was.
    pub(super) fn close(self, is_whole: bool) -> anyhow::Result<bool> {
        let Self { path, addition, flows, skipped, .. } = self;
        if skipped > TOLD {
            say(format_args!("and {} more", skipped - TOLD));
        }
        let path = path.display();
        if flows == 0 && !(is_whole && skipped == 0) {
            say(format_args!("nothing is imported into {path}"));
        } else {
            if !addition.finish()? {
                say(format_args!("{path} could not be made one file: {path}-wal belongs to it"));
            }
            say(format_args!("{flows} flows imported into {path}"));
        }
        if skipped > 0 {
            say(format_args!("{skipped} left out, as told above"));
        }
        Ok(skipped > 0)
    }
}
