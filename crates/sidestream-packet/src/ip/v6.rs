//! The header of IPv6 and its extension headers (RFC 8200 §3, §4).

use std::net::Ipv6Addr;

use super::{Header, Piece};
use crate::bytes::{be16, be32};
use crate::{Defect, protocol};

/// The length of the header in front of all extension headers.
pub(crate) const LEN: usize = 40;
/// The length of a fragment header.
pub(crate) const FRAGMENT_LEN: usize = 8;
/// More than any sender has a use for, few enough to cost nothing.
const MAX_EXTENSIONS: usize = 8;

pub(super) fn read(bytes: &[u8]) -> Result<Header, Defect> {
    let fixed: &[u8; LEN] = bytes.first_chunk().ok_or(Defect::Truncated)?;
    let total_len = LEN + usize::from(be16(fixed, 4));
    let bytes = bytes.get(..total_len).ok_or(Defect::Truncated)?;
    let mut chain = Chain { protocol: fixed[6], protocol_at: 6, len: LEN };
    let piece = chain.walk(bytes)?;
    Ok(Header {
        source: addr(fixed, 8),
        destination: addr(fixed, 24),
        hop_limit: fixed[7],
        traffic_class: (be16(fixed, 0) >> 4).to_be_bytes()[1],
        protocol: chain.protocol,
        protocol_at: chain.protocol_at,
        len: chain.len,
        total_len,
        piece,
    })
}

fn addr(fixed: &[u8; LEN], at: usize) -> std::net::IpAddr {
    let octets: [u8; 16] = fixed[at..at + 16].try_into().expect("it is sliced to 16 bytes");
    Ipv6Addr::from(octets).into()
}

/// Where a walk along the extension headers has come to.
struct Chain {
    protocol: u8,
    protocol_at: usize,
    len: usize,
}

impl Chain {
    /// Goes to the transport, or to what a fragment header leaves of it.
    fn walk(&mut self, bytes: &[u8]) -> Result<Option<Piece>, Defect> {
        let mut fragmented = false;
        for _ in 0..=MAX_EXTENSIONS {
            let rest = &bytes[self.len..];
            let len = match self.protocol {
                protocol::HOP_BY_HOP if self.len != LEN => return Err(Defect::BadExtension),
                protocol::HOP_BY_HOP | protocol::DESTINATION_OPTIONS => eights(rest)?,
                protocol::ROUTING => {
                    let len = eights(rest)?;
                    // With segments left the destination is not the one that the checksum knows.
                    if rest[3] != 0 {
                        return Err(Defect::SourceRoute);
                    }
                    len
                }
                protocol::AUTHENTICATION => {
                    (usize::from(*rest.get(1).ok_or(Defect::Truncated)?) + 2) * 4
                }
                protocol::FRAGMENT if fragmented => return Err(Defect::BadExtension),
                protocol::FRAGMENT => {
                    if rest.len() < FRAGMENT_LEN {
                        return Err(Defect::Truncated);
                    }
                    let place = be16(rest, 2);
                    let (offset, more) = (place & 0xfff8, place & 1 != 0);
                    if offset != 0 || more {
                        self.step(bytes, FRAGMENT_LEN)?;
                        return Ok(Some(Piece { id: be32(rest, 4), offset, more }));
                    }
                    // An atomic fragment is a whole packet (RFC 6946 §4).
                    fragmented = true;
                    FRAGMENT_LEN
                }
                _ => return Ok(None),
            };
            self.step(bytes, len)?;
        }
        Err(Defect::BadExtension)
    }

    fn step(&mut self, bytes: &[u8], len: usize) -> Result<(), Defect> {
        if bytes.len() < self.len + len {
            return Err(Defect::Truncated);
        }
        self.protocol_at = self.len;
        self.protocol = bytes[self.len];
        self.len += len;
        Ok(())
    }
}

fn eights(rest: &[u8]) -> Result<usize, Defect> {
    if rest.len() < 8 {
        return Err(Defect::Truncated);
    }
    Ok((usize::from(rest[1]) + 1) * 8)
}

/// Checks that the first fragment of a packet shows all its headers (RFC 7112 §5).
pub(crate) fn chain_in_fragment(first: u8, payload: &[u8]) -> Option<(u8, usize)> {
    let (mut protocol, mut len) = (first, 0);
    for _ in 0..=MAX_EXTENSIONS {
        let rest = payload.get(len..)?;
        let step = match protocol {
            protocol::DESTINATION_OPTIONS | protocol::ROUTING => eights(rest).ok()?,
            protocol::AUTHENTICATION => (usize::from(*rest.get(1)?) + 2) * 4,
            _ => return Some((protocol, len)),
        };
        protocol = *rest.first()?;
        len += step;
    }
    None
}
