//! Filters by the tables and then by the records, and by the records alone: the same answer.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use sidestream_filter::{Filter, Row};
use sidestream_record::{
    Alteration, Change, Edit, Entry, Event, Fields, Finished, Recorded, ResponseHead, SentBody,
    Sink, Version,
};
use sidestream_store::{Entries, Reader, Session, Span};
use sidestream_testkit::sessions::{filter, session, start};

use crate::play::{closed, ended, entry, opened, place, request};

const V3_0: &[u8] = include_bytes!("../../../../fixtures/sessions/3.0.session");

fn name(finished: &Finished) -> String {
    match finished {
        Finished::Exchange(_, exchange) => format!("x{}", exchange.id),
        Finished::Flow(flow) => format!("f{}", flow.id),
        Finished::Message(_, message) => format!("m{}", message.id),
        Finished::WebSocket { message, .. } => format!("w{}", message.message),
        _ => unreachable!(),
    }
}

/// Makes rows such as older versions wrote.
const OLDER: &str = "UPDATE exchange
    SET version = NULL, request_type = NULL, answered = NULL, response_type = NULL;
    UPDATE flow SET servers = NULL, sni = NULL, alpn = NULL, ja4 = NULL, told_seq = NULL";

/// Judges the records of a span; the flows without exchanges come as the second.
fn judged(reader: &Reader, span: Span, filter: &Filter) -> (BTreeSet<String>, BTreeSet<String>) {
    judged_of(reader, reader.entries(span), span.is_to_the_end(), filter)
}

/// Judges the records that some entries add up to.
pub(crate) fn judged_of(
    reader: &Reader,
    entries: Entries<'_>,
    to_the_end: bool,
    filter: &Filter,
) -> (BTreeSet<String>, BTreeSet<String>) {
    let finished = reader.finishing(entries, to_the_end, sidestream_store::TEXT_BYTES);
    let mut finished: Vec<_> = finished.map(Result::unwrap).collect();
    finished.retain(|it| filter.matches(&Row::of(it).unwrap().decoding(&sidestream_store::decode)));
    let bare =
        finished.iter().filter(|it| matches!(it, Finished::Flow(flow) if flow.exchanges == 0));
    (finished.iter().map(name).collect(), bare.map(name).collect())
}

/// Which exchanges there are for which a filter is known to hold by the tables, and may hold.
fn told(reader: &Reader, text: &str) -> BTreeSet<String> {
    let mut told = BTreeSet::new();
    let filter = Filter::parse(text, start()).unwrap();
    let selection = filter.selection();
    reader
        .list(&selection, |line| {
            told.extend(line.exchange.map(|id| format!("x{id}")));
            true
        })
        .unwrap();
    let alone = judged(reader, Span::ALL, &filter).0;
    let alone: BTreeSet<_> = alone.into_iter().filter(|it| it.starts_with('x')).collect();
    assert!(alone.is_subset(&told), "{text}: {alone:?} of {told:?}");
    told
}

#[test]
fn rows_of_3_0_tell_no_content_type_and_those_that_come_do() {
    let (_folder, path) = place();
    fs::write(&path, V3_0).unwrap();
    let texts = ["~t json", "~a", "~ts css", "~c 204", "~q", "~dns", "!~t json"];
    let reader = Reader::open(&path).unwrap();
    let all = told(&reader, "~all");
    let before = texts.map(|text| told(&reader, text));
    // It may be that of any that is not known to be none.
    assert_eq!(before[0], all);
    drop(reader);

    let session = Session::create(&path).unwrap();
    let (first, second) = (session.ids().exchange(), session.ids().exchange());
    let mut head = ResponseHead {
        version: Version::Http11,
        status: 204,
        reason: Bytes::new(),
        fields: Fields::default(),
    };
    head.fields.push("content-type", "Text/CSS");
    let change = Change::Answered { head: head.clone(), body: SentBody::default() };
    let alteration = Alteration::Edited(Box::new(Edit { by: "a rule".into(), change }));
    let events = [
        opened(),
        request(first),
        Event::Response { exchange: first, head },
        ended(first),
        request(second),
        Event::Altered { exchange: Some(second), alteration },
        ended(second),
        closed(),
    ];
    let flow = session.ids().flow();
    for event in events {
        let entry = Entry { flow, ..entry(0, event) };
        assert_eq!(session.writer().record(&entry), Recorded::Accepted);
    }
    session.close().unwrap();
    let reader = Reader::open(&path).unwrap();
    let came = |text, before: &BTreeSet<String>| {
        told(&reader, text).difference(before).cloned().collect::<Vec<_>>()
    };
    let both = [format!("x{first}"), format!("x{second}")];
    let expected = [&[][..], &both, &both, &both, &[], &[], &both];
    for ((text, before), expected) in texts.into_iter().zip(&before).zip(expected) {
        assert_eq!(came(text, before), expected, "{text}");
    }
    assert!(reader.verify().unwrap().is_sound());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_tables_lose_no_match_and_are_exact_where_they_say_so(
        entries in session(),
        texts in vec(filter(), 8),
        is_older in any::<bool>(),
    ) {
        let (_folder, path) = place();
        let session = Session::create(&path).unwrap();
        for entry in &entries {
            prop_assert_eq!(session.writer().record(entry), Recorded::Accepted);
        }
        session.close().unwrap();
        if is_older {
            let older = rusqlite::Connection::open(&path).unwrap();
            older.execute_batch(OLDER).unwrap();
        }
        let reader = Reader::open(&path).unwrap();
        prop_assert_eq!(reader.verify().unwrap().problems, Vec::<String>::new());
        for text in texts {
            let filter = Filter::parse(&text, start() + Duration::from_secs(15)).unwrap();
            let selection = filter.selection();
            let (alone, bare) = judged(&reader, Span::ALL, &filter);

            let spanned = reader.span(&selection).unwrap();
            let after = spanned.map(|span| judged(&reader, span, &filter).0).unwrap_or_default();
            prop_assert_eq!(&after, &alone, "{}: {:?}", text, spanned);

            let (mut exchanges, mut flows) = (BTreeSet::new(), BTreeSet::new());
            reader.list(&selection, |line| match line.exchange {
                Some(exchange) => exchanges.insert(format!("x{exchange}")),
                None => flows.insert(format!("f{}", line.flow)),
            }).unwrap();
            let told: BTreeSet<_> = alone.iter().filter(|it| it.starts_with('x')).cloned().collect();
            prop_assert!(told.is_subset(&exchanges), "{text}: {told:?} of {exchanges:?}");
            prop_assert!(bare.is_subset(&flows), "{text}: {bare:?} of {flows:?}");
            if selection.exchanges.exact {
                prop_assert_eq!(&told, &exchanges, "{}", text);
            }
            if selection.flows.exact {
                prop_assert_eq!(&bare, &flows, "{}", text);
            }
        }
    }
}
