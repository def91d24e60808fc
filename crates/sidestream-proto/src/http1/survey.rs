//! What the fields of a head say about where its message ends.

use bytes::Bytes;
use memchr::memchr3_iter;
use sidestream_record::{Field, Fields};

use super::bytes_of::{is_space, is_token, list, trim_start};
use super::error::Smuggling;

const CONTENT_LENGTH: &[u8] = b"content-length";
const TRANSFER_ENCODING: &[u8] = b"transfer-encoding";

/// Who sent the fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Request,
    Response,
}

/// The transfer codings, of all fields together.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Codings {
    /// How many there are, empty ones left out.
    pub(super) count: usize,
    /// How many of them are `chunked`.
    pub(super) chunked: usize,
    /// How many of them are `identity`, which was withdrawn.
    pub(super) identity: usize,
    /// Whether one is not registered, or is empty.
    pub(super) unknown: bool,
    /// Whether the last one is `chunked`.
    pub(super) ends_chunked: bool,
}

impl Codings {
    /// Returns whether they code nothing.
    pub(super) fn only_identity(&self) -> bool {
        self.count == self.identity
    }

    fn add(&mut self, value: &[u8]) {
        for coding in list(value) {
            let is = |name: &str| coding.eq_ignore_ascii_case(name.as_bytes());
            self.count += usize::from(!coding.is_empty());
            self.ends_chunked = is("chunked") || self.ends_chunked && coding.is_empty();
            if self.ends_chunked && !coding.is_empty() {
                self.chunked += 1;
            } else if is("identity") {
                self.identity += 1;
                self.unknown = true;
            } else {
                let known = ["gzip", "x-gzip", "deflate", "compress", "x-compress"];
                self.unknown |= !known.into_iter().any(is);
            }
        }
    }
}

/// What the fields of a head say about where its message ends, and whom it is for.
#[derive(Debug)]
pub(super) struct Survey<'a> {
    /// The content length, or why there is none to be had.
    pub(super) length: Result<Option<u64>, Smuggling>,
    /// The transfer codings, if there is a field that names some.
    pub(super) codings: Option<Codings>,
    /// The first host.
    pub(super) host: Option<&'a Bytes>,
    pub(super) repeated_length: bool,
    pub(super) repeated_host: bool,
}

impl<'a> Survey<'a> {
    /// Looks at every field.
    pub(super) fn new(fields: &'a Fields, side: Side) -> Result<Self, Smuggling> {
        let mut survey = Self {
            length: Ok(None),
            codings: None,
            host: None,
            repeated_length: false,
            repeated_host: false,
        };
        for Field { name, value } in fields {
            check_name(name, side)?;
            let folded = check_value(value, side)?;
            let framing = if name.eq_ignore_ascii_case(CONTENT_LENGTH) {
                survey.add_length(value);
                true
            } else if name.eq_ignore_ascii_case(TRANSFER_ENCODING) {
                survey.codings.get_or_insert_default().add(value);
                true
            } else {
                if side == Side::Request && name.eq_ignore_ascii_case(b"host") {
                    survey.add_host(value)?;
                }
                false
            };
            if framing && folded {
                return Err(Smuggling::FoldedFraming);
            }
        }
        Ok(survey)
    }

    fn add_length(&mut self, value: &[u8]) {
        for member in list(value) {
            self.length = match (self.length, parse_length(member)) {
                (Err(error), _) | (Ok(_), Err(error)) => Err(error),
                (Ok(Some(before)), Ok(length)) => {
                    self.repeated_length = true;
                    if before == length {
                        Ok(Some(length))
                    } else {
                        Err(Smuggling::DifferingLengths)
                    }
                }
                (Ok(None), Ok(length)) => Ok(Some(length)),
            };
        }
    }

    fn add_host(&mut self, value: &'a Bytes) -> Result<(), Smuggling> {
        match self.host {
            None => self.host = Some(value),
            Some(host) if host.eq_ignore_ascii_case(value) => self.repeated_host = true,
            Some(_) => return Err(Smuggling::DifferingHosts),
        }
        Ok(())
    }
}

/// Reads `1*DIGIT`, below 2^63, where recipients with signed numbers agree with all others.
fn parse_length(digits: &[u8]) -> Result<u64, Smuggling> {
    let number = digits.iter().try_fold(0_i64, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| i64::from(digit - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    });
    match number {
        Some(number) if !digits.is_empty() => Ok(number.unsigned_abs()),
        _ => Err(Smuggling::InvalidLength),
    }
}

fn check_name(name: &[u8], side: Side) -> Result<(), Smuggling> {
    if name.iter().all(|&byte| is_token(byte)) && (side == Side::Response || !name.contains(&b'_'))
    {
        return Ok(());
    }
    for &byte in name {
        check_byte(byte)?;
    }
    let read = |&byte: &u8| match byte {
        b'_' if side == Side::Request => Some(b'-'),
        _ if is_token(byte) => Some(byte.to_ascii_lowercase()),
        _ => None,
    };
    let resembles = |other: &[u8]| {
        !name.eq_ignore_ascii_case(other) && name.iter().filter_map(read).eq(other.iter().copied())
    };
    if resembles(CONTENT_LENGTH) || resembles(TRANSFER_ENCODING) {
        return Err(Smuggling::DisguisedName);
    }
    Ok(())
}

/// Refuses what may end a line, save in a fold, and returns whether there is one.
fn check_value(value: &[u8], side: Side) -> Result<bool, Smuggling> {
    let mut folded = false;
    for at in memchr3_iter(b'\0', b'\r', b'\n', value) {
        let rest = &value[at + 1..];
        match value[at] {
            b'\r' if rest.starts_with(b"\n") => {}
            b'\n' if rest.first().is_none_or(|&next| is_space(next)) => {
                folded = true;
                check_fold(trim_start(rest), side)?;
            }
            byte => check_byte(byte)?,
        }
    }
    Ok(folded)
}

/// Refuses a fold that some take for a field of its own, or for the end of the head.
fn check_fold(text: &[u8], side: Side) -> Result<(), Smuggling> {
    if text.is_empty() || text.starts_with(b"\n") || text.starts_with(b"\r\n") {
        return Err(Smuggling::WhiteLine);
    }
    let name = text.split(|&byte| byte == b':').next().unwrap_or(text);
    let same = |other: &[u8]| name.eq_ignore_ascii_case(other);
    if same(CONTENT_LENGTH) || same(TRANSFER_ENCODING) || check_name(name, side).is_err() {
        return Err(Smuggling::FoldedFraming);
    }
    Ok(())
}

/// Refuses a byte that may end a line, or a string.
pub(super) fn check_byte(byte: u8) -> Result<(), Smuggling> {
    match byte {
        b'\0' => Err(Smuggling::Nul),
        b'\n' => Err(Smuggling::LineBreak),
        b'\r' => Err(Smuggling::BareCr),
        _ => Ok(()),
    }
}
