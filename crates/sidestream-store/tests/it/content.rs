//! Where content stands: small with its entry, large in chunks, each once.

use std::io::Read;
use std::path::Path;

use insta::assert_snapshot;
use sidestream_flow::{ExchangeId, MessageId, Peer};
use sidestream_record::{Entry, Event, Part, Recorded, Sink};
use sidestream_store::{ReadError, Reader, Session};

use crate::play::{EXCHANGE, body, ended, entry, opened, place, read_all, request, settle};

/// Bytes that no two places of are alike, and that do not shrink.
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..len).map(|_| next()).collect()
}

/// Records events, each in a transaction of its own.
fn record(path: &Path, events: impl IntoIterator<Item = Event>) -> Vec<Entry> {
    let session = Session::create(path).unwrap();
    let recorder = session.writer();
    let mut entries = Vec::new();
    for (at, event) in (0..).zip(events) {
        let entry = entry(at, event);
        assert_eq!(recorder.record(&entry), Recorded::Accepted);
        settle(&recorder);
        entries.push(entry);
    }
    session.close().unwrap();
    entries
}

fn numbers(path: &Path, query: &str) -> String {
    let connection = rusqlite::Connection::open(path).unwrap();
    let mut statement = connection.prepare(query).unwrap();
    let columns = statement.column_count();
    let mut rows = statement.query([]).unwrap();
    let mut lines = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        let cell = |column| match row.get_ref(column).unwrap() {
            rusqlite::types::ValueRef::Integer(number) => number.to_string(),
            rusqlite::types::ValueRef::Null => "-".to_owned(),
            other => format!("{:?}", other.data_type()),
        };
        lines.push((0..columns).map(cell).collect::<Vec<_>>().join(" "));
    }
    lines.join("\n")
}

fn read(path: &Path, exchange: ExchangeId) -> Vec<u8> {
    let reader = Reader::open(path).unwrap();
    let mut whole = Vec::new();
    reader.body(exchange, Part::Response).read_to_end(&mut whole).unwrap();
    whole
}

#[test]
fn a_body_goes_from_its_blocks_into_stretches_when_it_is_no_longer_small() {
    let (_folder, path) = place();
    let sizes = [1000, 15_000, 500, 5000, 130_000, 100];
    let pieces: Vec<_> = (0..).zip(sizes).map(|(seed, len)| noise(seed, len)).collect();
    let bodies = pieces.iter().map(|piece| body(EXCHANGE, piece.clone()));
    let events = [opened(), request(EXCHANGE)].into_iter().chain(bodies).chain([ended(EXCHANGE)]);
    let entries = record(&path, events);
    assert_eq!(read_all(&Reader::open(&path).unwrap()), entries);
    assert_eq!(read(&path, EXCHANGE), pieces.concat());
    // The first 16,000 bytes stand in blocks; 500 and 100 are too small for chunks.
    let stretches = "SELECT offset, size, chunk, length(data) FROM stretch ORDER BY offset";
    assert_snapshot!(numbers(&path, stretches), @r"
    16000 500 - 500
    16500 5000 1 -
    21500 44036 2 -
    65536 65536 3 -
    131072 20428 4 -
    151500 100 - 100
    ");
    assert_eq!(numbers(&path, "SELECT inline_seq FROM exchange"), "4");
}

#[test]
fn the_same_body_is_kept_once_however_it_came() {
    let (_folder, path) = place();
    let whole = noise(7, 300_000);
    let session = Session::create(&path).unwrap();
    for (number, piece) in (1..).zip([16_384, 1400, 300_000, 7777]) {
        let exchange = ExchangeId(number);
        assert_eq!(session.writer().record(&entry(0, request(exchange))), Recorded::Accepted);
        // Taken together they are one transaction's.
        for piece in whole.chunks(piece) {
            let event = body(exchange, piece.to_vec());
            assert_eq!(session.writer().record(&entry(0, event)), Recorded::Accepted);
        }
    }
    session.close().unwrap();
    for exchange in 1..=4 {
        assert_eq!(read(&path, ExchangeId(exchange)), whole);
    }
    let sizes = "SELECT count(*), sum(size) FROM chunk WHERE id IN (SELECT chunk FROM stretch)";
    let found = numbers(&path, sizes);
    let stored: u64 = found.split(' ').nth(1).unwrap().parse().unwrap();
    // A transaction that ended in the middle of a body may have cut a chunk in two.
    assert!((300_000..600_000).contains(&stored), "{found}");
}

#[test]
fn text_takes_little_room() {
    let (_folder, path) = place();
    let line = |n: u32| format!("{{\"id\": {n}, \"name\": \"somebody\", \"active\": true}}\n");
    let text: String = (0..20_000).map(line).collect();
    record(&path, [opened(), request(EXCHANGE), body(EXCHANGE, text.clone()), ended(EXCHANGE)]);
    assert_eq!(read(&path, EXCHANGE), text.as_bytes());
    let size = path.metadata().unwrap().len();
    assert!(size < text.len() as u64 / 3, "{size} of {}", text.len());
}

#[test]
fn large_messages_are_chunks_and_small_ones_stand_in_blocks() {
    let (_folder, path) = place();
    let data = |message, data: Vec<u8>| Event::Data {
        message: MessageId(message),
        from: Peer::Server(0),
        data: data.into(),
    };
    let large = noise(3, 200_000);
    let messages = [
        data(1, noise(1, 16_384)),
        data(2, large.clone()),
        data(3, large),
        data(4, Vec::new()),
        Event::DataDropped { message: MessageId(5), from: Peer::Client, bytes: 77 },
    ];
    let entries = record(&path, [opened()].into_iter().chain(messages));
    assert_eq!(read_all(&Reader::open(&path).unwrap()), entries);
    let rows = "SELECT message, dropped, chunk, data FROM content ORDER BY seq";
    assert_snapshot!(numbers(&path, rows), @r"
    2 0 1 -
    3 0 1 -
    5 77 - -
    ");
}

#[test]
fn a_damaged_chunk_is_a_gap_that_is_told() {
    let (_folder, path) = place();
    let whole = noise(9, 200_000);
    record(&path, [opened(), request(EXCHANGE), body(EXCHANGE, whole.clone()), ended(EXCHANGE)]);
    for damage in [
        "UPDATE chunk SET data = zeroblob(100) WHERE id = 2",
        "DELETE FROM chunk WHERE id = 2",
        "DELETE FROM stretch WHERE chunk = 2",
    ] {
        let copy = path.with_extension("copy");
        std::fs::copy(&path, &copy).unwrap();
        let connection = rusqlite::Connection::open(&copy).unwrap();
        connection.execute_batch(&format!("PRAGMA foreign_keys = OFF; {damage}")).unwrap();
        connection.close().unwrap();

        let reader = Reader::open(&copy).unwrap();
        let mut stream = reader.body(EXCHANGE, Part::Response);
        let mut read = Vec::new();
        let error = stream.read_to_end(&mut read).unwrap_err();
        let error = error.get_ref().unwrap().downcast_ref::<ReadError>().unwrap();
        assert_eq!(
            error.to_string(),
            "65536 bytes from offset 65536 on are missing: the session is damaged",
            "{damage}"
        );
        assert!(read == whole[..65_536], "{damage}");
        stream.read_to_end(&mut read).unwrap();
        assert!(read[65_536..] == whole[131_072..], "{damage}");
        let entries: Vec<_> = reader.entries(..).collect();
        assert!(matches!(entries[2], Err(ReadError::Damaged { .. })), "{:?}", entries[2]);
        assert!(entries[3].is_ok());
    }
}

#[test]
fn what_is_read_while_it_is_written_goes_on_without_a_gap() {
    let (_folder, path) = place();
    let session = Session::create(&path).unwrap();
    let reader = Reader::open(&path).unwrap();
    let mut stream = reader.body(EXCHANGE, Part::Response);
    let (mut sent, mut read) = (Vec::new(), Vec::new());
    assert_eq!(session.writer().record(&entry(0, request(EXCHANGE))), Recorded::Accepted);
    for (seed, len) in (0..).zip([10, 9000, 9000, 200, 70_000, 5]) {
        let piece = noise(seed, len);
        sent.extend_from_slice(&piece);
        assert_eq!(session.writer().record(&entry(0, body(EXCHANGE, piece))), Recorded::Accepted);
        settle(&session.writer());
        stream.read_to_end(&mut read).unwrap();
        assert!(read == sent, "after piece {seed}");
    }
    drop(session);
}

#[test]
fn stretches_that_no_writer_makes_have_an_end() {
    let (_folder, path) = place();
    let whole = noise(9, 100_000);
    record(&path, [opened(), request(EXCHANGE), body(EXCHANGE, whole), ended(EXCHANGE)]);
    let max = i64::MAX;
    for (offset, size) in
        [(0, 0), (0, -1), (-5, 100), (-5, max), (max, 1), (max, max), (65_536, 0), (1, 7), (5, max)]
    {
        for keeps in ["DELETE FROM stretch", ""] {
            let copy = path.with_extension("copy");
            std::fs::copy(&path, &copy).unwrap();
            let connection = rusqlite::Connection::open(&copy).unwrap();
            let insert = "INSERT INTO stretch (exchange, part, offset, size, dropped, data) VALUES";
            let hostile = format!("{insert} (1, 'response', {offset}, {size}, {size}, NULL)");
            let range = format!("UPDATE exchange SET inline_seq = {max}, first_seq = -{max}");
            connection.execute_batch(&format!("{keeps}; {hostile}; {range}")).unwrap();
            connection.close().unwrap();
            let reader = Reader::open(&copy).unwrap();
            let mut stream = reader.body(EXCHANGE, Part::Response);
            let mut errors = 0;
            while stream.read_to_end(&mut Vec::new()).is_err() {
                errors += 1;
                assert!(errors < 10, "{offset}+{size} has no end");
            }
            drop(reader.verify());
        }
    }
}
