//! Request lines (RFC 9112 §3) and status lines (RFC 9112 §4).

use std::ops::Range;

use bytes::Bytes;
use memchr::{memchr, memrchr};
use sidestream_record::{Fields, RequestHead, ResponseHead, Version};

use super::bytes_of::{is_control, is_token, trim_end};
use super::defect::{self, Defect, Defects};
use super::error::HeadError;

/// A start line as ranges of its bytes.
pub(super) trait StartLine: Sized {
    /// The head that begins with such a line.
    type Head;
    /// What is said of a line that is not one.
    const ERROR: HeadError;
    /// Whether lines of one head may end differently.
    const MAY_MIX_LINE_ENDINGS: bool;

    /// Returns whether a line that begins so can become one.
    fn may_begin(bytes: &[u8]) -> bool;
    /// Reads a line, given without its line ending.
    fn parse(line: &[u8], defects: &mut Defects) -> Option<Self>;
    /// Makes the head out of the line it was parsed from.
    fn into_head(self, line: &Bytes, fields: Fields, defects: &mut Defects) -> Self::Head;
}

/// A request line.
#[derive(Debug)]
pub(super) struct RequestLine {
    method: Range<usize>,
    pub(super) target: Range<usize>,
    version: Version,
}

impl StartLine for RequestLine {
    type Head = RequestHead;
    const ERROR: HeadError = HeadError::RequestLine;
    const MAY_MIX_LINE_ENDINGS: bool = false;

    fn may_begin(bytes: &[u8]) -> bool {
        bytes.first().is_none_or(|&first| is_token(first) || first == b'\r')
    }

    fn parse(line: &[u8], defects: &mut Defects) -> Option<Self> {
        let method = memchr(b' ', line)?;
        let line_end = trim_end(line).len();
        let before_version = memrchr(b' ', &line[..line_end])?;
        let version = parse_version(&line[before_version + 1..line_end], defects)?;
        if before_version == method {
            return None;
        }
        let mut target = method + 1..before_version;
        while line[target.clone()].starts_with(b" ") {
            target.start += 1;
        }
        while line[target.clone()].ends_with(b" ") {
            target.end -= 1;
        }
        let shown = &line[target.clone()];
        let sound = method > 0 && line[..method].iter().all(|&byte| is_token(byte));
        if !sound || shown.is_empty() || shown.iter().any(|&byte| is_control(byte) || byte == b'\t')
        {
            return None;
        }
        // Method, target and version with one space between each.
        let tight = method + 1 + shown.len() + 1 + (line_end - before_version - 1) == line.len();
        defects.note_if(!tight, Defect::StartLineSpace);
        defects.note_if(!shown.is_ascii(), Defect::TargetByte);
        Some(Self { method: 0..method, target, version })
    }

    fn into_head(self, line: &Bytes, fields: Fields, defects: &mut Defects) -> RequestHead {
        let Self { method, target, version } = self;
        let (method, target) = (line.slice(method), line.slice(target));
        let head = RequestHead { method, target, version, fields };
        defect::survey_request(&head, defects);
        head
    }
}

/// A status line.
#[derive(Debug)]
pub(super) struct StatusLine {
    version: Version,
    status: u16,
    reason: Range<usize>,
}

impl StartLine for StatusLine {
    type Head = ResponseHead;
    const ERROR: HeadError = HeadError::StatusLine;
    const MAY_MIX_LINE_ENDINGS: bool = true;

    fn may_begin(bytes: &[u8]) -> bool {
        const PREFIX: &[u8] = b"HTTP/1.";
        let n = bytes.len().min(PREFIX.len());
        bytes[..n] == PREFIX[..n] || bytes == b"\r"
    }

    fn parse(line: &[u8], defects: &mut Defects) -> Option<Self> {
        let at = memchr(b' ', line)?;
        let version = parse_version(&line[..at], defects)?;
        let spaces = line[at..].iter().take_while(|&&byte| byte == b' ').count();
        defects.note_if(spaces > 1, Defect::StartLineSpace);
        let at = at + spaces;
        let digits = line.get(at..at + 3)?;
        let status = digits.iter().try_fold(0, |status, digit| {
            digit.is_ascii_digit().then(|| status * 10 + u16::from(digit - b'0'))
        })?;
        let reason = match line.get(at + 3) {
            None => {
                defects.note(Defect::MissingReason);
                line.len()..line.len()
            }
            Some(b' ') => at + 4..line.len(),
            Some(_) => return None,
        };
        (status >= 100).then_some(Self { version, status, reason })
    }

    fn into_head(self, line: &Bytes, fields: Fields, defects: &mut Defects) -> ResponseHead {
        let Self { version, status, reason } = self;
        let head = ResponseHead { version, status, reason: line.slice(reason), fields };
        defect::survey_response(&head, defects);
        head
    }
}

/// Reads `HTTP/1.x`; a minor version above 1 is taken as 1 (RFC 9110 §6.2).
fn parse_version(bytes: &[u8], defects: &mut Defects) -> Option<Version> {
    match bytes.strip_prefix(b"HTTP/1.")? {
        b"0" => Some(Version::Http10),
        b"1" => Some(Version::Http11),
        [b'2'..=b'9'] => {
            defects.note(Defect::FutureVersion);
            Some(Version::Http11)
        }
        _ => None,
    }
}
