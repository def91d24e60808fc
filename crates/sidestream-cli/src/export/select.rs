//! Which exchanges are exported.

use std::ops::RangeInclusive;

use sidestream::flow::ExchangeId;
use sidestream::record::Finished;

/// Which exchanges are exported.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Selection {
    /// Their numbers; none for all.
    ids: Option<Vec<RangeInclusive<u64>>>,
}

/// Why a filter makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{part:?} is no number of an exchange and no range of them: write 7,9-12")]
pub(super) struct ParseSelectionError {
    part: String,
}

/// Makes a selection out of a filter: the one place that knows what filters are.
pub(super) fn selection(filter: Option<&str>) -> Result<Selection, ParseSelectionError> {
    let Some(filter) = filter else { return Ok(Selection::default()) };
    let range = |part: &str| {
        let part = part.trim();
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let error = || ParseSelectionError { part: part.to_owned() };
        let number = |text: &str| text.trim().parse::<u64>().ok();
        let (first, last) = number(first).zip(number(last)).ok_or_else(error)?;
        if first <= last { Ok(first..=last) } else { Err(error()) }
    };
    Ok(Selection { ids: Some(filter.split(',').map(range).collect::<Result<_, _>>()?) })
}

impl Selection {
    /// Returns whether the exchange is exported.
    pub(super) fn has(&self, id: ExchangeId) -> bool {
        self.ids.as_ref().is_none_or(|ids| ids.iter().any(|range| range.contains(&id.0)))
    }

    /// Returns whether no exchanges were chosen, so that all is exported.
    pub(super) const fn is_all(&self) -> bool {
        self.ids.is_none()
    }

    /// Returns whether what is finished is exported: of flows and what belongs to no exchange
    /// nothing is, once exchanges are chosen.
    pub(super) fn takes(&self, finished: &Finished) -> bool {
        match finished {
            Finished::Exchange(_, exchange) => self.has(exchange.id),
            Finished::WebSocket { message, .. } => self.has(message.exchange),
            _ => self.ids.is_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_ranges_are_chosen() {
        let chosen = selection(Some("7, 9-12")).unwrap();
        let ids: Vec<_> = (0..20).filter(|id| chosen.has(ExchangeId(*id))).collect();
        assert_eq!(ids, [7, 9, 10, 11, 12]);
        for bad in ["", "x", "3-", "4-3", "1,,2"] {
            assert!(selection(Some(bad)).is_err(), "{bad}");
        }
        assert!(selection(None).unwrap().has(ExchangeId(9)));
    }
}
