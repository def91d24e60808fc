//! Between the flows and the writer: two bounded rooms in one order, facts and content.

use std::collections::{HashMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sidestream_flow::ExchangeId;
use sidestream_record::{Part, Recorded};

use crate::row::{Content, Row, Update};

/// Room for facts: some 40,000 entries of the usual size.
const FACTS_BYTES: usize = 32 * 1024 * 1024;

/// Room for content, kept apart so that no body takes the place of a fact.
const CONTENT_BYTES: usize = 64 * 1024 * 1024;

/// Room for the counts of dropped content: one row for each body with a gap at its end.
const GAPS: usize = 16 * 1024;

/// What a row of a gap costs at most.
const GAP_BYTES: usize = 1024;

// All that can wait, the rows that were taken and are not written yet included.
const _: () = assert!(FACTS_BYTES + CONTENT_BYTES + GAPS * GAP_BYTES <= 112 * 1024 * 1024);

/// How many rows make a transaction, at most.
const BATCH_ROWS: usize = 1000;

/// How much content makes a transaction, but for its last piece: a few milliseconds of packing, and
/// of writing. Some of these are under way at once.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// How long the first row of a transaction waits for others. What is recorded is to be committed
/// within 50 ms: the other half is for writing it.
const BATCH_DELAY: Duration = Duration::from_millis(25);

/// The queue, shared between the recorders and the writer.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    inner: Mutex<Inner>,
    /// What the thread waits for that takes rows, alone: whoever else did might be woken in its place.
    changed: Condvar,
    /// The recording is to end.
    closing: Condvar,
}

#[derive(Debug, Default)]
struct Inner {
    rows: VecDeque<Row>,
    /// How many rows were ever taken: the number of the first one that waits.
    taken: u64,
    /// How many of these were written.
    written: u64,
    facts_bytes: usize,
    content_bytes: usize,
    /// How much of the content was taken, and is not written yet.
    taken_bytes: usize,
    /// The waiting rows that count what was dropped at the end of a body, by their number.
    gaps: HashMap<(ExchangeId, Part), u64>,
    gap_rows: usize,
    counts: Counts,
    stalled: Option<String>,
    phase: Phase,
}

/// The rows of one transaction, and the room that they take until they are written.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) rows: Vec<Row>,
    facts_bytes: usize,
    content_bytes: usize,
}

/// What was not recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) dropped_bytes: u64,
    pub(crate) lost_entries: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Open,
    Closing,
    Closed,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A recorder that panicked left the queue in order: no step in here panics half way.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a row, or as much of it as there is room for.
    pub(crate) fn push(&self, row: Row) -> Recorded {
        let mut inner = self.lock();
        let before = (inner.rows.is_empty(), inner.is_transaction());
        let recorded = inner.admit(row);
        let after = (inner.rows.is_empty(), inner.is_transaction());
        drop(inner);
        if before != after {
            self.changed.notify_one();
        }
        recorded
    }

    /// Waits for rows, and takes up to a transaction of them; `None` when all is done.
    pub(crate) fn take(&self) -> Option<Batch> {
        let waiting = |inner: &mut Inner| inner.rows.is_empty() && inner.phase == Phase::Open;
        let inner = self.lock();
        let inner = self.changed.wait_while(inner, waiting);
        let inner = inner.unwrap_or_else(PoisonError::into_inner);
        if inner.rows.is_empty() {
            return None;
        }
        let few = |inner: &mut Inner| !inner.is_transaction() && inner.phase == Phase::Open;
        let (mut inner, _) = self
            .changed
            .wait_timeout_while(inner, BATCH_DELAY, few)
            .unwrap_or_else(PoisonError::into_inner);
        Some(inner.take())
    }

    /// Waits for so long, or until the recording is to end.
    pub(crate) fn pause(&self, span: Duration) {
        let until = Instant::now() + span;
        let mut inner = self.lock();
        while inner.phase == Phase::Open {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            inner =
                self.closing.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Frees the room of rows that were written, and ends a stall.
    pub(crate) fn written(&self, batch: &Batch) {
        let mut inner = self.lock();
        inner.facts_bytes -= batch.facts_bytes;
        inner.content_bytes -= batch.content_bytes;
        inner.taken_bytes -= batch.content_bytes;
        inner.written += batch.rows.len() as u64;
        inner.stalled = None;
    }

    /// Says that nothing can be written, and why.
    pub(crate) fn stall(&self, reason: String) {
        self.lock().stalled = Some(reason);
    }

    /// Returns why nothing can be written, if so.
    pub(crate) fn stalled(&self) -> Option<String> {
        self.lock().stalled.clone()
    }

    /// Lets the writer write what waits, and then end.
    pub(crate) fn close(&self) {
        let mut inner = self.lock();
        if inner.phase == Phase::Open {
            inner.phase = Phase::Closing;
        }
        drop(inner);
        self.changed.notify_all();
        self.closing.notify_all();
    }

    /// Takes nothing more, and counts what was not written as lost.
    pub(crate) fn end(&self) -> Counts {
        let mut inner = self.lock();
        inner.phase = Phase::Closed;
        let unwritten = inner.taken + inner.rows.len() as u64 - inner.written;
        inner.rows = VecDeque::new();
        inner.gaps = HashMap::new();
        inner.counts.lost_entries += unwritten;
        let counts = inner.counts;
        drop(inner);
        self.closing.notify_all();
        counts
    }

    /// Returns whether the recording is to end, or has.
    pub(crate) fn is_closing(&self) -> bool {
        self.lock().phase != Phase::Open
    }

    /// Returns whether the recording has ended.
    pub(crate) fn is_closed(&self) -> bool {
        self.lock().phase == Phase::Closed
    }

    /// Returns what was not recorded so far.
    pub(crate) fn counts(&self) -> Counts {
        self.lock().counts
    }

    /// Counts content that was given up after it had been taken.
    pub(crate) fn dropped(&self, bytes: u64) {
        self.lock().counts.dropped_bytes += bytes;
    }

    /// Returns whether so few facts wait that what is under way can still be told.
    pub(crate) fn has_room(&self) -> bool {
        self.lock().facts_bytes < FACTS_BYTES / 2
    }

    /// Returns how many bytes wait to be written.
    pub(crate) fn backlog_bytes(&self) -> usize {
        let inner = self.lock();
        inner.facts_bytes + inner.content_bytes
    }
}

impl Inner {
    /// Returns whether so much waits that it is written at once.
    fn is_transaction(&self) -> bool {
        self.rows.len() >= BATCH_ROWS || self.content_bytes - self.taken_bytes >= BATCH_BYTES
    }

    fn admit(&mut self, mut row: Row) -> Recorded {
        if self.phase != Phase::Open {
            return self.lose();
        }
        if let Update::Body { exchange, part, content: Content::Dropped(bytes) } = row.update {
            self.counts.dropped_bytes += bytes;
            let told = self.push_gap((exchange, part), bytes, row);
            return if told { Recorded::Accepted } else { self.lose() };
        }
        if row.kept_bytes() == 0 {
            return if self.push_fact(row) { Recorded::Accepted } else { self.lose() };
        }
        let cost = content_cost(&row);
        if self.stalled.is_none() && self.content_bytes + cost <= CONTENT_BYTES {
            self.content_bytes += cost;
            if let Update::Body { exchange, part, .. } = row.update
                && !self.gaps.is_empty()
            {
                self.gaps.remove(&(exchange, part));
            }
            self.rows.push_back(row);
            return Recorded::Accepted;
        }
        let bytes = row.drop_content();
        self.counts.dropped_bytes += bytes;
        let told = match row.update {
            Update::Body { exchange, part, .. } => self.push_gap((exchange, part), bytes, row),
            _ => self.push_fact(row),
        };
        if told { Recorded::BodyDropped } else { self.lose() }
    }

    fn lose(&mut self) -> Recorded {
        self.counts.lost_entries += 1;
        Recorded::Full
    }

    fn push_fact(&mut self, row: Row) -> bool {
        let cost = row.fact_bytes();
        // A fact that is larger than the room passes when nothing else waits.
        let fits = self.facts_bytes + cost <= FACTS_BYTES || self.facts_bytes == 0;
        if fits {
            self.facts_bytes += cost;
            self.rows.push_back(row);
        }
        fits
    }

    /// Counts a dropped stretch of a body, together with the one before it where they touch.
    fn push_gap(&mut self, body: (ExchangeId, Part), bytes: u64, row: Row) -> bool {
        let waiting = self.gaps.get(&body).and_then(|number| number.checked_sub(self.taken));
        let before = waiting.and_then(|index| self.rows.get_mut(usize::try_from(index).ok()?));
        if let Some(Content::Dropped(sum)) = before.and_then(Row::content_mut) {
            *sum += bytes;
            return true;
        }
        let fits = self.gap_rows < GAPS;
        if fits {
            self.gap_rows += 1;
            self.gaps.insert(body, self.taken + self.rows.len() as u64);
            self.rows.push_back(row);
        }
        fits
    }

    fn take(&mut self) -> Batch {
        let rows = Vec::with_capacity(self.rows.len().min(BATCH_ROWS));
        let mut batch = Batch { rows, ..Batch::default() };
        while batch.rows.len() < BATCH_ROWS
            && batch.content_bytes < BATCH_BYTES
            && let Some(row) = self.rows.pop_front()
        {
            self.taken += 1;
            if let Update::Body { exchange, part, content: Content::Dropped(_) } = row.update {
                self.gap_rows -= 1;
                let number = self.gaps.get(&(exchange, part));
                if number.is_some_and(|number| *number < self.taken) {
                    self.gaps.remove(&(exchange, part));
                }
            } else if row.kept_bytes() > 0 {
                batch.content_bytes += content_cost(&row);
            } else {
                batch.facts_bytes += row.fact_bytes();
            }
            batch.rows.push(row);
        }
        self.taken_bytes += batch.content_bytes;
        batch
    }
}

/// Returns what a row with content takes of the room for content.
fn content_cost(row: &Row) -> usize {
    row.kept_bytes() + row.fact_bytes()
}
