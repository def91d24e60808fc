//! Watchers that are slow, or gone.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use sidestream::flow::{ExchangeId, FlowId};
use sidestream::record::{Entry, Event, Finished, Part, Recorded, Sink};
use sidestream_cli::feed::{Feed, Watcher};

use crate::sample;

/// Sees nothing before it is let, and notes what it saw.
struct Slow {
    keep: usize,
    gate: Receiver<()>,
    seen: Arc<Mutex<Vec<Finished>>>,
    error: Option<io::Error>,
}

impl Watcher for Slow {
    fn body_bytes(&self) -> usize {
        self.keep
    }

    fn see(&mut self, finished: &Finished) -> io::Result<()> {
        // A gate that was dropped is open.
        _ = self.gate.recv();
        self.seen.lock().unwrap().push(finished.clone());
        self.error.take().map_or(Ok(()), Err)
    }

    fn idle(&mut self) -> io::Result<()> {
        Ok(())
    }
}

type Seen = Arc<Mutex<Vec<Finished>>>;

fn start(keep: usize, error: Option<io::Error>) -> (Feed, Sender<()>, Seen) {
    let (open, gate) = channel();
    let seen = Seen::default();
    let watcher = Slow { keep, gate, seen: Arc::clone(&seen), error };
    (Feed::start("slow", watcher).unwrap(), open, seen)
}

fn body(flow: FlowId, bytes: usize) -> Entry {
    let (exchange, part) = (ExchangeId(1), Part::Response);
    let event = Event::Body { exchange, part, data: vec![0; bytes].into() };
    Entry { at: std::time::SystemTime::UNIX_EPOCH, flow, event }
}

#[test]
fn everything_that_was_recorded_is_seen_before_the_end() {
    let (feed, open, seen) = start(0, None);
    for entry in &sample::https().entries {
        assert_eq!(feed.sink().record(entry), Recorded::Accepted);
    }
    drop(open);
    let outcome = feed.end();
    assert_eq!((outcome.missed, outcome.error.is_none()), (0, true));
    assert_eq!(seen.lock().unwrap().len(), 2);
}

#[test]
fn a_slow_watcher_loses_content_and_no_facts() {
    let (feed, open, seen) = start(1, None);
    let play = sample::https();
    let (head, tail) = play.entries.split_at(play.entries.len() - 2);
    for entry in head {
        feed.sink().record(entry);
    }
    let chunk = 1024 * 1024;
    // The watcher may still be about what came first; it sleeps then, until there is news.
    let mut chunks = 0;
    loop {
        chunks += 1;
        match feed.sink().record(&body(play.entries[0].flow, chunk)) {
            Recorded::BodyDropped => break,
            answer => assert_eq!(answer, Recorded::Accepted),
        }
        assert!(chunks < 10_000, "all of it is taken");
    }
    for entry in tail {
        assert_eq!(feed.sink().record(entry), Recorded::Accepted);
    }
    drop(open);
    assert_eq!(feed.end().missed, 0);
    let seen = seen.lock().unwrap();
    let Finished::Exchange(_, exchange) = &seen[0] else { panic!("{seen:?}") };
    assert_eq!(exchange.response_body.bytes, 600 + chunks * chunk as u64);
    assert!(exchange.response_body.dropped > 0);
}

#[test]
fn a_stuck_watcher_bounds_memory_and_counts_what_it_missed() {
    let (feed, open, _) = start(0, None);
    let play = sample::https();
    let mut refused = 0;
    for number in 0..400_000 {
        let flow = FlowId(number);
        let entry = Entry { flow, ..play.entries[0].clone() };
        refused += u64::from(feed.sink().record(&entry) == Recorded::Full);
    }
    drop(open);
    let missed = feed.end().missed;
    assert!(missed == refused, "{missed} {refused}");
}

#[test]
fn a_watcher_that_is_gone_holds_nobody_up() {
    let (feed, open, _) = start(0, Some(io::ErrorKind::BrokenPipe.into()));
    for entry in &sample::https().entries {
        feed.sink().record(entry);
    }
    drop(open);
    for number in 0..400_000 {
        let entry = Entry { flow: FlowId(number), ..sample::raw().entries[0].clone() };
        if number % 1000 == 0 {
            std::thread::yield_now();
        }
        feed.sink().record(&entry);
    }
    let outcome = feed.end();
    assert_eq!(outcome.error.unwrap().kind(), io::ErrorKind::BrokenPipe);
}
