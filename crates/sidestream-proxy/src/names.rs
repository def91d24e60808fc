//! Host names of addresses, learned from the DNS answers that went by.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use sidestream_proto::dns;
use sidestream_record::DnsMessage;

/// How many addresses are remembered: the oldest are forgotten beyond it.
const MAX_ADDRESSES: usize = 10_000;

/// Remembers under which name each address was looked up last.
///
/// How long an answer may be cached does not matter here: programs keep addresses for longer.
#[derive(Debug, Default)]
pub(crate) struct Names(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    names: HashMap<IpAddr, String>,
    order: VecDeque<IpAddr>,
}

impl Names {
    /// Learns from an answer.
    pub(crate) fn learn(&self, answer: &DnsMessage) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for address in dns::addresses(answer) {
            if inner.names.insert(address.ip, address.name.to_owned()).is_none() {
                inner.order.push_back(address.ip);
            }
            if inner.order.len() > MAX_ADDRESSES
                && let Some(oldest) = inner.order.pop_front()
            {
                inner.names.remove(&oldest);
            }
        }
    }

    /// Returns the name under which that address was looked up.
    pub(crate) fn of(&self, ip: IpAddr) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).names.get(&ip).cloned()
    }
}
