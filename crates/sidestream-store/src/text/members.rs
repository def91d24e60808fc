//! What stands in the columns of a group.

use std::collections::BTreeSet;

use prost::Message as _;

use crate::pack::{Packer, unpack};

/// The message of `text_group.members`, behind its size.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Members {
    #[prost(message, repeated, tag = "1")]
    pub(super) columns: Vec<Member>,
    /// Flows of which not all was seen: what is in them may be in no column.
    #[prost(uint64, repeated, tag = "2")]
    pub(super) unseen_flows: Vec<u64>,
}

/// What stands in a column.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Member {
    /// Exchanges, with their bodies and their WebSocket messages.
    #[prost(uint64, repeated, tag = "1")]
    pub(super) exchanges: Vec<u64>,
    /// Flows with messages that belong to no exchange.
    #[prost(uint64, repeated, tag = "2")]
    pub(super) flows: Vec<u64>,
}

impl Member {
    pub(super) fn new(exchanges: BTreeSet<u64>, flows: BTreeSet<u64>) -> Self {
        Self { exchanges: exchanges.into_iter().collect(), flows: flows.into_iter().collect() }
    }
}

impl Members {
    /// Returns them as they stand in the table: their size as 8 bytes in the order of the network,
    /// and then packed as blocks are.
    pub(super) fn to_bytes(&self, packer: &mut Packer) -> Vec<u8> {
        let message = self.encode_to_vec();
        let mut bytes = (message.len() as u64).to_be_bytes().to_vec();
        bytes.extend_from_slice(packer.pack(&message));
        bytes
    }

    /// Reads them; none if they are damaged.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (size, packed) = bytes.split_first_chunk()?;
        let message = unpack(packed.to_vec(), u64::from_be_bytes(*size))?;
        Self::decode(message).ok()
    }
}
