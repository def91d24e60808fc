//! What went over the legs of a flow, as it was on the wire.

use bytes::Bytes;
use sidestream_flow::{Peer, Redacted};

/// A stretch of bytes that went over a leg, or a datagram, with whatever encryption it had.
///
/// What is sent counts as it is given to the system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wire {
    /// Who is at the other end of the leg.
    pub peer: Peer,
    /// Whether it was sent to the peer; else it came from there.
    pub sent: bool,
    /// The bytes.
    pub data: Bytes,
    /// How many bytes there were in place of these, if they were not recorded.
    pub dropped: u64,
    /// Whether this is the end of a connection's half: no bytes go with it.
    pub ended: bool,
}

impl Wire {
    /// Tells of bytes.
    pub const fn of(peer: Peer, sent: bool, data: Bytes) -> Self {
        Self { peer, sent, data, dropped: 0, ended: false }
    }

    /// Tells of the end of a half.
    pub const fn end(peer: Peer, sent: bool) -> Self {
        Self { peer, sent, data: Bytes::new(), dropped: 0, ended: true }
    }

    /// Returns what remains when the content is dropped.
    pub fn without_content(&self) -> Self {
        let dropped = self.dropped + self.data.len() as u64;
        Self { data: Bytes::new(), dropped, ..self.clone() }
    }
}

/// With what a leg can be decrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secrets {
    /// Who is at the other end of the leg.
    pub peer: Peer,
    /// Lines of a key log (RFC 9850), each with its line feed.
    pub lines: Redacted<String>,
}
