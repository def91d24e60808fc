//! Memory is bounded, whatever the disk does.

use std::io::Read;
use std::path::Path;

use bytes::Bytes;
use sidestream_flow::{ExchangeId, MessageId, Peer};
use sidestream_record::{Event, Part, Recorded, Sink};
use sidestream_store::{ReadError, Reader, Session, State};

use crate::play::{
    EXCHANGE, body, child, child_argument, closed, ended, entry, opened, place, read_all, request,
    wait_until,
};

const MIB: u64 = 1024 * 1024;

/// Takes the right to write from the recorder, as a slow disk would, until it is dropped.
fn hold_writes(path: &Path) -> rusqlite::Connection {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
    connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    connection
}

#[test]
fn content_is_dropped_before_facts_and_the_gap_is_recorded() {
    let (_folder, path) = place();
    let session = Session::create(&path).unwrap();
    let recorder = session.writer();
    let other = ExchangeId(2);
    let first = [opened(), request(EXCHANGE), body(EXCHANGE, "begin"), request(other)];
    for event in first {
        assert_eq!(recorder.record(&entry(0, event)), Recorded::Accepted);
    }
    crate::play::settle(&recorder);

    let held = hold_writes(&path);
    let piece = Bytes::from(vec![5; MIB as usize]);
    let mut kept = 5;
    while recorder.record(&entry(1, body(EXCHANGE, piece.clone()))) == Recorded::Accepted {
        kept += MIB;
    }
    assert!(kept < 64 * MIB, "{kept}");
    for _ in 0..9 {
        let recorded = recorder.record(&entry(2, body(EXCHANGE, piece.clone())));
        assert_eq!(recorded, Recorded::BodyDropped);
        let recorded = recorder.record(&entry(2, body(other, piece.clone())));
        assert_eq!(recorded, Recorded::BodyDropped);
    }
    let data = Event::Data { message: MessageId(1), from: Peer::Client, data: piece };
    assert_eq!(recorder.record(&entry(3, data)), Recorded::BodyDropped);
    assert_eq!(recorder.record(&entry(4, ended(other))), Recorded::Accepted);
    assert_eq!(recorder.dropped_bytes(), 20 * MIB);
    drop(held);

    crate::play::settle(&recorder);
    assert_eq!(recorder.record(&entry(5, body(EXCHANGE, "the end"))), Recorded::Accepted);
    assert_eq!(recorder.record(&entry(6, closed())), Recorded::Accepted);
    let summary = session.close().unwrap();
    assert_eq!((summary.dropped_bytes, summary.lost_entries), (20 * MIB, 0));

    let reader = Reader::open(&path).unwrap();
    assert_eq!(reader.contents().unwrap().dropped_bytes, 20 * MIB);
    assert_eq!(reader.dropped_bytes(EXCHANGE, Part::Response).unwrap(), 10 * MIB);
    assert_eq!(reader.dropped_bytes(other, Part::Response).unwrap(), 9 * MIB);
    assert_eq!(reader.dropped_bytes(other, Part::Request).unwrap(), 0);
    let mut stream = reader.body(EXCHANGE, Part::Response);
    let mut read = Vec::new();
    let error = stream.read_to_end(&mut read).unwrap_err();
    assert_eq!(read.len() as u64, kept);
    let error = error.get_ref().unwrap().downcast_ref::<ReadError>().unwrap();
    let ReadError::Dropped { offset, bytes } = error else { panic!("{error}") };
    assert_eq!((*offset, *bytes), (kept, 10 * MIB));
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "the end");
    let kinds = read_all(&reader);
    assert!(kinds.iter().any(|entry| entry.event == ended(other)));
    assert!(kinds.iter().any(|entry| matches!(entry.event, Event::DataDropped { bytes: MIB, .. })));
}

#[test]
fn only_when_the_room_for_facts_is_full_is_an_entry_refused_and_that_is_recorded() {
    let (_folder, path) = place();
    let session = Session::create(&path).unwrap();
    let recorder = session.writer();
    assert_eq!(recorder.record(&entry(0, opened())), Recorded::Accepted);
    crate::play::settle(&recorder);

    let held = hold_writes(&path);
    let mut accepted = 1;
    while recorder.record(&entry(1, request(ExchangeId(accepted)))) == Recorded::Accepted {
        accepted += 1;
    }
    assert!(accepted > 20_000, "{accepted}");
    assert!(recorder.backlog_bytes() as u64 <= 32 * MIB);
    // Content has a room of its own, which is not full.
    assert_ne!(recorder.record(&entry(1, body(EXCHANGE, "x"))), Recorded::Full);
    drop(held);

    wait_until("written", || recorder.backlog_bytes() == 0);
    assert_eq!(recorder.record(&entry(2, closed())), Recorded::Accepted);
    let summary = session.close().unwrap();
    assert_eq!(summary.lost_entries, 1);
    let reader = Reader::open(&path).unwrap();
    let contents = reader.contents().unwrap();
    assert_eq!((contents.lost_entries, contents.entries), (1, accepted + 2));
}

#[test]
fn a_session_that_another_program_keeps_stalls_and_goes_on() {
    let (_folder, path) = place();
    let session = Session::create(&path).unwrap();
    let recorder = session.writer();
    let held = hold_writes(&path);
    assert_eq!(recorder.record(&entry(0, opened())), Recorded::Accepted);
    wait_until("stalled", || matches!(recorder.state(), State::Stalled { .. }));
    assert_eq!(recorder.record(&entry(0, body(EXCHANGE, "lost"))), Recorded::BodyDropped);
    drop(held);
    wait_until("recording", || recorder.state() == State::Recording);
    assert_eq!(recorder.record(&entry(0, body(EXCHANGE, "kept"))), Recorded::Accepted);
    session.close().unwrap();
}

const LARGE: &str = "bounds::a_large_body_streams_in_and_out_in_little_memory";
const LARGE_BYTES: u64 = 1024 * MIB;

/// The largest memory this process had, in bytes.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

fn stream_large_body(path: &Path) {
    let before = peak_memory();
    let session = Session::create(path).unwrap();
    let recorder = session.writer();
    assert_eq!(recorder.record(&entry(0, request(EXCHANGE))), Recorded::Accepted);
    for number in 0..LARGE_BYTES / (64 * 1024) {
        wait_until("room", || (recorder.backlog_bytes() as u64) < 32 * MIB);
        // Each piece has memory of its own, as each read from a socket has.
        let piece = vec![number.to_le_bytes()[0]; 64 * 1024];
        assert_eq!(recorder.record(&entry(number, body(EXCHANGE, piece))), Recorded::Accepted);
    }
    session.close().unwrap();

    let reader = Reader::open(path).unwrap();
    let mut stream = reader.body(EXCHANGE, Part::Response);
    assert_eq!(std::io::copy(&mut stream, &mut std::io::sink()).unwrap(), LARGE_BYTES);
    assert_eq!(reader.entries(..).map(Result::unwrap).count() as u64, 1 + LARGE_BYTES / 65536);
    let grown = peak_memory() - before;
    assert!(grown < 100 * MIB, "{grown}");
}

#[test]
fn a_large_body_streams_in_and_out_in_little_memory() {
    if let Some(path) = child_argument() {
        return stream_large_body(&path);
    }
    if !Path::new("/proc/self/status").exists() {
        return sidestream_testkit::skip(LARGE, "no /proc here to read the memory from");
    }
    let (_folder, path) = place();
    assert!(child(LARGE, &path).status().unwrap().success());
}
