//! What is found by the index of text is what is found without.

use std::path::Path;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use sidestream_filter::Filter;
use sidestream_flow::{FlowId, Ids, Peer};
use sidestream_record::{
    Alteration, Change, Closed, Edit, Entry, Event, Part, Recorded, ResponseHead, SentBody, Sink,
    Version, WebSocketKind, WebSocketMessage,
};
use sidestream_store::{CopyError, CreateError, Reader, Session, Span, index};
use sidestream_testkit::sessions::{session, start};

use crate::filters::judged_of;
use crate::play::{opened, place, request};

/// Filters that ask for content.
fn filter() -> impl Strategy<Value = String> {
    let terms = [
        "~b needle",
        "~b 'raw|other'",
        "~bq needle",
        "~bs hay",
        "~b 'nee.*hay'",
        "~b ''",
        "~b NEEDLE",
        "~b nowhere",
        "~c 200",
        "~websocket",
        "~u a.test",
    ];
    select(terms.to_vec()).prop_map(str::to_owned).prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 2..4).prop_map(|all| format!("({})", all.join(" & "))),
            vec(inner.clone(), 2..4).prop_map(|any| format!("({})", any.join(" | "))),
            inner.prop_map(|it| format!("!{it}")),
        ]
    })
}

fn record(path: &Path, entries: &[Entry]) {
    let session = Session::create(path).unwrap();
    for entry in entries {
        assert_eq!(session.writer().record(entry), Recorded::Accepted);
    }
    session.close().unwrap();
}

fn same(path: &Path, text: &str) {
    let reader = Reader::open(path).unwrap();
    let filter = Filter::parse(text, start() + Duration::from_secs(15)).unwrap();
    let (alone, _) = judged_of(&reader, reader.entries(Span::ALL), true, &filter);
    let Some(wanted) = reader.wanted(&filter).unwrap() else { return };
    let (looked_up, _) =
        judged_of(&reader, reader.wanted_entries(Span::ALL, &wanted), true, &filter);
    assert_eq!(looked_up, alone, "{text}");
}

/// The same, of which there is something.
fn found(path: &Path, text: &str) {
    let reader = Reader::open(path).unwrap();
    let filter = Filter::parse(text, start()).unwrap();
    assert!(reader.wanted(&filter).unwrap().is_some());
    assert!(!judged_of(&reader, reader.entries(Span::ALL), true, &filter).0.is_empty(), "{text}");
    same(path, text);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_match_is_lost_whenever_it_was_noted(
        entries in session(),
        cuts in vec(0.0..1.0_f64, 1..3),
        texts in vec(filter(), 4),
    ) {
        let (_folder, path) = place();
        let mut cuts: Vec<_> =
            cuts.into_iter().map(|cut| (entries.len() as f64 * cut) as usize).collect();
        cuts.sort_unstable();
        let mut from = 0;
        for cut in cuts {
            record(&path, &entries[from..cut]);
            index(&path).unwrap();
            from = cut;
        }
        record(&path, &entries[from..]);
        for text in ["~b needle", "~b other", "~bs hay", "~b raw"] {
            same(&path, text);
        }
        for text in texts {
            same(&path, &text);
        }
    }
}

/// Text in which hardly three letters come twice.
fn noise(seed: u64, len: usize) -> String {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let letter = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(b'a' + (state % 26) as u8)
    };
    (0..len).map(letter).collect()
}

/// Events of an exchange in a flow of its own, with that body, packed by zstd where `is_packed`.
fn exchange(ids: &Ids, body: String, is_packed: bool) -> Vec<Entry> {
    let (flow, exchange) = (ids.flow(), ids.exchange());
    let mut head = ResponseHead {
        version: Version::Http11,
        status: 200,
        reason: Bytes::new(),
        fields: Default::default(),
    };
    let mut data = Bytes::from(body);
    if is_packed {
        head.fields.push("Content-Encoding", "zstd");
        data = zstd::encode_all(&data[..], 1).unwrap().into();
    }
    let events = [
        opened(),
        request(exchange),
        Event::Response { exchange, head },
        Event::Body { exchange, part: Part::Response, data },
        Event::ExchangeEnded { exchange, failure: None },
        Event::Closed(Closed { received: 1, sent: 1, failure: None }),
    ];
    events.into_iter().map(|event| Entry { at: SystemTime::now(), flow, event }).collect()
}

#[test]
fn few_of_many_are_looked_at_and_what_came_later_always() {
    let (_folder, path) = place();
    let session = Session::create(&path).unwrap();
    let ids = session.ids();
    let write = |session: &Session, number: u64| {
        let body = noise(number, 16 * 1024) + &format!(" this is body {number} ");
        for entry in exchange(&ids, body, number.is_multiple_of(2)) {
            assert_eq!(session.writer().record(&entry), Recorded::Accepted);
        }
    };
    (1..=100).for_each(|number| write(&session, number));
    session.close().unwrap();

    let filter = |text: &str| Filter::parse(text, start()).unwrap();
    assert_eq!(Reader::open(&path).unwrap().wanted(&filter("~b is")).unwrap(), None);
    let indexed = index(&path).unwrap();
    assert_eq!(indexed.entries, 500, "stretches of bodies are not read");
    assert!(indexed.text_bytes > 100 * 16 * 1024, "{indexed:?}");
    for number in [1, 2, 99, 100] {
        let text = format!("~bs 'is body {number} '");
        let reader = Reader::open(&path).unwrap();
        let wanted = reader.wanted(&filter(&text)).unwrap().unwrap();
        assert!((1..10).contains(&wanted.exchanges()), "{}", wanted.exchanges());
        same(&path, &text);
    }

    let session = Session::create(&path).unwrap();
    write(&session, 101);
    session.close().unwrap();
    let reader = Reader::open(&path).unwrap();
    let wanted = reader.wanted(&filter("~b 'nowhere to be found'")).unwrap().unwrap();
    assert_eq!(wanted.exchanges(), 1);
    same(&path, "~bs 'is body 101 '");
    drop(reader);
    assert_eq!(index(&path).unwrap().entries, 505, "a group with room is made anew");
    let reader = Reader::open(&path).unwrap();
    let wanted = reader.wanted(&filter("~b 'nowhere to be found'")).unwrap().unwrap();
    assert_eq!(wanted.exchanges(), 0);
    assert!(reader.verify().unwrap().is_sound());
}

#[test]
fn it_is_noted_while_it_is_recorded() {
    let (_folder, path) = place();
    let session = Session::create(&path).unwrap();
    let ids = session.ids();
    for number in 1..=1200 {
        for entry in exchange(&ids, noise(number, 16 * 1024), false) {
            assert_eq!(session.writer().record(&entry), Recorded::Accepted);
        }
    }
    let filter = Filter::parse("~b 'nowhere to be found'", start()).unwrap();
    let reader = Reader::open(&path).unwrap();
    let wanted = loop {
        if let Some(wanted) = reader.wanted(&filter).unwrap() {
            break wanted;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    assert!(wanted.exchanges() <= 1200 - 512 + 5, "{}", wanted.exchanges());
    drop(reader);
    let summary = session.close().unwrap();
    assert!(summary.one_file);
    same(&path, &format!("~b {}", &noise(7, 100)[50..80]));
    same(&path, &format!("~b {}", &noise(1199, 100)[50..80]));
}

#[test]
fn a_session_that_is_recorded_or_none_is_left_as_it_is() {
    let (_folder, path) = place();
    let missing = index(&path).unwrap_err();
    assert!(matches!(missing, CopyError::Open(_)), "{missing:?}");
    assert!(!path.exists());
    let session = Session::create(&path).unwrap();
    let refused = index(&path).unwrap_err();
    assert!(matches!(refused, CopyError::Create(CreateError::InUse { .. })), "{refused:?}");
    session.close().unwrap();
}

#[test]
fn a_damaged_index_costs_time_and_no_match() {
    let (_folder, path) = place();
    let session = Session::create(&path).unwrap();
    let ids = session.ids();
    for number in 1..=20 {
        for entry in exchange(&ids, noise(number, 16 * 1024), false) {
            assert_eq!(session.writer().record(&entry), Recorded::Accepted);
        }
    }
    session.close().unwrap();
    index(&path).unwrap();
    let needle = format!("~b {}", &noise(7, 100)[50..80]);
    for damage in [
        "UPDATE text_page SET data = x'00ff'",
        "UPDATE text_page SET data = zeroblob(size)",
        "UPDATE text_page SET size = -1",
        "UPDATE text_page SET id = id + 1000000",
        "DELETE FROM text_page",
        "UPDATE text_group SET resume = -5, last = 1 << 62",
        "UPDATE text_group SET members = x'0102'",
        "UPDATE text_group SET members = x'00000000000000ff28b5'",
    ] {
        let copy = path.with_extension("damaged");
        std::fs::copy(&path, &copy).unwrap();
        rusqlite::Connection::open(&copy).unwrap().execute_batch(damage).unwrap();
        same(&copy, &needle);
    }
}

#[test]
fn what_comes_later_in_a_flow_and_what_a_rule_answered_is_looked_at() {
    let (_folder, path) = place();
    let session = Session::create(&path).unwrap();
    let ids = session.ids();
    let mut entries = exchange(&ids, noise(1, 16 * 1024), false);
    let closed = entries.pop().unwrap();
    let raw = |flow, text: String| Entry {
        at: SystemTime::now(),
        flow,
        event: Event::Data { message: ids.message(), from: Peer::Client, data: text.into() },
    };
    let socket = Entry { flow: ids.flow(), ..entries[0].clone() };
    let other = socket.flow;
    let answered = ids.exchange();
    let head = ResponseHead {
        version: Version::Http11,
        status: 200,
        reason: Bytes::new(),
        fields: Default::default(),
    };
    let change = Change::Answered { head, body: SentBody::of(&"answered needle".into()) };
    let edit = Box::new(Edit { by: "a rule".into(), change });
    let in_third = |event| Entry { at: SystemTime::now(), flow: FlowId(77), event };
    entries.extend([
        socket,
        raw(other, noise(2, 16 * 1024)),
        in_third(opened()),
        in_third(request(answered)),
        in_third(Event::Altered { exchange: Some(answered), alteration: Alteration::Edited(edit) }),
        in_third(Event::ExchangeEnded { exchange: answered, failure: None }),
        in_third(Event::Closed(Closed { received: 1, sent: 1, failure: None })),
    ]);
    entries.iter().for_each(|entry| _ = session.writer().record(entry));
    session.close().unwrap();
    index(&path).unwrap();
    found(&path, "~b 'answered needle'");

    let session = Session::create(&path).unwrap();
    let message = WebSocketMessage {
        exchange: entries[1].event.exchange().unwrap(),
        message: ids.message(),
        from: Peer::Client,
        kind: WebSocketKind::Text,
        data: "late needle".into(),
        dropped: 0,
        fragments: 1,
        compressed: false,
        encoded: false,
        ended: true,
        injected: false,
        edit: None,
    };
    let event = Event::WebSocket(Box::new(message));
    session.writer().record(&Entry { event, at: closed.at, flow: closed.flow });
    session.writer().record(&closed);
    session.writer().record(&raw(other, "raw needle".into()));
    session.close().unwrap();
    found(&path, "~b 'late needle'");
    found(&path, "~b 'raw needle'");
    // Read from where the first flow still was open, and so known.
    index(&path).unwrap();
    found(&path, "~b 'late needle'");
    found(&path, "~b 'raw needle'");
}
