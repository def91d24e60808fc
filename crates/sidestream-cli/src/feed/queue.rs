//! What waits for a watcher: bounded, content dropped before facts.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use sidestream::record::{Entry, Event, Fields, Recorded};

/// How much content may wait.
const CONTENT_BYTES: usize = 8 * 1024 * 1024;

/// How much else may wait.
const FACTS_BYTES: usize = 32 * 1024 * 1024;

// Two watchers, both as slow as can be.
const _: () = assert!(2 * (CONTENT_BYTES + FACTS_BYTES) <= 96 * 1024 * 1024);

/// Entries between the flows and one watcher.
pub(super) struct Queue {
    wants_content: bool,
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    entries: VecDeque<Entry>,
    content_bytes: usize,
    facts_bytes: usize,
    missed: u64,
    closed: bool,
    left: bool,
}

impl Queue {
    pub(super) fn new(wants_content: bool) -> Self {
        Self { wants_content, waiting: Mutex::default(), changed: Condvar::new() }
    }

    /// Puts an entry in, or what there is room for.
    pub(super) fn push(&self, entry: &Entry) -> Recorded {
        let mut waiting = self.lock();
        if waiting.left || waiting.closed {
            // Nobody looks any more; that must not hold up the flows.
            return Recorded::Accepted;
        }
        let content = entry.event.content_bytes();
        let fits = waiting.content_bytes + content <= CONTENT_BYTES;
        let recorded = if content > 0 && !(self.wants_content && fits) {
            let taken = waiting.push_without_content(entry);
            match (taken, self.wants_content) {
                (false, _) => Recorded::Full,
                (true, true) => Recorded::BodyDropped,
                (true, false) => Recorded::Accepted,
            }
        } else if waiting.push(entry.clone()) {
            Recorded::Accepted
        } else {
            Recorded::Full
        };
        drop(waiting);
        self.changed.notify_one();
        recorded
    }

    /// Waits for entries and takes all that are there; `None` after the end.
    pub(super) fn take(&self) -> Option<VecDeque<Entry>> {
        let waiting = self.lock();
        let mut waiting = self
            .changed
            .wait_while(waiting, |waiting| waiting.entries.is_empty() && !waiting.closed)
            .unwrap_or_else(PoisonError::into_inner);
        (waiting.content_bytes, waiting.facts_bytes) = (0, 0);
        let entries = std::mem::take(&mut waiting.entries);
        (!entries.is_empty()).then_some(entries)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lock().entries.is_empty()
    }

    pub(super) fn missed(&self) -> u64 {
        self.lock().missed
    }

    /// Takes no more; what waits is still given out.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
    }

    /// The watcher looks no more.
    pub(super) fn leave(&self) {
        let mut waiting = self.lock();
        waiting.left = true;
        waiting.entries = VecDeque::new();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // No code that can panic runs while it is held.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn push(&mut self, entry: Entry) -> bool {
        let facts = fact_bytes(&entry.event);
        if self.facts_bytes + facts > FACTS_BYTES {
            self.missed += 1;
            return false;
        }
        self.facts_bytes += facts;
        self.content_bytes += entry.event.content_bytes();
        self.entries.push_back(entry);
        true
    }

    /// Puts the bare fact in, together with the one before where they touch.
    fn push_without_content(&mut self, entry: &Entry) -> bool {
        let Some(event) = entry.event.without_content() else { return true };
        if let Some(last) = self.entries.back_mut().filter(|last| last.flow == entry.flow)
            && joined(&mut last.event, &event)
        {
            return true;
        }
        self.push(Entry { at: entry.at, flow: entry.flow, event })
    }
}

/// Adds a dropped stretch of a body to the one before it.
fn joined(last: &mut Event, next: &Event) -> bool {
    match (last, next) {
        (
            Event::BodyDropped { exchange: a, part: p, bytes: sum },
            Event::BodyDropped { exchange: b, part: q, bytes },
        ) if a == b && p == q => {
            *sum += bytes;
            true
        }
        _ => false,
    }
}

/// Returns about how much memory an event takes, its content apart.
fn fact_bytes(event: &Event) -> usize {
    let fields = |fields: &Fields| {
        let field_bytes = size_of::<sidestream::record::Field>();
        fields.iter().map(|field| field_bytes + field.name.len() + field.value.len()).sum()
    };
    let more: usize = match event {
        Event::Request { url, head, .. } => {
            url.len() + head.method.len() + head.target.len() + fields(&head.fields)
        }
        Event::Response { head, .. } => head.reason.len() + fields(&head.fields),
        Event::Trailers { fields: trailers, .. } => fields(trailers),
        Event::Dns { message, .. } => {
            let records = [&message.answers, &message.authorities, &message.additionals];
            records
                .iter()
                .flat_map(|records| records.iter())
                .map(|record| 96 + record.data.len())
                .sum()
        }
        Event::WebSocket(message) => size_of_val(&**message) + message.beginning().len(),
        _ => 0,
    };
    size_of::<Entry>() + more
}
