//! What has come from the client out of order, so that it is told which of it is missing
//! (RFC 2018, RFC 2883).

use super::flow::Sacks;
use super::sequence::Number;

/// Ranges beyond what is expected next, the one heard last first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    ranges: Vec<(Number, Number)>,
    /// What came last and had come before.
    twice: Option<(Number, Number)>,
}

/// smoltcp remembers 32 ranges, in order or not; what it cannot take must not be acknowledged.
const MAX_RANGES: usize = 30;

impl Heard {
    /// Notes a segment of which nothing reaches beyond the window; answers whether there is room
    /// for it.
    pub(crate) fn note(&mut self, (from, to): (Number, Number), expected: Number) -> bool {
        if !to.is_after(expected) {
            self.twice = Some((from, to));
            return true;
        }
        if !from.is_after(expected) {
            return true;
        }
        let known = self.ranges.iter().any(|(a, b)| !a.is_after(from) && !to.is_after(*b));
        if known {
            self.twice = Some((from, to));
        }
        let touches = |(a, b): &(Number, Number)| !a.is_after(to) && !from.is_after(*b);
        if self.ranges.len() >= MAX_RANGES && !self.ranges.iter().any(touches) {
            return false;
        }
        let mut whole = (from, to);
        self.ranges.retain(|range| {
            if !touches(range) {
                return true;
            }
            if whole.0.is_after(range.0) {
                whole.0 = range.0;
            }
            whole.1 = whole.1.max(range.1);
            false
        });
        self.ranges.insert(0, whole);
        true
    }

    /// Forgets what is no longer out of order.
    pub(crate) fn advance(&mut self, expected: Number) {
        if !self.ranges.is_empty() {
            self.ranges.retain(|(_, to)| to.is_after(expected));
        }
    }

    /// Takes what the next acknowledgment says.
    pub(crate) fn take(&mut self) -> Sacks {
        let mut sacks = Sacks::NONE;
        if let Some(twice) = self.twice.take() {
            sacks.push(twice);
        }
        for range in &self.ranges {
            sacks.push(*range);
        }
        sacks
    }
}
