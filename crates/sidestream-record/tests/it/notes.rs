//! What is noted of flows and exchanges adds up.

use std::time::SystemTime;

use insta::assert_snapshot;
use sidestream_flow::{ExchangeId, FlowId, FlowKey, Transport};
use sidestream_record::{
    Annotation, Book, Closed, Entry, Event, Fields, Finished, Notes, Opened, Replay, RequestHead,
    Version, wording,
};

fn metadata(key: &str, value: Option<&str>) -> Annotation {
    Annotation::Metadata { key: key.into(), value: value.map(Into::into) }
}

fn comment(text: &str) -> Annotation {
    Annotation::Comment(text.into())
}

#[track_caller]
fn check(annotations: &[Annotation], expected: Notes) {
    let mut notes = Notes::default();
    annotations.iter().for_each(|annotation| notes.apply(annotation));
    assert_eq!(notes, expected);
}

#[test]
fn what_comes_later_takes_the_place_of_what_was_before() {
    check(&[], Notes::default());
    let second = Some("second".to_owned());
    check(&[comment("first"), comment("second")], Notes { comment: second, ..Notes::default() });
    check(&[comment("first"), comment("")], Notes::default());
    check(&[Annotation::Marker("x".into()), Annotation::Marker(String::new())], Notes::default());
    let all = [
        metadata("a", Some("1")),
        metadata("b", Some("2")),
        metadata("a", Some("")),
        metadata("b", None),
        metadata("c", None),
    ];
    let left = vec![("a".to_owned(), String::new())];
    check(&all, Notes { metadata: left, ..Notes::default() });
    let nothing = Replay { request: false, response: false, of: Some(ExchangeId(1)) };
    check(&[Annotation::Replay(nothing)], Notes::default());
}

#[test]
fn metadata_has_bounds() {
    let mut notes = Notes::default();
    for key in 0..1000 {
        notes.apply(&metadata(&key.to_string(), Some("x")));
    }
    assert_eq!(notes.metadata.len(), 100);
}

/// A flow of an exchange, which is noted of while it lasts, after it, and by a wrong number.
fn book() -> Vec<Finished> {
    let (client, server) = (([10, 0, 0, 2], 4000).into(), ([192, 0, 2, 1], 80).into());
    let key = FlowKey { transport: Transport::Tcp, client, server };
    let exchange = ExchangeId(1);
    let head = RequestHead {
        method: "GET".into(),
        target: "/".into(),
        version: Version::Http11,
        fields: Fields::default(),
    };
    let note = |exchange: Option<u64>, text| Event::Annotated {
        exchange: exchange.map(ExchangeId),
        annotation: Box::new(comment(text)),
    };
    let events = [
        Event::Opened(Opened { key, process: None, via: "run".into() }),
        note(None, "a flow"),
        Event::Request { exchange, url: "http://a.test/".into(), head },
        note(Some(1), "early"),
        Event::ExchangeEnded { exchange, failure: None },
        note(Some(1), "late"),
        note(Some(9), "nobody's"),
        Event::Closed(Closed::default()),
        note(None, "too late"),
    ];
    let mut book = Book::default();
    let at = SystemTime::UNIX_EPOCH;
    let entries = events.into_iter().map(|event| Entry { at, flow: FlowId(1), event });
    entries.flat_map(|entry| book.apply(&entry)).collect()
}

#[test]
fn what_is_noted_makes_no_exchange() {
    let finished = book();
    let [Finished::Exchange(_, exchange), Finished::Flow(flow)] = &finished[..] else {
        panic!("{finished:?}")
    };
    assert_eq!(exchange.notes.comment.as_deref(), Some("early"));
    assert_eq!(flow.notes.comment.as_deref(), Some("a flow"));
    assert_eq!(flow.exchanges, 1);
}

#[test]
fn notes_are_worded_in_a_line() {
    let line = |annotations: &[Annotation]| {
        let mut notes = Notes::default();
        annotations.iter().for_each(|annotation| notes.apply(annotation));
        wording::notes(&notes).unwrap_or_default()
    };
    let replay = |request, response, of: Option<u64>| {
        Annotation::Replay(Replay { request, response, of: of.map(ExchangeId) })
    };
    let lines = [
        line(&[]),
        line(&[Annotation::Marker(Annotation::DEFAULT_MARKER.into())]),
        line(&[comment("two\nlines"), metadata("a", Some("\x1b")), replay(true, false, Some(7))]),
        line(&[replay(false, true, None)]),
        line(&[replay(true, true, None)]),
    ];
    assert_snapshot!(lines.join("\n"), @r#"

    :default:
    "two\nlines"; a: \u{1b}; request sent again, as in exchange 7
    response sent again
    sent again
    "#);
}
