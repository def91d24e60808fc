//! What is not to be kept goes, and what stays is whole.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use proptest::prelude::*;
use sidestream_flow::{ExchangeId, Ids, Peer};
use sidestream_record::{Book, Closed, Entry, Event, Exchange, Finished, Part, Recorded, Sink};
use sidestream_store::{Reader, Retention, Session, Span, index};
use sidestream_testkit::sessions::session;

use crate::play::{opened, place, request};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A flow with one exchange, which has that body.
fn exchange(ids: &Ids, at: SystemTime, body: Bytes) -> Vec<Entry> {
    let (flow, exchange) = (ids.flow(), ids.exchange());
    let data = Event::Data { message: ids.message(), from: Peer::Client, data: body.clone() };
    let events = [
        opened(),
        request(exchange),
        Event::Body { exchange, part: Part::Request, data: body },
        Event::ExchangeEnded { exchange, failure: None },
        data,
        Event::Closed(Closed { received: 1, sent: 1, failure: None }),
    ];
    events.into_iter().map(|event| Entry { at, flow, event }).collect()
}

fn record(session: &Session, entries: &[Entry]) {
    let recorder = session.writer();
    for entry in entries {
        while recorder.backlog_bytes() > 8 * 1024 * 1024 {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(recorder.record(entry), Recorded::Accepted);
    }
}

/// Text that is kept once if it comes twice, and does not shrink.
fn noise(seed: u64, len: usize) -> Bytes {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let byte = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..len).map(byte).collect::<Vec<_>>().into()
}

fn exchanges(path: &Path) -> BTreeMap<ExchangeId, Exchange> {
    let reader = Reader::open(path).unwrap();
    let mut book = Book::keeping(1 << 20);
    let mut found = BTreeMap::new();
    for entry in reader.entries(Span::ALL) {
        for finished in book.apply(&entry.unwrap()) {
            if let Finished::Exchange(_, exchange) = finished {
                found.insert(exchange.id, *exchange);
            }
        }
    }
    found
}

fn count(path: &Path, query: &str) -> i64 {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.query_row(query, [], |row| row.get(0)).unwrap()
}

#[track_caller]
fn is_tidy(path: &Path) {
    let reader = Reader::open(path).unwrap();
    let verified = reader.verify().unwrap();
    assert!(verified.is_sound(), "{:?}", verified.problems);
    assert_eq!(verified.unknown, 0);
    drop(reader);
    for query in [
        "SELECT count(*) FROM chunk WHERE id < (SELECT max(id) FROM chunk) AND id NOT IN (SELECT chunk FROM stretch WHERE chunk NOT NULL)
         AND id NOT IN (SELECT chunk FROM content WHERE chunk NOT NULL)",
        "SELECT count(*) FROM stretch WHERE exchange NOT IN (SELECT id FROM exchange)",
        "SELECT count(*) FROM exchange WHERE flow NOT IN (SELECT id FROM flow)",
        "SELECT count(*) FROM process WHERE id < (SELECT max(id) FROM process) AND id NOT IN (SELECT process FROM flow WHERE process NOT NULL)
         AND id NOT IN (SELECT parent FROM process WHERE parent NOT NULL)",
        "SELECT count(*) FROM certificate WHERE last_seq < (SELECT min(first) FROM block)",
    ] {
        assert_eq!(count(path, query), 0, "{query}");
    }
}

#[test]
fn so_many_exchanges_are_kept_with_all_that_belongs_to_them() {
    let (_folder, path) = place();
    let keep = Retention { exchanges: Some(100), ..Retention::ALL };
    let session = Session::create_keeping(&path, keep).unwrap();
    let ids = session.ids();
    let body = |number: u64| match number % 3 {
        0 => noise(number, 100_000),
        1 => noise(7, 100_000),
        _ => noise(number, 100),
    };
    for number in 1..=400 {
        record(&session, &exchange(&ids, SystemTime::now(), body(number)));
    }
    session.close().unwrap();
    let found = exchanges(&path);
    assert_eq!(found.keys().map(|id| id.0).collect::<Vec<_>>(), (301..=400).collect::<Vec<_>>());
    for (id, exchange) in &found {
        assert_eq!(exchange.request_body.beginning, body(id.0), "{id}");
    }
    assert_eq!(count(&path, "SELECT count(*) FROM flow"), 100);
    is_tidy(&path);
    index(&path).unwrap();

    let session = Session::create_keeping(&path, keep).unwrap();
    assert_eq!(session.ids().exchange(), ExchangeId(401));
    record(&session, &exchange(&ids, SystemTime::now(), body(1)));
    session.close().unwrap();
    let found = exchanges(&path);
    assert_eq!(found.keys().map(|id| id.0).collect::<Vec<_>>(), (302..=401).collect::<Vec<_>>());
    is_tidy(&path);
}

#[test]
fn a_session_of_a_size_does_not_outgrow_it() {
    const LIMIT: u64 = 32 * 1024 * 1024;
    let (_folder, path) = place();
    let keep = Retention { bytes: Some(LIMIT), ..Retention::ALL };
    let session = Session::create_keeping(&path, keep).unwrap();
    let ids = session.ids();
    for number in 1..=1000 {
        record(&session, &exchange(&ids, SystemTime::now(), noise(number, 50_000)));
    }
    session.close().unwrap();
    // 100 MB went by: what is over it are transactions.
    let size = std::fs::metadata(&path).unwrap().len();
    assert!(size < LIMIT + 32 * 1024 * 1024, "{size}");
    let used = "SELECT (page_count - freelist_count) * page_size
        FROM pragma_page_count, pragma_freelist_count, pragma_page_size";
    assert!(count(&path, used) <= LIMIT as i64);
    let found = exchanges(&path);
    // A block goes as one: what its entries name is less than 16 MB.
    assert!(found.len() > 150, "{}", found.len());
    assert_eq!(found.keys().last().unwrap().0, 1000);
    is_tidy(&path);
}

#[test]
fn what_is_old_goes_and_what_is_under_way_stays() {
    let (_folder, path) = place();
    let session = Session::create(&path).unwrap();
    let ids = session.ids();
    let old = SystemTime::now() - 3 * DAY;
    for number in 1..=50 {
        record(&session, &exchange(&ids, old, noise(number, 50_000)));
    }
    let mut open = exchange(&ids, old, noise(51, 50_000));
    let rest = open.split_off(3);
    record(&session, &open);
    session.close().unwrap();

    let keep = Retention { age: Some(DAY), ..Retention::ALL };
    let session = Session::create_keeping(&path, keep).unwrap();
    record(&session, &exchange(&ids, SystemTime::now(), noise(52, 50_000)));
    session.close().unwrap();
    let found = exchanges(&path);
    assert_eq!(found.keys().map(|id| id.0).collect::<Vec<_>>(), [52]);
    assert_eq!(count(&path, "SELECT group_concat(id, '') = '5152' FROM exchange"), 1);
    is_tidy(&path);

    let session = Session::create_keeping(&path, keep).unwrap();
    let rest: Vec<_> =
        rest.into_iter().map(|entry| Entry { at: SystemTime::now(), ..entry }).collect();
    record(&session, &rest);
    session.close().unwrap();
    let found = exchanges(&path);
    assert_eq!(found[&ExchangeId(51)].request_body.beginning, noise(51, 50_000));
    assert_eq!(found.len(), 2);
    is_tidy(&path);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_stays_is_as_it_was(entries in session(), most in 1_u64..8) {
        let (_folder, path) = place();
        let all = path.with_extension("all");
        let write = |path: &Path, keep| {
            let session = Session::create_keeping(path, keep).unwrap();
            record(&session, &entries);
            session.close().unwrap();
        };
        write(&all, Retention::ALL);
        write(&path, Retention { exchanges: Some(most), ..Retention::ALL });
        is_tidy(&path);
        let (before, after) = (exchanges(&all), exchanges(&path));
        let rows = |path| count(path, "SELECT count(*) FROM exchange").cast_unsigned();
        prop_assert!(rows(&path) >= most.min(rows(&all)), "{} of {}", rows(&path), rows(&all));
        for (id, exchange) in &after {
            prop_assert_eq!(Some(exchange), before.get(id));
        }
        // What has not ended stays.
        let open = "SELECT count(*) FROM exchange WHERE ended IS NULL
            AND flow IN (SELECT id FROM flow WHERE closed IS NULL)";
        prop_assert_eq!(count(&path, open), count(&all, open));
    }
}

#[test]
fn who_reads_meanwhile_passes_over_what_goes() {
    let (_folder, path) = place();
    let session = Session::create(&path).unwrap();
    let ids = session.ids();
    for number in 1..=100 {
        record(&session, &exchange(&ids, SystemTime::now(), noise(number, 50_000)));
    }
    session.close().unwrap();
    let reader = Reader::open(&path).unwrap();
    let mut entries = reader.entries(Span::ALL);
    assert!(entries.by_ref().take(10).all(|entry| entry.is_ok()));
    let keep = Retention { exchanges: Some(10), ..Retention::ALL };
    let session = Session::create_keeping(&path, keep).unwrap();
    session.close().unwrap();
    let left: Vec<_> = entries.by_ref().map(Result::unwrap).collect();
    assert!(left.len() >= 60, "{}", left.len());
    assert_eq!(entries.skipped(), 0);
    let kept = left.iter().rev().find_map(|entry| entry.event.exchange());
    assert_eq!(kept, Some(ExchangeId(100)));
}
