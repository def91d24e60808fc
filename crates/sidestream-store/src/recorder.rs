//! The end of a session that takes entries.

use std::sync::Arc;

use sidestream_record::{Entry, Recorded, Sink};

use crate::queue::Queue;
use crate::row::Row;

/// Takes entries for a session, from any thread.
///
/// [`record`](Sink::record) never waits for the disk: it puts the entry into the form in which it
/// is stored and leaves it to the writer. At most 64 MiB of content wait; what comes beyond is
/// dropped, and its size recorded. Facts have room of their own, 32 MiB.
#[derive(Clone, Debug)]
pub struct Recorder(pub(crate) Arc<Queue>);

/// Whether a session is being written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// Entries are written as they come.
    Recording,
    /// Nothing can be written; it is tried again each second.
    Stalled {
        /// The storage's reason, such as a full disk.
        reason: String,
    },
    /// The session was closed.
    Closed,
}

impl Recorder {
    /// Returns whether the session is being written.
    pub fn state(&self) -> State {
        match self.0.stalled() {
            _ if self.0.is_closed() => State::Closed,
            Some(reason) => State::Stalled { reason },
            None => State::Recording,
        }
    }

    /// Returns how many bytes wait to be written, content and facts.
    ///
    /// Who can wait, as an import can and a flow cannot, keeps this small and loses nothing.
    pub fn backlog_bytes(&self) -> usize {
        self.0.backlog_bytes()
    }

    /// Returns how many bytes of content were dropped so far.
    pub fn dropped_bytes(&self) -> u64 {
        self.0.counts().dropped_bytes
    }

    /// Returns how many entries were refused so far, each answered with [`Recorded::Full`].
    pub fn lost_entries(&self) -> u64 {
        self.0.counts().lost_entries
    }
}

impl Sink for Recorder {
    fn record(&self, entry: &Entry) -> Recorded {
        self.0.push(Row::new(entry))
    }

    fn has_room(&self) -> bool {
        self.0.has_room()
    }
}
