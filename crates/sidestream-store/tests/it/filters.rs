//! Filters by the tables and then by the records, and by the records alone: the same answer.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use sidestream_filter::{Filter, Row};
use sidestream_record::{Finished, Recorded, Sink};
use sidestream_store::{Entries, Reader, Session, Span};
use sidestream_testkit::sessions::{filter, session, start};

use crate::play::place;

fn name(finished: &Finished) -> String {
    match finished {
        Finished::Exchange(_, exchange) => format!("x{}", exchange.id),
        Finished::Flow(flow) => format!("f{}", flow.id),
        Finished::Message(_, message) => format!("m{}", message.id),
        Finished::WebSocket { message, .. } => format!("w{}", message.message),
        _ => unreachable!(),
    }
}

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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_tables_lose_no_match_and_are_exact_where_they_say_so(
        entries in session(),
        texts in vec(filter(), 8),
    ) {
        let (_folder, path) = place();
        let session = Session::create(&path).unwrap();
        for entry in &entries {
            prop_assert_eq!(session.writer().record(entry), Recorded::Accepted);
        }
        session.close().unwrap();
        let reader = Reader::open(&path).unwrap();
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
