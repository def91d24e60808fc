//! The sets of ports that the host serves on the loopback address of one family only.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;

use super::{BATCH_BEGIN, BATCH_END, TABLE, mark_of_batch, message};
use crate::sys::imp::loopback::OneSided;
use crate::sys::imp::netlink::{Message, Netlink};

const NEW_SET: u16 = 9;
const NEW_ELEMENTS: u16 = 12;
const DELETE_ELEMENTS: u16 = 14;

/// What `nft list` knows as `inet_service`.
const TYPE_PORT: u32 = 13;

/// The most ports in a set, so that both fit into what a socket sends at once. What is beyond is
/// taken aside like all else.
const MAX_PORTS: usize = 4 * PORTS_IN_MESSAGE;
/// The most ports in a message: a port takes 16 bytes, the length of an attribute has 16 bits.
const PORTS_IN_MESSAGE: usize = 1024;

const ONLY_V4: &str = "only-v4";
const ONLY_V6: &str = "only-v6";

/// Names the set of the ports that are refused in that family.
pub(super) fn refused_in(family: SocketAddr) -> &'static str {
    if family.is_ipv4() { ONLY_V6 } else { ONLY_V4 }
}

/// Lists what makes the sets and fills them.
pub(super) fn make(ports: &OneSided) -> Vec<Message> {
    let set = |(name, id): (&str, u32)| {
        let set = message(NEW_SET).attr_str(1, TABLE).attr_str(2, name);
        set.attr_be32(4, TYPE_PORT).attr_be32(5, size_of::<u16>() as u32).attr_be32(10, id)
    };
    let mut messages: Vec<_> = [(ONLY_V4, 1), (ONLY_V6, 2)].map(set).into();
    messages.extend(fill(ports));
    messages
}

/// Replaces what is in the sets, at once.
pub(in crate::sys::imp) fn replace(netlink: &Netlink, ports: &OneSided) -> io::Result<()> {
    let mut batch = vec![mark_of_batch(BATCH_BEGIN)];
    // Without a list of elements, it is all of them.
    batch.extend([ONLY_V4, ONLY_V6].map(|set| elements(DELETE_ELEMENTS, set)));
    batch.extend(fill(ports));
    batch.push(mark_of_batch(BATCH_END));
    netlink.batch(batch)
}

fn fill(ports: &OneSided) -> Vec<Message> {
    let mut messages = Vec::new();
    for (set, ports) in [(ONLY_V4, &ports.v4), (ONLY_V6, &ports.v6)] {
        messages.extend(add(set, ports));
    }
    messages
}

fn add(set: &'static str, ports: &BTreeSet<u16>) -> Vec<Message> {
    let ports: Vec<_> = ports.iter().take(MAX_PORTS).collect();
    let one = |list: Message, port: &&u16| {
        list.nested(1, |element| element.nested(1, |key| key.attr(1, &port.to_be_bytes())))
    };
    let message =
        |ports: &[&u16]| elements(NEW_ELEMENTS, set).nested(3, |list| ports.iter().fold(list, one));
    ports.chunks(PORTS_IN_MESSAGE).map(message).collect()
}

fn elements(kind: u16, set: &str) -> Message {
    message(kind).attr_str(1, TABLE).attr_str(2, set)
}
