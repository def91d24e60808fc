//! What went over legs, and with what it can be decrypted.

use bytes::Bytes;
use sidestream_flow::Redacted;
use sidestream_record::{Secrets, Wire};

use super::{DecodeError, peer_from, peer_to};

/// Without its content, which stands behind it or elsewhere.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct WireWire {
    #[prost(uint64, tag = "1")]
    peer: u64,
    #[prost(bool, tag = "2")]
    sent: bool,
    #[prost(bool, tag = "3")]
    ended: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct WireSecrets {
    #[prost(uint64, tag = "1")]
    peer: u64,
    #[prost(string, tag = "2")]
    lines: String,
}

impl From<&Wire> for WireWire {
    fn from(Wire { peer, sent, ended, .. }: &Wire) -> Self {
        Self { peer: peer_to(*peer), sent: *sent, ended: *ended }
    }
}

impl WireWire {
    /// Adds the content, of which so many bytes were dropped if it was.
    pub(super) fn with_content(
        self,
        data: Bytes,
        dropped: Option<u64>,
    ) -> Result<Wire, DecodeError> {
        let Self { peer, sent, ended } = self;
        let dropped = dropped.unwrap_or_default();
        Ok(Wire { peer: peer_from(peer)?, sent, data, dropped, ended })
    }
}

impl From<&Secrets> for WireSecrets {
    fn from(Secrets { peer, lines }: &Secrets) -> Self {
        Self { peer: peer_to(*peer), lines: lines.0.clone() }
    }
}

impl TryFrom<WireSecrets> for Secrets {
    type Error = DecodeError;

    fn try_from(WireSecrets { peer, lines }: WireSecrets) -> Result<Self, DecodeError> {
        Ok(Self { peer: peer_from(peer)?, lines: Redacted(lines) })
    }
}
