//! Comparisons, and the units of what is compared.

use std::fmt;
use std::time::Duration;

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "there are no others")]
pub enum Order {
    /// `=`
    Equal,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
}

impl Order {
    /// Each with its sign, the longer ones first.
    pub(crate) const SIGNS: [(&'static str, Self); 5] = [
        (">=", Self::GreaterOrEqual),
        ("<=", Self::LessOrEqual),
        (">", Self::Greater),
        ("<", Self::Less),
        ("=", Self::Equal),
    ];

    /// Returns its sign.
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
        }
    }
}

/// A comparison with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Compare<T> {
    /// How.
    pub order: Order,
    /// With what.
    pub with: T,
}

impl<T: PartialOrd> Compare<T> {
    /// Returns whether a value stands in that order to this one.
    pub fn holds(&self, value: &T) -> bool {
        match self.order {
            Order::Equal => *value == self.with,
            Order::Greater => *value > self.with,
            Order::GreaterOrEqual => *value >= self.with,
            Order::Less => *value < self.with,
            Order::LessOrEqual => *value <= self.with,
        }
    }
}

/// Units of sizes, the largest first.
const SIZES: [(&str, u64); 3] = [("G", 1 << 30), ("M", 1 << 20), ("K", 1 << 10)];

/// Units of durations in milliseconds, the largest first.
const DURATIONS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// Reads digits and what stands behind them.
fn number(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}

/// Reads a size: `512`, `10K`, `1M`, `2G`, in multiples of 1024.
pub(crate) fn size(text: &str) -> Option<u64> {
    let (count, unit) = number(text)?;
    if unit.is_empty() {
        return Some(count);
    }
    let (_, factor) = SIZES.into_iter().find(|(name, _)| unit.eq_ignore_ascii_case(name))?;
    count.checked_mul(factor)
}

/// Reads a duration: `250ms`, `2s`, `10m`, `1h`, `7d`.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let (count, unit) = number(text)?;
    let (_, factor) = DURATIONS.into_iter().find(|(name, _)| unit.eq_ignore_ascii_case(name))?;
    Some(Duration::from_millis(count.checked_mul(factor)?))
}

/// Writes a size in its largest unit without a rest.
pub(crate) fn write_size(f: &mut fmt::Formatter<'_>, size: u64) -> fmt::Result {
    let unit = SIZES.into_iter().find(|(_, factor)| size > 0 && size.is_multiple_of(*factor));
    let (name, factor) = unit.unwrap_or(("", 1));
    write!(f, "{}{name}", size / factor)
}

/// Writes a duration in its largest unit without a rest; parts of milliseconds are left out.
pub(crate) fn write_duration(f: &mut fmt::Formatter<'_>, duration: Duration) -> fmt::Result {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let unit =
        DURATIONS.into_iter().find(|(_, factor)| millis > 0 && millis.is_multiple_of(*factor));
    let (name, factor) = unit.unwrap_or(("ms", 1));
    write!(f, "{}{name}", millis / factor)
}
