//! Datagrams of one peer, and what is sent back.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use super::{Names, Record};
use crate::wire::dns::{self, Answer};

/// How much is shown of a datagram.
const SHOWN: usize = 32;

/// The talk with one peer.
pub struct Talk {
    record: Record,
    /// What a name server knows; without it, everything is sent back.
    names: Option<Arc<Names>>,
}

impl fmt::Debug for Talk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Talk").field("record", &self.record).finish_non_exhaustive()
    }
}

impl Talk {
    pub(super) const fn new(record: Record, names: Option<Arc<Names>>) -> Self {
        Self { record, names }
    }

    /// Returns what is sent back.
    #[must_use]
    pub fn answer(&self, datagram: &[u8]) -> Option<Vec<u8>> {
        let answer = match &self.names {
            None => {
                let shown = &datagram[..datagram.len().min(SHOWN)];
                let more = if shown.len() < datagram.len() { "…" } else { "" };
                self.record.line(format!("{}{more}", shown.escape_ascii()));
                Some(datagram.to_vec())
            }
            Some(names) => self.look_up(names, datagram),
        };
        self.record.content(datagram.len(), answer.as_ref().map_or(0, Vec::len));
        answer
    }

    fn look_up(&self, names: &Names, query: &[u8]) -> Option<Vec<u8>> {
        let (question, end) = dns::question(query)?;
        self.record.line(question.name.clone());
        let answer = match names.get(&question.name) {
            None => Answer::NoName,
            Some(known) => {
                let fits = |address: &IpAddr| address.is_ipv6() == question.v6;
                Answer::Addresses(known.iter().copied().filter(fits).collect())
            }
        };
        Some(dns::reply(query, end, &answer))
    }
}
