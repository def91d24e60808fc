//! What is recorded comes back as it was.

use std::collections::HashMap;
use std::io::Read;

use proptest::prelude::*;
use sidestream_flow::{ExchangeId, FlowId, MessageId};
use sidestream_record::{Book, Entry, Event, Finished, Part, Recorded, Sink};
use sidestream_store::{Reader, Seq, Session};

use crate::generate;
use crate::play::{
    EXCHANGE, body, closed, ended, entry, opened, place, read_all, request, response, settle,
};

fn finished(entries: &[Entry]) -> Vec<Finished> {
    let mut book = Book::keeping(16);
    entries.iter().flat_map(|entry| book.apply(entry)).collect()
}

/// The bodies as they went by.
fn bodies(entries: &[Entry]) -> HashMap<(ExchangeId, Part), Vec<u8>> {
    let mut bodies: HashMap<_, Vec<u8>> = HashMap::new();
    for entry in entries {
        if let Event::Body { exchange, part, data } = &entry.event {
            bodies.entry((*exchange, *part)).or_default().extend_from_slice(data);
        }
    }
    bodies
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn entries_come_back_equal_and_add_up_to_the_same(entries in generate::entries()) {
        let (_folder, path) = place();
        let session = Session::create(&path).unwrap();
        let recorder = session.writer();
        for entry in &entries {
            prop_assert_eq!(recorder.record(entry), Recorded::Accepted);
        }
        let summary = session.close().unwrap();
        prop_assert_eq!(summary.entries, entries.len() as u64);

        let reader = Reader::open(&path).unwrap();
        let read = read_all(&reader);
        prop_assert_eq!(finished(&read), finished(&entries));
        prop_assert_eq!(&read, &entries);
        for ((exchange, part), whole) in bodies(&entries) {
            let mut streamed = Vec::new();
            reader.body(exchange, part).read_to_end(&mut streamed).unwrap();
            prop_assert_eq!(streamed, whole);
        }
    }
}

#[test]
fn a_range_of_entries_can_be_read_and_taken_up_later() {
    let (_folder, path) = place();
    let session = Session::create(&path).unwrap();
    let recorder = session.writer();
    let all: Vec<_> = (0..1000).map(|n| entry(n, request(ExchangeId(n + 1)))).collect();
    all[..600].iter().for_each(|entry| assert_eq!(recorder.record(entry), Recorded::Accepted));
    settle(&recorder);

    let reader = Reader::open(&path).unwrap();
    let mut entries = reader.entries(Seq(101)..);
    let first: Vec<_> = entries.by_ref().map(Result::unwrap).collect();
    assert_eq!(first, all[100..600]);
    assert_eq!(entries.seq(), Some(Seq(600)));
    assert!(entries.next().is_none());

    all[600..].iter().for_each(|entry| assert_eq!(recorder.record(entry), Recorded::Accepted));
    settle(&recorder);
    assert_eq!(reader.last().unwrap(), Some(Seq(1000)));
    let rest: Vec<_> = reader.entries(Seq(601)..=Seq(700)).map(Result::unwrap).collect();
    assert_eq!(rest, all[600..700]);
    assert_eq!(reader.entries(Seq(1)..Seq(1)).count(), 0);
    assert_eq!(reader.entries(..Seq(0)).count(), 0);
    drop(reader);
    assert!(session.close().unwrap().one_file);
}

#[test]
fn a_session_that_is_continued_never_gives_an_id_out_again() {
    let (_folder, path) = place();
    let session = Session::create(&path).unwrap();
    let ids = session.ids();
    assert_eq!((ids.flow(), ids.exchange(), ids.message()), (FlowId(1), EXCHANGE, MessageId(1)));
    let data = Event::Data {
        message: MessageId(7),
        from: sidestream_flow::Peer::Client,
        data: "datagram".into(),
    };
    let first = [entry(0, opened()), entry(1, request(ExchangeId(5))), entry(2, data)];
    first.iter().for_each(|entry| assert_eq!(session.writer().record(entry), Recorded::Accepted));
    session.close().unwrap();

    let session = Session::create(&path).unwrap();
    let ids = session.ids();
    let next = (ids.flow(), ids.exchange(), ids.message());
    assert_eq!(next, (FlowId(2), ExchangeId(6), MessageId(8)));
    let last = entry(3, closed());
    assert_eq!(session.writer().record(&last), Recorded::Accepted);
    session.close().unwrap();

    let reader = Reader::open(&path).unwrap();
    assert_eq!(read_all(&reader), first.into_iter().chain([last]).collect::<Vec<_>>());
}

#[test]
fn what_comes_after_the_end_is_refused() {
    let (_folder, path) = place();
    let session = Session::create(&path).unwrap();
    let recorder = session.writer();
    assert_eq!(recorder.state(), sidestream_store::State::Recording);
    session.close().unwrap();
    assert_eq!(recorder.state(), sidestream_store::State::Closed);
    assert_eq!(recorder.record(&entry(0, opened())), Recorded::Full);
    assert_eq!(recorder.lost_entries(), 1);
}

#[test]
fn a_session_that_is_dropped_is_written_and_one_file_too() {
    let (folder, path) = place();
    let session = Session::create(&path).unwrap();
    let events = [opened(), request(EXCHANGE), response(EXCHANGE, 200), body(EXCHANGE, "x")];
    let events = events.into_iter().chain([ended(EXCHANGE), closed()]);
    let entries: Vec<_> = (0..).zip(events).map(|(at, event)| entry(at, event)).collect();
    for entry in &entries {
        assert_eq!(session.writer().record(entry), Recorded::Accepted);
    }
    drop(session);
    let files: Vec<_> =
        folder.path().read_dir().unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(files, std::slice::from_ref(&path));
    let reader = Reader::open(&path).unwrap();
    assert_eq!(read_all(&reader), entries);
    assert!(reader.contents().unwrap().closed);
}

#[test]
fn kinds_that_only_a_newer_version_knows_are_passed_over_and_counted() {
    let (_folder, path) = place();
    let session = Session::create(&path).unwrap();
    let entries = [entry(0, opened()), entry(1, closed())];
    for entry in &entries {
        assert_eq!(session.writer().record(entry), Recorded::Accepted);
        settle(&session.writer());
    }
    session.close().unwrap();
    let newer = rusqlite::Connection::open(&path).unwrap();
    // Behind the two, a block of two entries: of kinds 99 and 0.
    newer
        .execute_batch(
            "INSERT INTO block VALUES (3, 2, 0, 1, 0, 0, x'0a051801ea06000a021801', NULL);
             PRAGMA user_version = 305;",
        )
        .unwrap();
    newer.close().unwrap();

    let reader = Reader::open(&path).unwrap();
    assert_eq!(reader.version().to_string(), "3.5");
    let mut read = reader.entries(..);
    assert_eq!(read.by_ref().collect::<Result<Vec<_>, _>>().unwrap(), entries);
    assert_eq!((read.skipped(), read.seq()), (2, Some(Seq(4))));
}

#[test]
fn content_that_was_dropped_before_it_came_here_is_a_gap_too() {
    let (_folder, path) = place();
    let session = Session::create(&path).unwrap();
    let recorder = session.writer();
    let dropped = Event::BodyDropped { exchange: EXCHANGE, part: Part::Response, bytes: 1 << 40 };
    let all = [opened(), request(EXCHANGE), body(EXCHANGE, "begin"), dropped, ended(EXCHANGE)];
    let all = all.map(|event| entry(0, event));
    all.iter().for_each(|entry| assert_eq!(recorder.record(entry), Recorded::Accepted));
    session.close().unwrap();

    let reader = Reader::open(&path).unwrap();
    assert_eq!(read_all(&reader), all);
    assert_eq!(reader.dropped_bytes(EXCHANGE, Part::Response).unwrap(), 1 << 40);
}

#[test]
fn a_body_goes_on_in_later_transactions_and_recordings() {
    let (_folder, path) = place();
    let mut whole = Vec::new();
    for piece in [&b"one, "[..], b"two, ", b"three"] {
        let session = Session::create(&path).unwrap();
        let recorder = session.writer();
        for half in piece.chunks(3) {
            assert_eq!(
                recorder.record(&entry(0, body(EXCHANGE, half.to_vec()))),
                Recorded::Accepted
            );
            settle(&recorder);
            whole.extend_from_slice(half);
            let mut read = Vec::new();
            let reader = Reader::open(&path).unwrap();
            reader.body(EXCHANGE, Part::Response).read_to_end(&mut read).unwrap();
            assert_eq!(read, whole);
        }
        session.close().unwrap();
    }
    assert_eq!(whole, b"one, two, three");
}

#[test]
fn an_exchange_goes_on_while_what_came_of_it_is_still_written() {
    let (_folder, path) = place();
    let session = Session::create(&path).unwrap();
    let recorder = session.writer();
    // The second began before the first, and came to its end before its last stretch.
    let (first, second) = (ExchangeId(9), ExchangeId(3));
    let large = |number: u8| body(first, vec![number; 5 * 1024 * 1024]);
    let small = |number: u8| body(second, vec![number; 30_000]);
    let events = [
        vec![opened(), request(first), large(1), request(second), large(2), small(1), large(3)],
        vec![small(2), large(4), small(3), ended(second), large(5), small(4), large(6), small(5)],
    ];
    let entries: Vec<_> =
        (0..).zip(events.concat()).map(|(millis, event)| entry(millis, event)).collect();
    entries.iter().for_each(|entry| assert_eq!(recorder.record(entry), Recorded::Accepted));
    let summary = session.close().unwrap();
    assert_eq!((summary.dropped_bytes, summary.lost_entries), (0, 0));
    let reader = Reader::open(&path).unwrap();
    assert!(read_all(&reader) == entries, "entries are other ones");
    for ((exchange, part), sent) in bodies(&entries) {
        let mut read = Vec::new();
        reader.body(exchange, part).read_to_end(&mut read).unwrap();
        assert!(read == sent, "{exchange}: {} of {}", read.len(), sent.len());
    }
}
