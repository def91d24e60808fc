//! Dates: written as RFC 3339 has them, read in the shapes that are met.

use std::time::{Duration, SystemTime};

const DAY: i64 = 86_400;

/// Writes a time in UTC, to the microsecond.
pub(crate) fn format(at: SystemTime) -> String {
    let (seconds, micros) = since_epoch(at);
    let (days, second) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
    // RFC 3339 has years of four digits.
    let (year, month, day) = match civil(days) {
        (0..=9999, month, day) => (civil(days).0, month, day),
        _ => (1970, 1, 1),
    };
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let fraction =
        if micros % 1000 == 0 { format!("{:03}", micros / 1000) } else { format!("{micros:06}") };
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction}Z")
}

/// Returns whole seconds since 1970, rounded down, and the microseconds on top.
fn since_epoch(at: SystemTime) -> (i64, u32) {
    match at.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => (i64::try_from(since.as_secs()).unwrap_or(i64::MAX), since.subsec_micros()),
        Err(before) => {
            let before = before.duration();
            let seconds = i64::try_from(before.as_secs()).unwrap_or(i64::MAX);
            match before.subsec_micros() {
                0 => (-seconds, 0),
                micros => (-seconds - 1, 1_000_000 - micros),
            }
        }
    }
}

/// Returns year, month and day of a number of days since 1970 in the Gregorian calendar, by
/// counting in eras of 400 years that begin with March.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

/// Returns how many days after 1970 a date is.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Reads a date: as RFC 3339 has it, with a space in the place of `T`, a zone
/// with or without a colon or none (then UTC), seconds and fraction or none; or as HTTP has it.
pub(crate) fn parse(text: &str) -> Option<SystemTime> {
    let text = text.trim();
    iso(text.as_bytes()).or_else(|| http(text))
}

/// Reads seconds since 1970.
pub(crate) fn of_seconds(seconds: f64) -> Option<SystemTime> {
    // Whoever writes floating point means no more than microseconds.
    let micros = (seconds.abs() * 1e6).round();
    let since = Duration::from_micros((micros < 9e18).then_some(micros as u64)?);
    if seconds < 0.0 {
        SystemTime::UNIX_EPOCH.checked_sub(since)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(since)
    }
}

fn iso(text: &[u8]) -> Option<SystemTime> {
    let mut rest = Digits(text);
    let year = rest.take(4)?;
    rest.skip(b"-")?;
    let month = rest.take(2)?;
    rest.skip(b"-")?;
    let day = rest.take(2)?;
    let (mut second, mut nanos) = (0, 0);
    if rest.skip(b"Tt ").is_some() {
        let hour = rest.take(2)?;
        rest.skip(b":")?;
        second = hour * 3600 + rest.take(2)? * 60;
        if rest.skip(b":").is_some() {
            second += rest.take(2)?;
        }
        if rest.skip(b".,").is_some() {
            nanos = rest.fraction()?;
        }
    }
    let zone = rest.zone()?;
    at(days(year, valid(month, 12)?, valid(day, 31)?) * DAY + second - zone, nanos)
}

fn valid(value: i64, most: i64) -> Option<i64> {
    (1..=most).contains(&value).then_some(value)
}

fn at(seconds: i64, nanos: u32) -> Option<SystemTime> {
    let whole = Duration::from_secs(seconds.unsigned_abs());
    let start = SystemTime::UNIX_EPOCH;
    let at = if seconds < 0 { start.checked_sub(whole) } else { start.checked_add(whole) };
    at?.checked_add(Duration::from_nanos(nanos.into()))
}

struct Digits<'a>(&'a [u8]);

impl Digits<'_> {
    fn take(&mut self, count: usize) -> Option<i64> {
        let (digits, rest) = self.0.split_at_checked(count)?;
        let add =
            |sum, digit: &u8| digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0'));
        let value = digits.iter().try_fold(0, add)?;
        self.0 = rest;
        Some(value)
    }

    fn skip(&mut self, any: &[u8]) -> Option<()> {
        let (first, rest) = self.0.split_first()?;
        any.contains(first).then(|| self.0 = rest)
    }

    /// Takes the digits behind the point, as nanoseconds.
    fn fraction(&mut self) -> Option<u32> {
        let (mut nanos, mut unit, mut any) = (0, 100_000_000, false);
        while let Some(digit) = self.take(1) {
            nanos += u32::try_from(digit).ok()? * unit;
            unit /= 10;
            any = true;
        }
        any.then_some(nanos)
    }

    /// Takes the rest as a zone, in seconds east.
    fn zone(&mut self) -> Option<i64> {
        _ = self.skip(b" ");
        let sign = match self.0.first() {
            None => return Some(0),
            Some(b'+') => 1,
            Some(b'-') => -1,
            Some(b'Z' | b'z') if self.0.len() == 1 => return Some(0),
            _ => return (self.0 == b"UTC" || self.0 == b"GMT").then_some(0),
        };
        self.0 = &self.0[1..];
        let hours = self.take(2)?;
        _ = self.skip(b":");
        let minutes = if self.0.is_empty() { 0 } else { self.take(2)? };
        self.0.is_empty().then_some(sign * (hours * 3600 + minutes * 60))
    }
}

/// Reads a date as HTTP has it (RFC 9110 §5.6.7), which cookies have with dashes, too.
pub(crate) fn http(text: &str) -> Option<SystemTime> {
    const MONTHS: &str = "janfebmaraprmayjunjulaugsepoctnovdec";
    let (_weekday, rest) = text.split_once(", ").or_else(|| text.split_once(','))?;
    let mut parts = rest.split([' ', '-']).filter(|part| !part.is_empty());
    let day: i64 = parts.next()?.parse().ok()?;
    let month = parts.next()?.get(..3)?.to_ascii_lowercase();
    let month = (MONTHS.find(&month)? / 3) as i64 + 1;
    let year: i64 = parts.next()?.parse().ok()?;
    let year = match year {
        0..=69 => year + 2000,
        70..=99 => year + 1900,
        _ => year,
    };
    if !(1601..=9999).contains(&year) {
        return None;
    }
    let mut clock = parts
        .next()?
        .split(':')
        .map(|part| part.parse::<i64>().ok().filter(|it| (0..61).contains(it)));
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    at(days(year, month, valid(day, 31)?) * DAY + hour * 3600 + minute * 60 + second, 0)
}
