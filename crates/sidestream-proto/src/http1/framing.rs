//! Where the body of a message ends (RFC 9112 §6).

use memchr::memmem;
use sidestream_record::{RequestHead, ResponseHead, Version};

use super::error::Smuggling;
use super::survey::{Codings, Side, Survey, check_byte};

/// Where the body of a message ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Framing {
    /// There is no body.
    Empty,
    /// After that many bytes.
    Length(u64),
    /// After the last chunk and the trailer section.
    Chunked,
    /// Where the connection does.
    UntilClose,
    /// What follows is another protocol, both ways.
    Tunnel,
}

/// Returns where the body of a request ends.
///
/// # Errors
/// Servers would disagree: answer 400 and close.
pub fn request_framing(head: &RequestHead) -> Result<Framing, Smuggling> {
    for &byte in head.method.iter().chain(&head.target) {
        check_byte(byte)?;
    }
    if memmem::find(&head.target, b" HTTP/").is_some() {
        return Err(Smuggling::VersionInTarget);
    }
    if head.target.contains(&b' ') {
        return Err(Smuggling::SpaceInTarget);
    }
    let survey = Survey::new(&head.fields, Side::Request)?;
    let length = survey.length?;
    let framing = match (survey.codings, length) {
        (None, None | Some(0)) => return Ok(Framing::Empty),
        (None, Some(length)) => Framing::Length(length),
        (Some(_), Some(_)) => return Err(Smuggling::TransferEncodingAndLength),
        (Some(codings), None) => {
            check_request_codings(codings, head.version)?;
            Framing::Chunked
        }
    };
    if head.method == "CONNECT" { Err(Smuggling::ConnectBody) } else { Ok(framing) }
}

fn check_request_codings(codings: Codings, version: Version) -> Result<(), Smuggling> {
    if version == Version::Http10 {
        Err(Smuggling::TransferEncodingInHttp10)
    } else if !codings.ends_chunked {
        Err(Smuggling::ChunkedNotLast)
    } else if codings.chunked > 1 {
        Err(Smuggling::ChunkedTwice)
    } else if codings.unknown {
        Err(Smuggling::UnknownTransferCoding)
    } else {
        Ok(())
    }
}

/// Returns where the body of a response ends; `request_method` is that of the request it answers.
///
/// # Errors
/// Clients would disagree: pass the bytes on undecoded until the server closes, or close.
pub fn response_framing(head: &ResponseHead, request_method: &[u8]) -> Result<Framing, Smuggling> {
    for &byte in &head.reason {
        check_byte(byte)?;
    }
    let survey = Survey::new(&head.fields, Side::Response)?;
    match head.status {
        101 => return Ok(Framing::Tunnel),
        200..=299 if request_method == b"CONNECT" => return Ok(Framing::Tunnel),
        100..=199 | 204 | 304 => return Ok(Framing::Empty),
        _ if request_method == b"HEAD" => return Ok(Framing::Empty),
        _ => {}
    }
    match survey.codings {
        Some(codings) if !codings.only_identity() => {
            let has_length = survey.length != Ok(None);
            coded_response(codings, has_length, head.version)
        }
        _ => Ok(match survey.length? {
            Some(0) => Framing::Empty,
            Some(length) => Framing::Length(length),
            None => Framing::UntilClose,
        }),
    }
}

fn coded_response(
    codings: Codings,
    has_length: bool,
    version: Version,
) -> Result<Framing, Smuggling> {
    // Some clients decode it in HTTP/1.0, others do not: none looks for a response behind it.
    if version == Version::Http10 || codings.chunked == 0 {
        return if has_length {
            Err(Smuggling::TransferEncodingAndLength)
        } else {
            Ok(Framing::UntilClose)
        };
    }
    if !codings.ends_chunked {
        Err(Smuggling::ChunkedNotLast)
    } else if codings.chunked > 1 && codings.chunked < codings.count {
        Err(Smuggling::ChunkedTwice)
    } else {
        Ok(Framing::Chunked)
    }
}
