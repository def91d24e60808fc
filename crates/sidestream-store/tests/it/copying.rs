//! Sessions made out of sessions.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use sidestream_flow::{ExchangeId, FlowId, MessageId, Peer, Redacted};
use sidestream_record::{
    Alteration, Annotation, Entry, Event, Part, Recorded, Replay, Secrets, Sink, Wire,
};
use sidestream_store::{
    CopyError, Origin, ReadError, Reader, SchemaVersion, Session, merge, merge_into, rewrite,
};

use crate::generate;
use crate::play::{EXCHANGE, body, closed, ended, entry, opened, place, read_all, request, settle};

const V2_1: &[u8] = include_bytes!("../../../../fixtures/sessions/2.1.session");
const V3_0: &[u8] = include_bytes!("../../../../fixtures/sessions/3.0.session");

fn record(path: &Path, entries: &[Entry]) {
    let session = Session::create(path).unwrap();
    for entry in entries {
        assert_eq!(session.writer().record(entry), Recorded::Accepted);
    }
    session.close().unwrap();
}

fn beside(path: &Path, name: &str) -> PathBuf {
    path.with_file_name(name)
}

fn all(_: Origin) -> bool {
    true
}

/// The entry as it is in a session whose ids begin after these.
fn shifted(entry: &Entry, (flow, exchange, message): (u64, u64, u64)) -> Entry {
    let mut entry = entry.clone();
    entry.flow.0 += flow;
    match &mut entry.event {
        Event::Request { exchange: id, .. }
        | Event::Response { exchange: id, .. }
        | Event::Body { exchange: id, .. }
        | Event::BodyDropped { exchange: id, .. }
        | Event::Trailers { exchange: id, .. }
        | Event::PartEnded { exchange: id, .. }
        | Event::Dns { exchange: id, .. }
        | Event::ExchangeEnded { exchange: id, .. }
        | Event::Held { exchange: id, .. }
        | Event::Resumed { exchange: id, .. } => id.0 += exchange,
        Event::Advised { exchange: Some(id), .. } | Event::Defect { exchange: Some(id), .. } => {
            id.0 += exchange;
        }
        Event::Altered { exchange: id, alteration } => {
            if let Some(id) = id {
                id.0 += exchange;
            }
            if let Alteration::ConnectionShared { with } = alteration {
                with.0 += flow;
            }
        }
        Event::Annotated { exchange: id, annotation } => {
            if let Some(id) = id {
                id.0 += exchange;
            }
            if let Annotation::Replay(Replay { of: Some(of), .. }) = &mut **annotation {
                of.0 += exchange;
            }
        }
        Event::Data { message: id, .. } | Event::DataDropped { message: id, .. } => {
            id.0 += message;
        }
        Event::WebSocket(id) => {
            id.exchange.0 += exchange;
            id.message.0 += message;
            if let Some(edit) = &mut id.edit {
                edit.of.0 += message;
            }
        }
        _ => {}
    }
    entry
}

/// Whether an id is so large that another can be added to it.
fn is_small(entry: &Entry) -> bool {
    let most = 1 << 60;
    let mut small = entry.event.exchange().is_none_or(|id| id.0 < most);
    match &entry.event {
        Event::Data { message, .. } | Event::DataDropped { message, .. } => {
            small &= message.0 < most;
        }
        Event::WebSocket(message) => {
            small &= message.message.0 < most && message.exchange.0 < most;
            small &= message.edit.as_ref().is_none_or(|edit| edit.of.0 < most);
        }
        Event::Altered { alteration: Alteration::ConnectionShared { with }, .. } => {
            small &= with.0 < most;
        }
        Event::Annotated { annotation, .. } => {
            let Annotation::Replay(Replay { of: Some(of), .. }) = &**annotation else {
                return small;
            };
            small &= of.0 < most;
        }
        _ => {}
    }
    small
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn two_sessions_are_one_with_all_of_both(
        first in generate::entries(),
        second in generate::entries(),
    ) {
        let [first, second] = [first, second]
            .map(|entries| entries.into_iter().filter(is_small).collect::<Vec<_>>());
        let (_folder, path) = place();
        let other = beside(&path, "b.session");
        record(&path, &first);
        record(&other, &second);
        let sessions = [Reader::open(&path).unwrap(), Reader::open(&other).unwrap()];
        let together = beside(&path, "c.session");
        let copied = merge(&sessions, &together, all).unwrap();
        prop_assert_eq!(copied.entries, (first.len() + second.len()) as u64);

        // The second one's ids begin after the first one's.
        let ids = {
            let session = Session::create(&path).unwrap();
            let ids = session.ids();
            (ids.flow().0 - 1, ids.exchange().0 - 1, ids.message().0 - 1)
        };
        let read = read_all(&Reader::open(&together).unwrap());
        let of_second = |entry: &&Entry| entry.flow.0 > ids.0;
        let (theirs, ours): (Vec<_>, Vec<_>) = read.iter().partition(of_second);
        prop_assert!(ours.into_iter().eq(&first), "of the first");
        let expected: Vec<_> = second.iter().map(|entry| shifted(entry, ids)).collect();
        prop_assert!(theirs.into_iter().eq(&expected), "of the second");
        prop_assert!(Reader::open(&together).unwrap().verify().unwrap().is_sound());
    }

    #[test]
    fn a_session_that_is_written_anew_says_the_same(entries in generate::entries()) {
        let (folder, path) = place();
        record(&path, &entries);
        let before = read_all(&Reader::open(&path).unwrap());
        rewrite(&path, all).unwrap();
        let reader = Reader::open(&path).unwrap();
        prop_assert_eq!(read_all(&reader), before);
        prop_assert!(reader.verify().unwrap().is_sound());
        prop_assert_eq!(folder.path().read_dir().unwrap().count(), 1);
    }
}

#[test]
fn older_sessions_become_ones_of_this_version() {
    for older in [V2_1, V3_0] {
        let (_folder, path) = place();
        fs::write(&path, older).unwrap();
        let before = read_all(&Reader::open(&path).unwrap());
        let contents = Reader::open(&path).unwrap().contents().unwrap();
        rewrite(&path, all).unwrap();
        let reader = Reader::open(&path).unwrap();
        assert_eq!(reader.version(), SchemaVersion::CURRENT);
        assert_eq!(read_all(&reader), before);
        assert_eq!(reader.contents().unwrap(), contents);
        let connection = rusqlite::Connection::open(&path).unwrap();
        assert!(!connection.table_exists(None, "body").unwrap());
        assert!(reader.verify().unwrap().is_sound());
    }
}

#[test]
fn only_what_is_wanted_is_kept_and_the_rest_takes_no_room() {
    let (_folder, path) = place();
    let large: Vec<u8> = (0..400_000_u32).flat_map(u32::to_le_bytes).collect();
    let other = ExchangeId(2);
    let entries: Vec<_> = [
        opened(),
        request(EXCHANGE),
        body(EXCHANGE, "small"),
        ended(EXCHANGE),
        request(other),
        body(other, large),
        ended(other),
        closed(),
    ]
    .into_iter()
    .map(|event| entry(0, event))
    .collect();
    record(&path, &entries);
    let before = path.metadata().unwrap().len();
    let copied = rewrite(&path, |origin| origin.exchange != Some(other)).unwrap();
    assert_eq!((copied.entries, copied.left_out), (5, 3));
    let reader = Reader::open(&path).unwrap();
    let expected: Vec<_> = entries[..4].iter().chain(&entries[7..]).cloned().collect();
    assert_eq!(read_all(&reader), expected);
    assert!(path.metadata().unwrap().len() < before / 4);
    drop(reader);
    // What is recorded later takes no id that is there.
    assert_eq!(Session::create(&path).unwrap().ids().flow(), FlowId(2));
}

#[test]
fn bodies_that_came_in_pieces_are_kept_once_when_they_are_written_anew() {
    let (_folder, path) = place();
    let whole: Vec<u8> = (0..50_000_u32).flat_map(|n| (n * n).to_le_bytes()).collect();
    let session = Session::create(&path).unwrap();
    for number in 1..=3 {
        for piece in whole.chunks(7000 * number as usize) {
            let event = body(ExchangeId(number), piece.to_vec());
            assert_eq!(session.writer().record(&entry(0, event)), Recorded::Accepted);
            settle(&session.writer());
        }
    }
    session.close().unwrap();
    let stored = |path: &Path| -> i64 {
        let connection = rusqlite::Connection::open(path).unwrap();
        connection.query_row("SELECT sum(size) FROM chunk", [], |row| row.get(0)).unwrap()
    };
    assert!(stored(&path) > 500_000);
    rewrite(&path, all).unwrap();
    // What is left of a body is too small for a chunk.
    assert_eq!(stored(&path), 3 * 65_536);
    let reader = Reader::open(&path).unwrap();
    for number in 1..=3 {
        let mut read = Vec::new();
        reader.body(ExchangeId(number), Part::Response).read_to_end(&mut read).unwrap();
        assert!(read == whole);
    }
}

#[test]
fn what_only_a_newer_version_knows_is_copied_as_it_is() {
    let (_folder, path) = place();
    record(&path, &[entry(0, opened()), entry(1, closed())]);
    let connection = rusqlite::Connection::open(&path).unwrap();
    // An entry of kind 99 of flow 1 that says "new", and a defect with a field that is unknown.
    connection
        .execute_batch(
            "INSERT INTO block VALUES (3, 2, 0, 1, 0, 0,
               x'0a081801ea06036e65770a0f1801c2010a08001202686980f10401', NULL)",
        )
        .unwrap();
    connection.close().unwrap();
    rewrite(&path, all).unwrap();
    let connection = rusqlite::Connection::open(&path).unwrap();
    let blocks: Vec<u8> = connection
        .query_row("SELECT payload FROM block WHERE size < 10000", [], |row| row.get(0))
        .unwrap();
    let contains = |bytes: &[u8]| blocks.windows(bytes.len()).any(|window| window == bytes);
    assert!(contains(b"\xea\x06\x03new"));
    assert!(contains(b"hi\x80\xf1\x04\x01"));
    let reader = Reader::open(&path).unwrap();
    let mut entries = reader.entries(..);
    assert_eq!(entries.by_ref().map(Result::unwrap).count(), 3);
    assert_eq!(entries.skipped(), 1);
}

#[test]
fn a_session_in_use_or_in_the_way_is_left_as_it_is() {
    let (folder, path) = place();
    let session = Session::create(&path).unwrap();
    assert_eq!(session.writer().record(&entry(0, opened())), Recorded::Accepted);
    let error = rewrite(&path, all).unwrap_err();
    assert!(matches!(error, CopyError::Create(_)), "{error}");
    session.close().unwrap();

    let before = fs::read(&path).unwrap();
    let error = merge(&[Reader::open(&path).unwrap()], &path, all).unwrap_err();
    assert!(matches!(error, CopyError::Exists { .. }), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);

    let text = beside(&path, "text");
    fs::write(&text, "a letter").unwrap();
    let error = rewrite(&text, all).unwrap_err();
    assert!(matches!(error, CopyError::Open(_)), "{error}");
    assert_eq!(fs::read(&text).unwrap(), b"a letter");
    assert_eq!(folder.path().read_dir().unwrap().count(), 2);
}

#[test]
fn a_damaged_session_is_not_written_anew_but_what_is_whole_can_be_copied() {
    let (folder, path) = place();
    let large = vec![3; 100_000];
    record(&path, &[entry(0, opened()), entry(1, body(EXCHANGE, large)), entry(2, closed())]);
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute_batch("UPDATE chunk SET hash = x'00', data = x'00' WHERE id = 1").unwrap();
    connection.close().unwrap();
    let before = fs::read(&path).unwrap();
    let error = rewrite(&path, all).unwrap_err();
    assert!(matches!(error, CopyError::Damaged { entries: 1 }), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);

    let copy = beside(&path, "copy.session");
    let reader = Reader::open(&path).unwrap();
    let copied = merge(&[reader], &copy, all).unwrap();
    assert_eq!((copied.entries, copied.damaged), (2, 1));
    assert_eq!(read_all(&Reader::open(&copy).unwrap()), [entry(0, opened()), entry(2, closed())]);
    assert_eq!(folder.path().read_dir().unwrap().count(), 2);
}

#[test]
fn sessions_are_joined_into_one_that_is_there() {
    let (folder, path) = place();
    let other = beside(&path, "b.session");
    let events = [opened(), request(EXCHANGE), ended(EXCHANGE), closed()];
    let [early, late]: [Vec<_>; 2] =
        [0, 100].map(|at| events.clone().map(|event| entry(at, event)).to_vec());
    record(&path, &late);
    record(&other, &early);
    let merged = merge_into(&path, &[Reader::open(&other).unwrap()]).unwrap();
    assert_eq!((merged.entries, merged.damaged), (8, 0));
    // In the order of the times; the ids of the one that was there stay.
    let shifted = early.iter().map(|entry| shifted(entry, (1, 1, 0)));
    let expected: Vec<_> = shifted.chain(late).collect();
    assert_eq!(read_all(&Reader::open(&path).unwrap()), expected);

    // Of what is damaged in others the rest comes; of the one that is there nothing may be lost.
    let connection = rusqlite::Connection::open(&other).unwrap();
    connection.execute_batch("UPDATE block SET payload = x'00', size = 1").unwrap();
    connection.close().unwrap();
    let merged = merge_into(&path, &[Reader::open(&other).unwrap()]).unwrap();
    assert_eq!((merged.entries, merged.damaged), (8, 4));
    let before = fs::read(&other).unwrap();
    let refused = merge_into(&other, &[Reader::open(&path).unwrap()]);
    assert!(matches!(refused, Err(CopyError::Damaged { entries: 4 })), "{refused:?}");
    assert_eq!(fs::read(&other).unwrap(), before);
    let session = Session::create(&path).unwrap();
    assert!(merge_into(&path, &[]).is_err());
    session.close().unwrap();
    assert_eq!(folder.path().read_dir().unwrap().count(), 2);
}

#[test]
fn what_is_wrong_with_a_session_is_told() {
    let (_folder, path) = place();
    let large = vec![3; 100_000];
    let upload = Event::Body { exchange: EXCHANGE, part: Part::Request, data: "up".into() };
    let dropped = Event::BodyDropped { exchange: EXCHANGE, part: Part::Response, bytes: 9 };
    let data =
        Event::Data { message: MessageId(1), from: Peer::Client, data: vec![4; 50_000].into() };
    let events =
        [opened(), request(EXCHANGE), upload, body(EXCHANGE, large), dropped, data, closed()];
    let entries: Vec<_> = events.into_iter().map(|event| entry(0, event)).collect();
    record(&path, &entries);
    let verified = Reader::open(&path).unwrap().verify().unwrap();
    assert!(verified.is_sound(), "{:?}", verified.problems);
    assert_eq!((verified.entries, verified.bodies, verified.chunks), (7, 2, 3));

    let told = |damage: &str| {
        let copy = beside(&path, "copy.session");
        fs::copy(&path, &copy).unwrap();
        let connection = rusqlite::Connection::open(&copy).unwrap();
        connection.execute_batch(&format!("PRAGMA foreign_keys = OFF; {damage}")).unwrap();
        connection.close().unwrap();
        Reader::open(&copy).unwrap().verify().unwrap().problems.join("\n")
    };
    let damages = [
        "UPDATE chunk SET data = x'00' WHERE id = 1",
        "UPDATE chunk SET hash = x'00' WHERE id = 1",
        "UPDATE exchange SET request_bytes = 3",
        "UPDATE exchange SET inline_seq = NULL",
        "UPDATE exchange SET last_seq = 2",
        "UPDATE flow SET first_seq = 99",
        "UPDATE block SET size = size + 1",
        "DELETE FROM content",
    ];
    let told: Vec<_> =
        damages.iter().map(|damage| format!("{damage}\n{}\n", told(damage))).collect();
    insta::assert_snapshot!(told.join("\n"));
    let read = Reader::open(&path).unwrap();
    assert!(read.entries(..).all(|entry| !matches!(entry, Err(ReadError::Damaged { .. }))));
}

#[test]
fn ids_that_cannot_grow_stay_and_a_half_copy_has_no_name() {
    let (folder, path) = place();
    let largest = ExchangeId(i64::MAX.cast_unsigned());
    record(&path, &[entry(0, opened()), entry(1, body(largest, "x")), entry(2, closed())]);
    // What a killed copy leaves is in nobody's way.
    let together = beside(&path, "c.session");
    fs::write(beside(&path, "c.session-new"), "half").unwrap();
    let sessions = [&path, &path, &path].map(|path| Reader::open(path).unwrap());
    merge(&sessions, &together, |origin| {
        assert!(!together.exists(), "it has its name before it is whole");
        origin.session < 3
    })
    .unwrap();
    assert_eq!(read_all(&Reader::open(&together).unwrap()).len(), 9);
    assert_eq!(folder.path().read_dir().unwrap().count(), 2);
}

#[test]
fn a_body_that_is_written_anew_is_not_cut_where_a_transaction_ends() {
    let (_folder, path) = place();
    let whole: Vec<u8> = (0..262_144_u32).flat_map(|n| n.wrapping_mul(n).to_le_bytes()).collect();
    let mut entries = Vec::new();
    for number in 1..=20 {
        let exchange = ExchangeId(number);
        entries.push(entry(0, request(exchange)));
        entries.extend(whole.chunks(10_000).map(|piece| entry(0, body(exchange, piece.to_vec()))));
        entries.push(entry(0, ended(exchange)));
    }
    record(&path, &entries);
    rewrite(&path, all).unwrap();
    let connection = rusqlite::Connection::open(&path).unwrap();
    let stored: i64 =
        connection.query_row("SELECT sum(size) FROM chunk", [], |row| row.get(0)).unwrap();
    assert_eq!(stored, 1024 * 1024);
}

#[test]
fn what_was_on_the_wire_is_copied_or_left_out() {
    let (_folder, path) = place();
    let peer = Peer::Server(1);
    let piece = |len: usize| Wire::of(peer, true, vec![b'w'; len].into());
    let lines = Redacted("CLIENT_RANDOM 01 02\n".to_owned());
    let wires = [piece(10), piece(0), piece(20_000), Wire::end(peer, false)];
    let wires = wires.into_iter().map(|wire| Event::Wire(Box::new(wire)));
    let events: Vec<_> = [opened(), Event::Secrets(Box::new(Secrets { peer, lines }))]
        .into_iter()
        .chain(wires)
        .chain([closed()])
        .enumerate()
        .map(|(at, event)| entry(at as u64, event))
        .collect();
    record(&path, &events);
    let read = |path: &Path| {
        let reader = Reader::open(path).unwrap();
        let verified = reader.verify().unwrap();
        assert!(verified.is_sound(), "{verified:?}");
        let all: Vec<_> = reader.entries(..).map(Result::unwrap).collect();
        let said: Vec<_> = reader.without_wire(..).map(Result::unwrap).collect();
        (all, said)
    };
    let said = [events[0].clone(), events[events.len() - 1].clone()];
    assert_eq!(read(&path), (events.clone(), said.to_vec()));

    let both = beside(&path, "both.session");
    let sessions = [Reader::open(&path).unwrap(), Reader::open(&path).unwrap()];
    merge(&sessions, &both, all).unwrap();
    let (copied, _) = read(&both);
    for flow in [1, 2] {
        let of_flow = copied.iter().filter(|entry| entry.flow == FlowId(flow));
        let of_flow: Vec<_> = of_flow.map(|entry| entry.event.clone()).collect();
        let expected: Vec<_> = events.iter().map(|entry| entry.event.clone()).collect();
        assert_eq!(of_flow, expected);
    }
    drop(sessions);

    rewrite(&path, |origin| !origin.is_of_wire).unwrap();
    assert_eq!(read(&path), (said.to_vec(), said.to_vec()));
    let bytes = fs::read(&path).unwrap();
    assert!(!bytes.windows(13).any(|window| window == b"CLIENT_RANDOM"));
}

#[test]
fn what_is_written_anew_takes_the_place_of_the_old_at_once() {
    let (_folder, path) = place();
    record(&path, &[entry(0, opened()), entry(1, body(EXCHANGE, "x")), entry(2, closed())]);
    let (old, other) = (beside(&path, "old"), beside(&path, "other.session"));
    fs::copy(&path, &other).unwrap();
    for way in [0, 1] {
        drop(fs::remove_file(&old));
        fs::hard_link(&path, &old).unwrap();
        let before = fs::read(&path).unwrap();
        match way {
            0 => rewrite(&path, all).unwrap(),
            _ => merge_into(&path, &[Reader::open(&other).unwrap()]).unwrap(),
        };
        // The old one is whole to the end: whoever is killed meanwhile leaves one or the other.
        assert!(fs::read(&old).unwrap() == before, "{way}");
        assert!(Reader::open(&path).unwrap().verify().unwrap().is_sound());
    }
    assert_eq!(read_all(&Reader::open(&path).unwrap()).len(), 6);
}
