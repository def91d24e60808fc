//! What waits for a watcher: bounded, content dropped before facts.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use sidestream::record::{Entry, Event, Fields, Recorded};

/// How much content may wait.
const CONTENT_BYTES: usize = 8 * 1024 * 1024;

/// How much else may wait.
const FACTS_BYTES: usize = 32 * 1024 * 1024;

/// How many entries wait before a watcher is woken that is told nothing but how far bodies came.
const PROGRESS: usize = 256;

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
    /// The watcher sleeps until it is woken.
    asleep: bool,
}

impl Queue {
    pub(super) fn new(wants_content: bool) -> Self {
        Self { wants_content, waiting: Mutex::default(), changed: Condvar::new() }
    }

    /// Puts an entry in, or what there is room for.
    pub(super) fn push(&self, entry: &Entry) -> Recorded {
        if matches!(entry.event, Event::Wire(_) | Event::Secrets(_)) {
            // No watcher shows it.
            return Recorded::Accepted;
        }
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
        let is_news = content == 0 || self.wants_content || waiting.entries.len() >= PROGRESS;
        // Waking is a call into the kernel, also where nobody sleeps.
        let wakes = is_news && !waiting.entries.is_empty() && std::mem::take(&mut waiting.asleep);
        drop(waiting);
        if wakes {
            self.changed.notify_one();
        }
        recorded
    }

    /// Waits for entries and takes all that are there; `None` after the end.
    pub(super) fn take(&self) -> Option<VecDeque<Entry>> {
        let mut waiting = self.lock();
        if waiting.entries.is_empty() && !waiting.closed {
            waiting.asleep = true;
            waiting = self
                .changed
                .wait_while(waiting, |waiting| waiting.asleep && !waiting.closed)
                .unwrap_or_else(PoisonError::into_inner);
            waiting.asleep = false;
        }
        (waiting.content_bytes, waiting.facts_bytes) = (0, 0);
        let entries = std::mem::take(&mut waiting.entries);
        (!entries.is_empty()).then_some(entries)
    }

    /// Returns whether the watcher looks at content, and looks at all.
    pub(super) fn wants_content(&self) -> bool {
        self.wants_content && !self.lock().left
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
        Event::Advised { advised, .. } => advised.advice.bytes(),
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

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use sidestream::flow::{ExchangeId, FlowId};
    use sidestream::record::Part;

    use super::*;

    fn entry(event: Event) -> Entry {
        Entry { at: SystemTime::UNIX_EPOCH, flow: FlowId(1), event }
    }

    #[test]
    fn a_watcher_that_looks_at_no_content_sleeps_while_bodies_come() {
        let queue = Queue::new(false);
        std::thread::scope(|scope| {
            let watching = scope.spawn(|| queue.take().map(|entries| entries.len()));
            while !queue.lock().asleep {
                std::thread::yield_now();
            }
            for _ in 0..PROGRESS {
                let data = vec![0; 1000].into();
                let (exchange, part) = (ExchangeId(1), Part::Response);
                let recorded = queue.push(&entry(Event::Body { exchange, part, data }));
                assert_eq!(recorded, Recorded::Accepted);
            }
            assert!(queue.lock().asleep);
            let (exchange, part) = (ExchangeId(1), Part::Response);
            queue.push(&entry(Event::PartEnded { exchange, part }));
            assert_eq!(watching.join().unwrap(), Some(2));
        });
    }
}
