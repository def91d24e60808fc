//! `session mark`: notes something of what is in a session.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::time::SystemTime;

use sidestream::flow::{ExchangeId, FlowId};
use sidestream::record::{Annotation, Entry, Event, Finished};
use sidestream::store::{self, Reader};

use super::each;
use crate::args::{Metadata, Noted};
use crate::exit::Exit;
use crate::export::Asked;
use crate::say::say;
use crate::sieve;

/// Marks exchanges, and flows that have none, or notes something else of them.
///
/// # Errors
///
/// The file is no session, is damaged or is being recorded; nothing is noted then.
pub fn mark(file: &Path, asked: &Asked, noted: &Noted) -> anyhow::Result<Exit> {
    let reader = Reader::open(file)?;
    let chosen = chosen(&reader, asked)?;
    drop(reader);
    if chosen.is_empty() {
        say("nothing is noted: no exchange is that; `sidestream session list FILE` lists all");
        return Ok(Exit::Failure);
    }
    let annotations = annotations(noted);
    let at = SystemTime::now();
    let entry = |(flow, exchange): (FlowId, Option<ExchangeId>)| {
        let event = move |annotation: &Annotation| Event::Annotated {
            exchange,
            annotation: Box::new(annotation.clone()),
        };
        annotations.iter().map(move |annotation| Entry { at, flow, event: event(annotation) })
    };
    let entries: Vec<_> = chosen.iter().copied().flat_map(entry).collect();
    store::append(file, &entries)?;
    let exchanges = chosen.iter().filter(|(_, exchange)| exchange.is_some()).count();
    let flows = chosen.len() - exchanges;
    let counted = [(exchanges, "exchange"), (flows, "flow")].into_iter().filter(|(it, _)| *it > 0);
    let counted = counted.map(|(count, what)| match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    });
    say(format_args!("noted of {}", counted.collect::<Vec<_>>().join(" and ")));
    Ok(Exit::Success)
}

/// What is to be noted of each; by itself that it is marked.
fn annotations(noted: &Noted) -> Vec<Annotation> {
    let Noted { marker, none, comment, metadata } = noted;
    let is_plain = comment.is_none() && metadata.is_empty();
    let marker = match marker {
        Some(marker) => Some(marker.clone()),
        None if *none => Some(String::new()),
        None => is_plain.then(|| Annotation::DEFAULT_MARKER.to_owned()),
    };
    let metadata = metadata.iter().cloned();
    let metadata = metadata.map(|Metadata { key, value }| Annotation::Metadata { key, value });
    let texts = [marker.map(Annotation::Marker), comment.clone().map(Annotation::Comment)];
    texts.into_iter().flatten().chain(metadata).collect()
}

/// Finds what is asked for: exchanges, and flows that have none.
fn chosen(
    reader: &Reader,
    asked: &Asked,
) -> anyhow::Result<BTreeSet<(FlowId, Option<ExchangeId>)>> {
    let mut chosen = BTreeSet::new();
    let filter = match asked {
        Asked::Numbers(ranges) => {
            for range in ranges {
                let found = reader.exchanges_among(range)?;
                chosen.extend(found.into_iter().map(|(flow, id)| (flow, Some(id))));
            }
            return Ok(chosen);
        }
        Asked::Filter(expr) => sieve::filter(Some((**expr).clone())),
    };
    let Some(filter) = filter else { return Ok(chosen) };
    let Some(span) = reader.span(&filter.selection())? else { return Ok(chosen) };
    each(reader, sieve::body_bytes(Some(&filter)), span, |finished| {
        if sieve::selects(&filter, finished) {
            chosen.extend(place(finished));
        }
        Ok::<_, io::Error>(())
    })?
    .refuse()?;
    Ok(chosen)
}

/// Returns where something is noted: what is said of a message is said of its exchange or flow.
fn place(finished: &Finished) -> Option<(FlowId, Option<ExchangeId>)> {
    match finished {
        Finished::Exchange(flow, exchange) => Some((flow.id, Some(exchange.id))),
        Finished::WebSocket { flow, message, .. } => Some((flow.id, Some(message.exchange))),
        Finished::Message(flow, _) => Some((flow.id, None)),
        Finished::Flow(flow) => (flow.exchanges == 0).then_some((flow.id, None)),
        _ => None,
    }
}
