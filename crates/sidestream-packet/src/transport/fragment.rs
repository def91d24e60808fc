//! Fragments (RFC 791 §3.2, RFC 8200 §4.5).

use std::fmt;
use std::net::IpAddr;

use super::{tcp, udp};
use crate::ip::{Header, Piece, v6};
use crate::{Defect, protocol};

/// A piece of a packet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fragment<'a> {
    piece: Piece,
    protocol: u8,
    payload: &'a [u8],
}

impl<'a> Fragment<'a> {
    pub(super) fn read(header: &Header, piece: Piece, payload: &'a [u8]) -> Result<Self, Defect> {
        if payload.is_empty() {
            return Err(Defect::FragmentEmpty);
        }
        if piece.more && !payload.len().is_multiple_of(8) {
            return Err(Defect::FragmentMisaligned);
        }
        // The lengths that the whole packet will have to state.
        let front = match header.source {
            IpAddr::V4(_) => header.len,
            IpAddr::V6(_) => header.len - v6::LEN - v6::FRAGMENT_LEN,
        };
        if front + usize::from(piece.offset) + payload.len() > usize::from(u16::MAX) {
            return Err(Defect::FragmentBeyondEnd);
        }
        if piece.offset == 0 {
            check_first(header, payload)?;
        } else if header.protocol == protocol::TCP && piece.offset < 20 {
            // It would overwrite the flags that the first one showed (RFC 3128).
            return Err(Defect::FragmentTiny);
        }
        Ok(Self { piece, protocol: header.protocol, payload })
    }

    /// Returns what all pieces of the packet have in common.
    pub const fn id(&self) -> u32 {
        self.piece.id
    }

    /// Returns where its payload belongs in the packet's, in bytes.
    pub const fn offset(&self) -> u16 {
        self.piece.offset
    }

    /// Whether it is not the last.
    pub const fn more(&self) -> bool {
        self.piece.more
    }

    /// Returns the number of what the whole packet carries.
    pub const fn protocol(&self) -> u8 {
        self.protocol
    }

    /// Returns what it carries.
    pub const fn payload(&self) -> &'a [u8] {
        self.payload
    }
}

/// Checks that the first piece shows the header of its transport.
fn check_first(header: &Header, payload: &[u8]) -> Result<(), Defect> {
    let (protocol, skipped) = match header.source {
        IpAddr::V4(_) => (header.protocol, 0),
        IpAddr::V6(_) => {
            v6::chain_in_fragment(header.protocol, payload).ok_or(Defect::FragmentTiny)?
        }
    };
    let shown = payload.len().saturating_sub(skipped);
    let needed = match protocol {
        protocol::TCP => tcp::MIN_LEN,
        protocol::UDP => udp::LEN,
        _ => 1,
    };
    if shown < needed { Err(Defect::FragmentTiny) } else { Ok(()) }
}

impl fmt::Debug for Fragment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fragment")
            .field("id", &self.id())
            .field("offset", &self.offset())
            .field("more", &self.more())
            .field("protocol", &self.protocol)
            .field("payload_len", &self.payload.len())
            .finish()
    }
}
