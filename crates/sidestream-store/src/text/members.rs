//! What stands in the columns of a group.

use std::collections::BTreeSet;

use prost::Message as _;
use sidestream_search::Page;

use crate::pack::{Packer, unpack};
use crate::wire::check;

/// The message of `text_group.members`, behind its size.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Members {
    #[prost(message, repeated, tag = "1")]
    pub(super) columns: Vec<Member>,
    /// Flows of which not all was seen: what is in them may be in no column.
    #[prost(uint64, repeated, tag = "2")]
    pub(super) unseen_flows: Vec<u64>,
    /// `text_group.last`, which stands beside it.
    #[prost(int64, optional, tag = "3")]
    last: Option<i64>,
    /// The CRC-32 of each page, that of nothing for one without a bit.
    #[prost(fixed32, repeated, tag = "4")]
    pages: Vec<u32>,
    /// The CRC-32 of all that stands before it.
    #[prost(fixed32, optional, tag = "16")]
    check: Option<u32>,
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
    /// Returns what stands in the columns of a group that tells of all up to the entry `last`.
    pub(super) fn new(
        columns: Vec<Member>,
        unseen_flows: Vec<u64>,
        last: i64,
        pages: &[Page],
    ) -> Self {
        let pages = pages.iter().map(|page| crc32fast::hash(&page.0)).collect();
        Self { columns, unseen_flows, last: Some(last), pages, check: None }
    }

    /// Returns them as they stand in the table: their size as 8 bytes in the order of the network,
    /// and then packed as blocks are.
    pub(super) fn to_bytes(&self, packer: &mut Packer) -> Vec<u8> {
        let mut message = self.encode_to_vec();
        check::seal(&mut message);
        let mut bytes = (message.len() as u64).to_be_bytes().to_vec();
        bytes.extend_from_slice(packer.pack(&message));
        bytes
    }

    /// Reads those of a group that tells of all up to the entry `last`; none if they are damaged.
    pub(super) fn from_bytes(bytes: &[u8], last: i64) -> Option<Self> {
        let (size, packed) = bytes.split_first_chunk()?;
        let message = unpack(packed.to_vec(), u64::from_be_bytes(*size))?;
        let members = Self::decode(&message[..]).ok()?;
        let is_whole = check::is_whole(&message, members.check)
            && members.last.is_none_or(|expected| expected == last);
        is_whole.then_some(members)
    }

    /// Returns whether a page is as it was written.
    pub(super) fn has_page(&self, number: usize, page: &Page) -> bool {
        self.pages.get(number).is_none_or(|expected| crc32fast::hash(&page.0) == *expected)
    }
}
