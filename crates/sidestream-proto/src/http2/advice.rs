//! Frames of later standards, which advise: ALTSVC (RFC 7838), ORIGIN (RFC 8336), PRIORITY_UPDATE
//! (RFC 9218).

use bytes::{Buf as _, Bytes};
use sidestream_record::Advice;

use super::{ErrorCode, Flags, FrameHead, Kind, Malformed};

/// The longest frame of advice that is read, in bytes; a longer one passes unread.
pub const MAX_ADVICE_BYTES: u32 = 8 * 1024;

impl Kind {
    /// Where else the same is to be had (RFC 7838 §4).
    pub const ALTSVC: Self = Self(0xa);
    /// For which origins the server takes requests (RFC 8336 §2).
    pub const ORIGIN: Self = Self(0xc);
    /// How urgent a response is (RFC 9218 §7.1).
    pub const PRIORITY_UPDATE: Self = Self(0x10);

    /// Returns whether it is one of those that advise.
    pub const fn is_advice(self) -> bool {
        matches!(self, Self::ALTSVC | Self::ORIGIN | Self::PRIORITY_UPDATE)
    }
}

/// Reads the payload of a frame that advises.
///
/// # Errors
///
/// If it is not as its standard has it, which lets the peer pass over it or, with
/// PRIORITY_UPDATE, end the connection; the code says what that peer would be told.
pub fn parse_advice(
    head: FrameHead,
    from_client: bool,
    payload: Bytes,
) -> Result<Advice, Malformed> {
    match head.kind {
        Kind::ALTSVC => alternative(head, from_client, payload),
        Kind::ORIGIN => origins(head, from_client, payload),
        Kind::PRIORITY_UPDATE => priority(head, from_client, payload),
        _ => Err(protocol("a frame that does not advise")),
    }
}

/// On the connection it names the origin, in a stream it has that of the request (RFC 7838 §4).
fn alternative(
    head: FrameHead,
    from_client: bool,
    mut payload: Bytes,
) -> Result<Advice, Malformed> {
    if from_client {
        return Err(protocol("an ALTSVC of the client's"));
    }
    let origin = text(&mut payload).ok_or_else(|| size("an ALTSVC shorter than its origin"))?;
    match (head.stream, origin.is_empty()) {
        (0, true) => Err(protocol("an ALTSVC on the connection without an origin")),
        (0, false) => Ok(Advice::Alternative { origin: Some(origin), value: payload }),
        (_, true) => Ok(Advice::Alternative { origin: None, value: payload }),
        (_, false) => Err(protocol("an ALTSVC in a stream with an origin")),
    }
}

/// It has no flags, and with one of the first four means something that is not known (RFC 8336
/// §2.1).
fn origins(head: FrameHead, from_client: bool, mut payload: Bytes) -> Result<Advice, Malformed> {
    if from_client {
        return Err(protocol("an ORIGIN of the client's"));
    }
    if head.stream != 0 {
        return Err(protocol("an ORIGIN in a stream"));
    }
    if head.flags.has(Flags(0xf)) {
        return Err(protocol("an ORIGIN with flags"));
    }
    let mut origins = Vec::new();
    while !payload.is_empty() {
        origins.push(text(&mut payload).ok_or_else(|| size("an ORIGIN cut short"))?);
    }
    Ok(Advice::Origins(origins))
}

fn priority(head: FrameHead, from_client: bool, mut payload: Bytes) -> Result<Advice, Malformed> {
    if !from_client {
        return Err(protocol("a PRIORITY_UPDATE of the server's"));
    }
    if head.stream != 0 {
        return Err(protocol("a PRIORITY_UPDATE in a stream"));
    }
    if payload.len() < 4 {
        return Err(size("a PRIORITY_UPDATE shorter than its stream"));
    }
    let stream = payload.get_u32() & 0x7fff_ffff;
    if stream == 0 {
        return Err(protocol("a PRIORITY_UPDATE of the connection"));
    }
    if !payload.is_ascii() {
        return Err(protocol("a PRIORITY_UPDATE that is not ASCII"));
    }
    Ok(Advice::Priority { stream, value: payload })
}

/// Takes what stands behind its length in two bytes.
fn text(payload: &mut Bytes) -> Option<Bytes> {
    let length = usize::from(u16::from_be_bytes(*payload.first_chunk()?));
    if payload.len() < 2 + length {
        return None;
    }
    payload.advance(2);
    Some(payload.split_to(length))
}

const fn protocol(what: &'static str) -> Malformed {
    Malformed::new(ErrorCode::PROTOCOL_ERROR, what)
}

const fn size(what: &'static str) -> Malformed {
    Malformed::new(ErrorCode::FRAME_SIZE_ERROR, what)
}
