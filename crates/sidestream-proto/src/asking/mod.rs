//! Which host a client asks for in the clear, read ahead of everything else.

use std::time::Duration;

use bytes::{Bytes, BytesMut};

use crate::hpack::Decoder;
use crate::http::authority;
use crate::http1::HeadReader;
use crate::http2::{self, Flags, FrameHead, FrameReader, Payload, Piece};
use crate::{Config, Timeouts};

/// How much may come before the host is known; then it stays unknown.
const MAX_BYTES: usize = 256 * 1024;

/// What was found out.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// The host's name.
    For(String),
    /// More must come.
    NeedMore,
    /// There is no name.
    Nobody,
}

/// Reads the beginning of what a client sends without taking it.
pub(crate) struct Asking {
    reader: Reader,
    read: usize,
}

enum Reader {
    Http1 { reader: HeadReader, seen: BytesMut },
    Http2 { reader: FrameReader, block: BytesMut, limits: http2::Limits },
}

impl Asking {
    /// Reads a request of HTTP/1.
    pub(crate) fn http1(config: &Config) -> Self {
        let reader = HeadReader::new(config.http1);
        Self { reader: Reader::Http1 { reader, seen: BytesMut::new() }, read: 0 }
    }

    /// Reads the first request of HTTP/2, from the preface on.
    pub(crate) fn http2(config: &Config) -> Self {
        let limits = config.http2;
        let reader = FrameReader::client(limits.max_block_bytes);
        Self { reader: Reader::Http2 { reader, block: BytesMut::new(), limits }, read: 0 }
    }

    /// Returns how long the host may take to come. A client of HTTP/2 may wait for the server's
    /// settings, which do not come while its own are kept back.
    pub(crate) const fn patience(&self, timeouts: &Timeouts) -> Duration {
        match self.reader {
            Reader::Http1 { .. } => timeouts.head,
            Reader::Http2 { .. } => timeouts.sniff,
        }
    }

    /// Reads on; `seen` is all that came so far.
    pub(crate) fn read(&mut self, seen: &[u8]) -> Asked {
        if seen.len() > MAX_BYTES {
            return Asked::Nobody;
        }
        let unread = &seen[self.read..];
        self.read = seen.len();
        match &mut self.reader {
            Reader::Http1 { reader, seen } => {
                seen.extend_from_slice(unread);
                match reader.poll_request(seen) {
                    Ok(None) => Asked::NeedMore,
                    Ok(Some(parsed)) => Asked::of(parsed.head.fields.get("Host")),
                    Err(_unreadable) => Asked::Nobody,
                }
            }
            Reader::Http2 { reader, block, limits } => {
                reader.feed(Bytes::copy_from_slice(unread));
                loop {
                    let piece = match reader.poll() {
                        Ok(None) => return Asked::NeedMore,
                        Ok(Some(piece)) => piece,
                        Err(_unreadable) => return Asked::Nobody,
                    };
                    match fields(piece, block) {
                        Ok(true) => return Asked::of_block(&block.split().freeze(), limits),
                        Ok(false) => {}
                        Err(Unreadable) => return Asked::Nobody,
                    }
                }
            }
        }
    }
}

struct Unreadable;

/// Adds to the first field block, and returns whether it is whole.
fn fields(piece: Piece, block: &mut BytesMut) -> Result<bool, Unreadable> {
    let Piece::Frame { head, mut wire } = piece else { return Ok(false) };
    let payload = wire.split_off(FrameHead::BYTES);
    match Payload::parse(head, payload) {
        Ok(Payload::Headers { fragment } | Payload::Continuation { fragment }) => {
            block.extend_from_slice(&fragment);
            Ok(head.flags.has(Flags::END_HEADERS))
        }
        Ok(_) => Ok(false),
        Err(_malformed) => Err(Unreadable),
    }
}

impl Asked {
    fn of_block(block: &Bytes, limits: &http2::Limits) -> Self {
        let Ok(decoded) = Decoder::new(limits.hpack).decode(block) else { return Self::Nobody };
        let fields = decoded.fields;
        Self::of(fields.get(":authority").or_else(|| fields.get("host")))
    }

    /// Reads the name out of `host:port`. An address is no name.
    fn of(place: Option<&Bytes>) -> Self {
        let place = place.and_then(|place| std::str::from_utf8(place).ok());
        let Some((host, _)) = place.and_then(|place| authority(place, Some(0))) else {
            return Self::Nobody;
        };
        let host = host.strip_suffix('.').unwrap_or(&host).to_ascii_lowercase();
        if host.is_empty() || host.parse::<std::net::IpAddr>().is_ok() {
            return Self::Nobody;
        }
        Self::For(host)
    }
}

#[cfg(test)]
mod tests;
