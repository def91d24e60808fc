//! What is noted of what is in a session, also when nobody records to it any more.

use std::fs;

use sidestream_flow::{ExchangeId, FlowId};
use sidestream_record::{Annotation, Entry, Event, Finished, Notes, Recorded, Replay, Sink};
use sidestream_store::{
    CopyError, CreateError, Reader, SchemaVersion, Seq, Session, Span, append, merge, rewrite,
};

use crate::listing::table;
use crate::play::{
    EXCHANGE, FLOW, closed, ended, entry, opened, place, read_all, request, response,
};

const V2_1: &[u8] = include_bytes!("../../../../fixtures/sessions/2.1.session");
const V3_0: &[u8] = include_bytes!("../../../../fixtures/sessions/3.0.session");

fn note(exchange: Option<ExchangeId>, annotation: Annotation) -> Entry {
    entry(9000, Event::Annotated { exchange, annotation: Box::new(annotation) })
}

fn comment(text: &str) -> Annotation {
    Annotation::Comment(text.into())
}

fn marker(text: &str) -> Annotation {
    Annotation::Marker(text.into())
}

fn metadata(key: &str, value: Option<&str>) -> Annotation {
    Annotation::Metadata { key: key.into(), value: value.map(Into::into) }
}

/// Records a flow with one exchange, which is over.
fn record(path: &std::path::Path) {
    let session = Session::create(path).unwrap();
    let events = [opened(), request(EXCHANGE), response(EXCHANGE, 200), ended(EXCHANGE), closed()];
    for (at, event) in (0..).zip(events) {
        assert_eq!(session.writer().record(&entry(at, event)), Recorded::Accepted);
    }
    session.close().unwrap();
}

/// What is noted of the exchanges and flows that come out, in that order.
fn noted(reader: &Reader) -> Vec<(u64, Notes)> {
    let finished = reader.finished(Span::ALL, 0).map(Result::unwrap);
    let noted = finished.map(|finished| match finished {
        Finished::Exchange(_, exchange) => (exchange.id.0, exchange.notes.into_inner()),
        Finished::Flow(flow) => (flow.id.0, (*flow.notes).clone()),
        _ => (0, Notes::default()),
    });
    noted.filter(|(_, notes)| !notes.is_empty()).collect()
}

#[test]
fn what_is_noted_of_a_session_that_is_closed_stands_beside_what_it_is_about() {
    let (_folder, path) = place();
    record(&path);
    let before = read_all(&Reader::open(&path).unwrap());
    let of = Some(ExchangeId(4));
    let notes = [
        note(Some(EXCHANGE), marker(":default:")),
        note(Some(EXCHANGE), comment("first")),
        note(Some(EXCHANGE), comment("look\nhere")),
        note(Some(EXCHANGE), metadata("a", Some("1"))),
        note(Some(EXCHANGE), metadata("gone", Some("2"))),
        note(Some(EXCHANGE), metadata("gone", None)),
        note(Some(EXCHANGE), Annotation::Replay(Replay { request: true, response: true, of })),
        note(None, marker(":red_circle:")),
        // Of what is not there, which nobody sees.
        note(Some(ExchangeId(77)), comment("nowhere")),
    ];
    append(&path, &notes).unwrap();

    let reader = Reader::open(&path).unwrap();
    let after = read_all(&reader);
    assert_eq!(after[..before.len()], before[..]);
    assert_eq!(after[before.len()..], notes);
    let expected = Notes {
        comment: Some("look\nhere".into()),
        marker: Some(":default:".into()),
        metadata: vec![("a".into(), "1".into())],
        replay: Some(Replay { request: true, response: true, of }),
    };
    assert_eq!(reader.notes_of_exchange(EXCHANGE).unwrap(), expected);
    let of_flow = Notes { marker: Some(":red_circle:".into()), ..Notes::default() };
    assert_eq!(noted(&reader), [(EXCHANGE.0, expected), (FLOW.0, of_flow)]);
    // Whoever looks at what went by only is told as well.
    let span = Span { first: Seq(1), last: Some(Seq(5)) };
    let part: Vec<_> = reader.finished(span, 0).map(Result::unwrap).collect();
    let Finished::Exchange(_, exchange) = &part[0] else { panic!("{part:?}") };
    assert_eq!(exchange.notes.marker.as_deref(), Some(":default:"));
    // No recording was added, and the file is one.
    assert!(reader.contents().unwrap().closed);
    assert!(reader.verify().unwrap().problems.is_empty());
    drop(reader);
    assert!(!path.with_file_name("a.session-wal").exists());
    let connection = rusqlite::Connection::open(&path).unwrap();
    let list = table(&connection, "exchange_list");
    assert!(list.ends_with("| - | :default: | look\nhere"), "{list}");
    assert_eq!(table(&connection, "recording").lines().count(), 2);
}

#[test]
fn what_is_taken_back_leaves_nothing() {
    let (_folder, path) = place();
    record(&path);
    append(&path, &[note(Some(EXCHANGE), comment("look")), note(None, marker("x"))]).unwrap();
    append(&path, &[note(Some(EXCHANGE), comment("")), note(None, marker(""))]).unwrap();
    let reader = Reader::open(&path).unwrap();
    assert!(!reader.has_notes().unwrap());
    assert_eq!(noted(&reader), []);
}

#[test]
fn a_session_that_is_recorded_takes_notes_from_its_recorder_alone() {
    let (_folder, path) = place();
    record(&path);
    let session = Session::create(&path).unwrap();
    let refused = append(&path, &[note(Some(EXCHANGE), comment("look"))]);
    assert!(matches!(refused, Err(CopyError::Create(CreateError::InUse { .. }))), "{refused:?}");
    let recorded = session.writer().record(&note(Some(EXCHANGE), comment("here")));
    assert_eq!(recorded, Recorded::Accepted);
    session.close().unwrap();
    let reader = Reader::open(&path).unwrap();
    assert_eq!(reader.notes_of_exchange(EXCHANGE).unwrap().comment.as_deref(), Some("here"));
    assert!(append(path.with_file_name("none"), &[]).is_err());
    assert!(!path.with_file_name("none").exists());
}

#[test]
fn what_is_made_of_sessions_has_their_notes() {
    let (_folder, path) = place();
    record(&path);
    let replay = Annotation::Replay(Replay { request: true, response: false, of: Some(EXCHANGE) });
    let notes = [comment("look"), replay].map(|annotation| note(Some(EXCHANGE), annotation));
    append(&path, &notes).unwrap();
    append(&path, &[note(None, marker("x"))]).unwrap();
    let both = path.with_file_name("b.session");
    let sessions = [Reader::open(&path).unwrap(), Reader::open(&path).unwrap()];
    merge(&sessions, &both, |_| true).unwrap();
    rewrite(&both, |_| true).unwrap();

    let reader = Reader::open(&both).unwrap();
    for id in [1, 2] {
        let notes = reader.notes_of_exchange(ExchangeId(id)).unwrap();
        assert_eq!(notes.comment.as_deref(), Some("look"));
        let replay = Replay { request: true, response: false, of: Some(ExchangeId(id)) };
        assert_eq!(notes.replay, Some(replay));
        let of_flow = reader.notes_of_flow(FlowId(id)).unwrap();
        assert_eq!(of_flow.marker.as_deref(), Some("x"));
    }
    // What goes takes its notes along.
    rewrite(&both, |origin| origin.flow == FlowId(1)).unwrap();
    let reader = Reader::open(&both).unwrap();
    assert_eq!(noted(&reader).len(), 2);
    assert_eq!(read_all(&reader).len(), 8);
}

#[test]
fn older_sessions_have_no_notes_until_some_are_made() {
    for older in [V2_1, V3_0] {
        let (_folder, path) = place();
        fs::write(&path, older).unwrap();
        let reader = Reader::open(&path).unwrap();
        assert!(!reader.has_notes().unwrap());
        assert_eq!(noted(&reader), []);
        let all =
            sidestream_filter::Filter::parse("~marked | ~c 200 | ~tcp", std::time::UNIX_EPOCH);
        let mut listed = Vec::new();
        reader
            .list(&all.unwrap().selection(), |line| {
                listed.push(line);
                true
            })
            .unwrap();
        assert!(!listed.is_empty());
        drop(reader);

        let exchange = listed.iter().find_map(|line| Some((line.flow, line.exchange?))).unwrap();
        let entry = Entry { flow: exchange.0, ..note(Some(exchange.1), comment("an old one")) };
        append(&path, &[entry]).unwrap();
        let reader = Reader::open(&path).unwrap();
        assert_eq!(reader.version(), SchemaVersion::CURRENT);
        let comment = Some("an old one".to_owned());
        let notes = Notes { comment, ..Notes::default() };
        assert_eq!(noted(&reader), [(exchange.1.0, notes)]);
        let connection = rusqlite::Connection::open(&path).unwrap();
        assert!(table(&connection, "exchange_list").contains("an old one"));
    }
}

#[test]
fn damaged_notes_are_told_and_lose_nothing_else() {
    let (_folder, path) = place();
    record(&path);
    append(&path, &[note(Some(EXCHANGE), comment("look"))]).unwrap();
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute("UPDATE exchange SET notes = x'0aff'", []).unwrap();
    connection.close().unwrap();
    let reader = Reader::open(&path).unwrap();
    let finished: Vec<_> = reader.finished(Span::ALL, 0).collect();
    assert_eq!(finished.len(), 3, "{finished:?}");
    assert!(finished[0].is_err());
    assert!(matches!(finished[1], Ok(Finished::Exchange(..))));
    let problems = reader.verify().unwrap().problems;
    assert!(
        problems.iter().any(|it| it.starts_with("what is noted of exchange 1")),
        "{problems:?}"
    );
}
