//! Which exchanges are exported.

use std::collections::HashSet;
use std::ops::RangeInclusive;

use sidestream::filter::{Expr, Filter};
use sidestream::flow::{ExchangeId, FlowId};
use sidestream::record::Finished;
use sidestream::store::{Reader, Span};

use crate::session::each;
use crate::sieve;

/// Which exchanges are asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Asked {
    /// Those of these numbers.
    Numbers(Vec<RangeInclusive<u64>>),
    /// Those that a filter selects.
    Filter(Box<Expr>),
}

/// Reads what is asked for on the command line: numbers, or else a filter.
///
/// # Errors
///
/// It is neither; the message shows where.
pub fn parse(text: &str) -> Result<Asked, String> {
    let is_number = |byte: u8| byte.is_ascii_digit() || b",- ".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_number) {
        return numbers(text).map(Asked::Numbers);
    }
    sieve::parse(text).map(|expr| Asked::Filter(Box::new(expr)))
}

fn numbers(text: &str) -> Result<Vec<RangeInclusive<u64>>, String> {
    let range = |part: &str| {
        let part = part.trim();
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let number = |text: &str| text.trim().parse::<u64>().ok();
        let range = number(first).zip(number(last)).filter(|(first, last)| first <= last);
        let (first, last) = range.ok_or_else(|| {
            format!("{part:?} is no number of an exchange and no range of them: write 7,9-12")
        })?;
        Ok(first..=last)
    };
    text.split(',').map(range).collect()
}

/// Which exchanges are exported.
#[derive(Debug, Default)]
pub(super) enum Selection {
    #[default]
    All,
    Numbers(Vec<RangeInclusive<u64>>),
    Filter(Box<Filter>, HashSet<ExchangeId>),
}

impl Selection {
    /// Finds what is asked for: a filter judges all that a session holds.
    ///
    /// # Errors
    ///
    /// The session cannot be read, or there is none of the numbers.
    pub(super) fn make(asked: Option<&Asked>, reader: &Reader) -> anyhow::Result<Self> {
        let expr = match asked {
            None => return Ok(Self::All),
            Some(Asked::Numbers(ranges)) => {
                for range in ranges {
                    let (first, last) = (range.start(), range.end());
                    anyhow::ensure!(
                        !reader.exchanges_among(range)?.is_empty(),
                        "no exchange has {}; `sidestream session list FILE` lists all",
                        if first == last {
                            format!("the number {first}")
                        } else {
                            format!("a number from {first} to {last}")
                        }
                    );
                }
                return Ok(Self::Numbers(ranges.clone()));
            }
            Some(Asked::Filter(expr)) => expr,
        };
        let Some(filter) = sieve::filter(Some((**expr).clone())) else { return Ok(Self::All) };
        let mut exchanges = HashSet::new();
        if let Some(span) = reader.span(&filter.selection())? {
            // What is damaged is told by whoever writes the rest.
            _ = each(reader, sieve::body_bytes(Some(&filter)), span, |finished| {
                if sieve::selects(&filter, finished) {
                    exchanges.extend(exchange_of(finished));
                }
                Ok(())
            })?;
        }
        Ok(Self::Filter(Box::new(filter), exchanges))
    }

    /// Returns whether the exchange is exported.
    pub(super) fn has(&self, id: ExchangeId) -> bool {
        match self {
            Self::All => true,
            Self::Numbers(ranges) => ranges.iter().any(|range| range.contains(&id.0)),
            Self::Filter(_, exchanges) => exchanges.contains(&id),
        }
    }

    /// Finds the flows of what is exported; `None` stands for all.
    pub(super) fn flows(&self, reader: &Reader) -> anyhow::Result<Option<HashSet<FlowId>>> {
        if matches!(self, Self::All) {
            return Ok(None);
        }
        let mut flows = HashSet::new();
        _ = each(reader, 0, Span::ALL, |finished| {
            if self.takes(finished) {
                flows.extend(flow_of(finished));
            }
            Ok(())
        })?;
        Ok(Some(flows))
    }

    /// Returns whether what belongs to no exchange is exported, as a stream is: not where exchanges
    /// were chosen by number.
    pub(super) fn takes(&self, finished: &Finished) -> bool {
        match (self, finished) {
            (Self::All, _) => true,
            (_, Finished::Exchange(_, exchange)) => self.has(exchange.id),
            (_, Finished::WebSocket { message, .. }) => self.has(message.exchange),
            (Self::Filter(filter, _), _) => sieve::selects(filter, finished),
            (Self::Numbers(_), _) => false,
        }
    }
}

fn flow_of(finished: &Finished) -> Option<FlowId> {
    match finished {
        Finished::Exchange(flow, _)
        | Finished::Flow(flow)
        | Finished::Message(flow, _)
        | Finished::WebSocket { flow, .. } => Some(flow.id),
        _ => None,
    }
}

fn exchange_of(finished: &Finished) -> Option<ExchangeId> {
    match finished {
        Finished::Exchange(_, exchange) => Some(exchange.id),
        Finished::WebSocket { message, .. } => Some(message.exchange),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_ranges_are_chosen() {
        let Ok(Asked::Numbers(ranges)) = parse("7, 9-12") else { panic!("no numbers") };
        let chosen = Selection::Numbers(ranges);
        let ids: Vec<_> = (0..20).filter(|id| chosen.has(ExchangeId(*id))).collect();
        assert_eq!(ids, [7, 9, 10, 11, 12]);
        for bad in ["3-", "4-3", "1,,2", " "] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(Selection::All.has(ExchangeId(9)));
    }

    #[test]
    fn anything_else_is_a_filter() {
        assert!(matches!(parse("~c 404"), Ok(Asked::Filter(_))));
        assert!(matches!(parse("example.com"), Ok(Asked::Filter(_))));
        assert!(parse("~").is_err());
    }
}
