//! How much of a session is kept.

use std::num::NonZeroU64;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer};

/// What is no age or size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("use {0}")]
pub struct ParseKeepError(&'static str);

/// How an age is written.
const AGE: &str = "a number of s, m, h or d, such as 12h or 7d";

/// How a size is written.
const SIZE: &str = "a number of bytes, K, M, G or T, such as 500M or 10G";

/// How a number of exchanges is written.
const EXCHANGES: &str = "a number from 1 on";

/// How long something is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "it is a number with a form of its own")]
pub struct Age(pub Duration);

/// How many bytes are kept, in units of 1024.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "it is a number with a form of its own")]
pub struct Size(pub u64);

/// How many exchanges are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "it is a number with a form of its own")]
pub struct Count(pub NonZeroU64);

impl FromStr for Age {
    type Err = ParseKeepError;

    fn from_str(text: &str) -> Result<Self, ParseKeepError> {
        let units = [("s", 1), ("m", 60), ("h", 60 * 60), ("d", 24 * 60 * 60)];
        let seconds = with_unit(text, &units).ok_or(ParseKeepError(AGE))?;
        Ok(Self(Duration::from_secs(seconds)))
    }
}

impl FromStr for Size {
    type Err = ParseKeepError;

    fn from_str(text: &str) -> Result<Self, ParseKeepError> {
        let units = [("", 1), ("k", 1 << 10), ("m", 1 << 20), ("g", 1 << 30), ("t", 1 << 40)];
        with_unit(text, &units).map(Self).ok_or(ParseKeepError(SIZE))
    }
}

impl FromStr for Count {
    type Err = ParseKeepError;

    fn from_str(text: &str) -> Result<Self, ParseKeepError> {
        text.parse().ok().map(Self).ok_or(ParseKeepError(EXCHANGES))
    }
}

/// Reads a number of exchanges in a configuration.
pub(super) fn count<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Count>, D::Error> {
    NonZeroU64::deserialize(from).map(|count| Some(Count(count)))
}

/// Reads a number from 1 on with its unit, in either case.
fn with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| unit.eq_ignore_ascii_case(name))?;
    number.parse::<u64>().ok()?.checked_mul(*factor).filter(|value| *value > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_and_sizes_have_units() {
        assert_eq!("90s".parse(), Ok(Age(Duration::from_secs(90))));
        assert_eq!("7D".parse(), Ok(Age(Duration::from_secs(7 * 24 * 60 * 60))));
        assert_eq!("4096".parse(), Ok(Size(4096)));
        assert_eq!("10G".parse(), Ok(Size(10 << 30)));
        assert_eq!("5".parse(), Ok(Count(NonZeroU64::new(5).unwrap())));
    }

    #[test]
    fn what_is_none_is_told() {
        for text in ["", "7", "0d", "d", "-1d", "1w", "99999999999999999999d", "213503982334602d"] {
            assert_eq!(text.parse::<Age>(), Err(ParseKeepError(AGE)), "{text}");
        }
        for text in ["", "0", "G", "1.5G", "99999999T"] {
            assert_eq!(text.parse::<Size>(), Err(ParseKeepError(SIZE)), "{text}");
        }
        assert_eq!("0".parse::<Count>().unwrap_err().to_string(), "use a number from 1 on");
    }
}
