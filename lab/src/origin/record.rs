//! What an origin writes down of those who came.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::model::{Ended, OriginSeen};
use crate::wire::Watch;

/// How much is shown of what has no first line.
const BEGINNING: usize = 32;

/// How many first lines are kept.
const MAX_LINES: usize = 64;

/// All that came to the origins that share it.
#[derive(Clone, Debug, Default)]
pub struct Log(Arc<Mutex<Vec<Record>>>);

/// What is known of one connection or association.
#[derive(Clone)]
pub struct Record(Arc<Mutex<Inner>>);

struct Inner {
    seen: OriginSeen,
    counts: Counts,
    /// What is shown of the beginning, where that is shown.
    beginning: Option<Vec<u8>>,
    /// What it is when this side ends first.
    own_end: Ended,
}

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Counts {
    /// Every byte inside of TLS.
    All,
    /// What [`Record::content`] is told of.
    Content,
}

impl Log {
    /// Writes down that somebody came.
    pub(crate) fn open(&self, host: &str, port: u16, transport: &str) -> Record {
        let seen = OriginSeen {
            host: host.to_owned(),
            port,
            transport: transport.to_owned(),
            tls: None,
            first: Vec::new(),
            bytes: (0, 0),
            ended: Ended::Open,
        };
        let inner = Inner { seen, counts: Counts::All, beginning: None, own_end: Ended::ByOrigin };
        let record = Record(Arc::new(Mutex::new(inner)));
        self.lock().push(record.clone());
        record
    }

    /// Returns what was seen so far, in the order of host, port and arrival.
    #[must_use]
    pub fn seen(&self) -> Vec<OriginSeen> {
        let mut seen: Vec<_> = self.lock().iter().map(Record::seen).collect();
        seen.sort_by(|one, other| (&one.host, one.port).cmp(&(&other.host, other.port)));
        seen
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Record>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lock().seen.fmt(f)
    }
}

impl Record {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seen(&self) -> OriginSeen {
        let inner = self.lock();
        let mut seen = inner.seen.clone();
        seen.first.extend(inner.beginning.iter().filter(|bytes| !bytes.is_empty()).map(|bytes| {
            let more = if bytes.len() < BEGINNING { "" } else { "…" };
            format!("{}{more}", bytes.escape_ascii())
        }));
        seen
    }

    /// Shows how what came begins.
    pub(crate) fn shows_beginning(&self) {
        self.lock().beginning = Some(Vec::new());
    }

    /// Counts from now on what [`Record::content`] is told of, and nothing else.
    pub(crate) fn counts_content(&self) {
        let mut inner = self.lock();
        inner.counts = Counts::Content;
        inner.seen.bytes = (0, 0);
    }

    /// Counts content that came and that was sent.
    pub(crate) fn content(&self, came: usize, sent: usize) {
        let (up, down) = &mut self.lock().seen.bytes;
        *up += came as u64;
        *down += sent as u64;
    }

    /// Writes down a first line, or a question.
    pub(crate) fn line(&self, line: impl Into<String>) {
        let first = &mut self.lock().seen.first;
        if first.len() < MAX_LINES {
            first.push(line.into());
        }
    }

    /// Writes down what was agreed on in TLS.
    pub(crate) fn tls(&self, words: String) {
        self.lock().seen.tls = Some(words);
    }

    /// Takes an end by this side for the answer to the peer's, which comes in a frame before the
    /// peer's last byte.
    pub(crate) fn ends_after_the_peer(&self) {
        self.lock().own_end = Ended::ByPeer;
    }

    /// Writes down how it ended, if it had not ended before.
    pub(crate) fn end(&self, how: Ended) {
        let ended = &mut self.lock().seen.ended;
        if *ended == Ended::Open {
            *ended = how;
        }
    }
}

impl Watch for Record {
    fn came(&self, bytes: &[u8]) {
        let mut inner = self.lock();
        if let Some(beginning) = &mut inner.beginning {
            let room = BEGINNING - beginning.len();
            beginning.extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
        if inner.counts == Counts::All {
            inner.seen.bytes.0 += bytes.len() as u64;
        }
    }

    fn sent(&self, len: usize) {
        let mut inner = self.lock();
        if inner.counts == Counts::All {
            inner.seen.bytes.1 += len as u64;
        }
    }

    fn peer_ended(&self) {
        self.end(Ended::ByPeer);
    }

    fn peer_reset(&self) {
        self.end(Ended::Reset);
    }

    fn ended(&self) {
        let how = self.lock().own_end;
        self.end(how);
    }
}
