//! Departures from the standard that are passed on as they are.

use std::fmt;

use bytes::Bytes;
use sidestream_record::{RequestHead, ResponseHead, Version};

use super::connection::has_token;
use super::survey::{Side, Survey};

/// A departure from the standard that does not change where the message ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Defect {
    /// Every line ends with a line feed alone, or, in a response, some do.
    BareLf,
    /// Content-Length or Transfer-Encoding in a 1xx or 204 response.
    BodilessFraming,
    /// White space around the size of a chunk.
    ChunkPadding,
    /// Connection names Content-Length, Transfer-Encoding or Host in a request, so that a proxy
    /// would remove it.
    ConnectionNamesFraming,
    /// A control character in a field value.
    ControlByte,
    /// A field value folded over lines.
    Fold,
    /// A minor version above 1.
    FutureVersion,
    /// A Host field that differs from the authority in the target.
    HostDiffersFromTarget,
    /// The withdrawn transfer coding `identity`, or an empty list, in a response.
    IdentityCoding,
    /// A field name that is empty or no token.
    InvalidName,
    /// Empty lines before the start line.
    LeadingEmptyLines,
    /// A field line without a colon; its whole text is the field's name.
    MissingColon,
    /// An HTTP/1.1 request without a Host field.
    MissingHost,
    /// A status line that ends behind the status code.
    MissingReason,
    /// `chunked` more than once in a response.
    RepeatedChunked,
    /// More than one Host, all alike.
    RepeatedHost,
    /// More than one Content-Length, all alike.
    RepeatedLength,
    /// White space between a field name and the colon.
    SpaceBeforeColon,
    /// More white space in the start line than there should be.
    StartLineSpace,
    /// A byte beyond ASCII in the request target.
    TargetByte,
    /// Content-Length beside `Transfer-Encoding: chunked` in a response.
    TransferEncodingAndLength,
    /// Transfer-Encoding in an HTTP/1.0 response.
    TransferEncodingInHttp10,
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BareLf => "lines end without a carriage return",
            Self::BodilessFraming => "a response without a body announces one",
            Self::ChunkPadding => "white space stands around the size of a chunk",
            Self::ConnectionNamesFraming => {
                "Connection names Content-Length, Transfer-Encoding or Host"
            }
            Self::ControlByte => "a field value holds a control character",
            Self::Fold => "a field value is folded over lines",
            Self::FutureVersion => "the minor version is above 1",
            Self::HostDiffersFromTarget => "the Host field differs from the request target",
            Self::IdentityCoding => "the transfer coding is identity, or empty",
            Self::InvalidName => "a field name is not a token",
            Self::LeadingEmptyLines => "empty lines stand before the start line",
            Self::MissingColon => "a field line has no colon",
            Self::MissingHost => "the Host field is missing",
            Self::MissingReason => "the status line ends behind the status code",
            Self::RepeatedChunked => "the transfer coding chunked is named more than once",
            Self::RepeatedHost => "the Host field is repeated",
            Self::RepeatedLength => "Content-Length is repeated",
            Self::SpaceBeforeColon => "white space stands between a field name and the colon",
            Self::StartLineSpace => "the start line holds more white space than it should",
            Self::TargetByte => "the request target holds a byte beyond ASCII",
            Self::TransferEncodingAndLength => {
                "Content-Length and Transfer-Encoding stand together"
            }
            Self::TransferEncodingInHttp10 => "Transfer-Encoding stands in an HTTP/1.0 response",
        })
    }
}

/// The kinds of defect seen so far, each once, in the order in which they were seen.
#[derive(Debug, Default)]
pub(super) struct Defects(pub(super) Vec<Defect>);

impl Defects {
    pub(super) fn note(&mut self, defect: Defect) {
        if !self.0.contains(&defect) {
            self.0.push(defect);
        }
    }

    pub(super) fn note_if(&mut self, seen: bool, defect: Defect) {
        if seen {
            self.note(defect);
        }
    }
}

/// Notes what the fields of a request show.
pub(super) fn survey_request(head: &RequestHead, defects: &mut Defects) {
    // What is refused has a reason of its own, which framing gives.
    let Ok(survey) = Survey::new(&head.fields, Side::Request) else { return };
    defects.note_if(survey.repeated_length, Defect::RepeatedLength);
    defects.note_if(survey.repeated_host, Defect::RepeatedHost);
    let vital = ["content-length", "transfer-encoding", "host"];
    let names_vital = vital.iter().any(|name| has_token(&head.fields, "connection", name));
    defects.note_if(names_vital, Defect::ConnectionNamesFraming);
    match survey.host {
        None => defects.note_if(head.version >= Version::Http11, Defect::MissingHost),
        Some(host) => {
            let differs = authority(&head.target).is_some_and(|it| !it.eq_ignore_ascii_case(host));
            defects.note_if(differs, Defect::HostDiffersFromTarget);
        }
    }
}

/// Notes what the fields of a response show.
pub(super) fn survey_response(head: &ResponseHead, defects: &mut Defects) {
    let Ok(survey) = Survey::new(&head.fields, Side::Response) else { return };
    let has_length = survey.length != Ok(None);
    if matches!(head.status, 100..=199 | 204) {
        defects.note_if(has_length || survey.codings.is_some(), Defect::BodilessFraming);
        return;
    }
    defects.note_if(survey.repeated_length, Defect::RepeatedLength);
    let Some(codings) = survey.codings else { return };
    defects.note_if(head.version == Version::Http10, Defect::TransferEncodingInHttp10);
    defects.note_if(codings.only_identity(), Defect::IdentityCoding);
    defects.note_if(codings.chunked > 1, Defect::RepeatedChunked);
    defects.note_if(has_length && codings.chunked > 0, Defect::TransferEncodingAndLength);
}

/// Returns the authority of a target in absolute form.
fn authority(target: &Bytes) -> Option<&[u8]> {
    if target.first().is_none_or(|first| !first.is_ascii_alphabetic()) {
        return None;
    }
    let at = memchr::memmem::find(target, b"://")? + 3;
    target[at..].split(|byte| matches!(byte, b'/' | b'?' | b'#')).next()
}
