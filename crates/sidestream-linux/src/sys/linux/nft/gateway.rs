//! The nftables rules of a gateway.
//!
//! ```text
//! prerouting:  by one of the interfaces → take
//! take:        to this machine, to many, or an answer → accept
//!              TCP that begins, UDP → listeners of ours, mark
//!              TCP that is one of ours already → mark
//! ```
//!
//! Where no listener of ours is, `tproxy` matches nothing and the packet goes on its way. The
//! table belongs to the socket that made it, and goes with it.

use std::io;
use std::net::SocketAddr;

use super::rule::Rule;
use super::{
    ACCEPT, BATCH_BEGIN, BATCH_END, FAMILY_INET, GOTO, HOOK_PREROUTING, NEW_TABLE, PRIORITY_MANGLE,
    RTN_BROADCAST, RTN_LOCAL, RTN_MULTICAST, chain_of, mark_of_batch,
};
use crate::sys::imp::netlink::{Message, Netlink, attrs};

/// The table of a gateway.
pub(in crate::sys::imp) const TABLE: &str = "sidestream-gateway";
const GET_TABLE: u16 = 1;
const OWNED: u32 = 2;

/// Makes the table, in which there is nothing yet, for as long as that socket is open; fails if
/// there is one.
pub(in crate::sys::imp) fn hold(
    netlink: &Netlink,
    name: &'static str,
    comment: &str,
) -> io::Result<()> {
    let kind = (libc::NFNL_SUBSYS_NFTABLES as u16) << 8 | NEW_TABLE;
    let flags = libc::NLM_F_ACK | libc::NLM_F_CREATE | libc::NLM_F_EXCL;
    let table = Message::new(kind, flags, &[FAMILY_INET, 0, 0, 0]);
    let table = table.attr_str(1, name).attr_be32(2, OWNED);
    // A comment as `nft` writes it: its kind, its length, and a string closed by a zero byte.
    let comment = &comment.as_bytes()[..comment.len().min(250)];
    let data = [&[0, comment.len() as u8 + 1], comment, &[0]].concat();
    let batch = vec![mark_of_batch(BATCH_BEGIN), table.attr(6, &data), mark_of_batch(BATCH_END)];
    netlink.batch(batch)
}

/// Reads the comment of the table, if there is one.
pub(in crate::sys::imp) fn holder(netlink: &Netlink) -> io::Result<Option<String>> {
    let kind = (libc::NFNL_SUBSYS_NFTABLES as u16) << 8 | GET_TABLE;
    let ask = Message::new(kind, 0, &[FAMILY_INET, 0, 0, 0]).attr_str(1, TABLE);
    netlink.ask(ask, |body| {
        let data = attrs(body.get(4..).unwrap_or_default()).find(|(kind, _)| *kind == 6);
        let comment = data.and_then(|(_, data)| data.get(2..));
        let comment = comment.and_then(|comment| comment.strip_suffix(b"\0"));
        let known = comment.map(|comment| String::from_utf8_lossy(comment).into_owned());
        known.unwrap_or_else(|| "a process that does not say who it is".into())
    })
}

/// Fills the table: what is delivered to this machine although it is for another gets that mark.
pub(in crate::sys::imp) fn fill(
    netlink: &Netlink,
    name: &'static str,
    mark: u32,
    interfaces: &[String],
    listeners: &[SocketAddr],
) -> io::Result<()> {
    let rules = |tracked: bool| {
        let mut batch = vec![mark_of_batch(BATCH_BEGIN)];
        let hook = ("filter", HOOK_PREROUTING, PRIORITY_MANGLE);
        batch.push(chain_of(name, "take", None));
        batch.push(chain_of(name, "prerouting", Some(hook)));
        batch.extend(take(name, mark, listeners, tracked));
        batch.extend(interfaces.iter().map(|interface| {
            Rule::of(name, "prerouting").interface(interface).verdict(GOTO, Some("take"))
        }));
        batch.push(mark_of_batch(BATCH_END));
        batch
    };
    match netlink.batch(rules(true)) {
        // A kernel without connection tracking: answers to others' datagrams are not told apart.
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => netlink.batch(rules(false)),
        made => made,
    }
}

fn take(table: &'static str, mark: u32, listeners: &[SocketAddr], tracked: bool) -> Vec<Message> {
    let rule = || Rule::of(table, "take");
    let mut rules: Vec<_> = [RTN_LOCAL, RTN_MULTICAST, RTN_BROADCAST]
        .map(|kind| rule().to(kind).verdict(ACCEPT, None))
        .into();
    if tracked {
        rules.push(rule().reply().verdict(ACCEPT, None));
    }
    for &addr in listeners {
        let of = |protocol| rule().family(addr).protocol(protocol);
        // First, as the kernel knows only here that a new connection may follow a closed one with
        // the same ports.
        let led = |rule: Rule| rule.tproxy(addr).set_mark(mark).verdict(ACCEPT, None);
        rules.push(led(of(libc::IPPROTO_TCP).syn()));
        rules.push(led(of(libc::IPPROTO_UDP)));
    }
    let tcp = rule().protocol(libc::IPPROTO_TCP);
    rules.push(tcp.transparent().set_mark(mark).verdict(ACCEPT, None));
    rules
}
