//! Between the maps' entries and what the callers know.

use std::io;
use std::net::{IpAddr, SocketAddr};

use sidestream_flow::Transport;

use super::abi::{
    HAS_BOUND, HAS_SOURCE, IS_MPTCP, IS_V4_MAPPED, OriginEntry, PortsEntry, RuleEntry, RulesEntry,
    VerdictsEntry, address, ip, text,
};
use super::maps::{Maps, UDP};
use crate::{Counters, MAX_RULES, Origin, Ports, Rule, RuleKind, Rules, Verdict, Verdicts};

/// Writes a verdict as the hooks know it.
pub(super) const fn code(verdict: Verdict) -> u32 {
    match verdict {
        Verdict::Undecided => 0,
        Verdict::Pass => 1,
        Verdict::Intercept => 2,
        Verdict::Rules(index) => 3 + index as u32,
    }
}

/// Reads a verdict as the hooks know it.
const fn verdict(code: u32) -> Verdict {
    match code {
        1 => Verdict::Pass,
        2 => Verdict::Intercept,
        3..0x1_0003 => Verdict::Rules((code - 3) as u16),
        _ => Verdict::Undecided,
    }
}

impl From<VerdictsEntry> for Verdicts {
    fn from(entry: VerdictsEntry) -> Self {
        let (own, child) = (verdict(entry.own), verdict(entry.child));
        Self { own, child, is_in_tree: entry.is_in_tree != 0 }
    }
}

impl From<Ports> for PortsEntry {
    fn from(Ports { tcp4, udp4, tcp6, udp6, backlog, net }: Ports) -> Self {
        Self { tcp4, udp4, tcp6, udp6, backlog, net }
    }
}

impl From<(OriginEntry, bool)> for Origin {
    fn from((entry, closed): (OriginEntry, bool)) -> Self {
        let has = |flag| entry.flags & flag != 0;
        Self {
            transport: if entry.protocol == UDP { Transport::Udp } else { Transport::Tcp },
            destination: SocketAddr::new(ip(entry.destination), entry.port),
            source: has(HAS_SOURCE).then(|| ip(entry.source)),
            bound: has(HAS_BOUND).then(|| ip(entry.bound)),
            pid: entry.pid,
            tid: entry.tid,
            uid: entry.uid,
            parent: entry.parent,
            started_ns: entry.started_ns,
            cgroup_id: entry.cgroup_id,
            netns_cookie: entry.netns_cookie,
            socket_key: entry.socket_key,
            verdict: verdict(entry.verdict.into()),
            exe: text(&entry.exe),
            comm: text(&entry.comm),
            path_mtu_discovery: entry.path_mtu_discovery,
            mptcp: has(IS_MPTCP),
            v4_mapped: has(IS_V4_MAPPED),
            closed,
        }
    }
}

const RULE_PORT: u8 = 0;
const RULE_NET4: u8 = 1;
const RULE_NET6: u8 = 2;
const RULE_HOST: u8 = 3;

/// Writes a set of rules as the hooks know it.
pub(super) fn rules(rules: &Rules) -> io::Result<RulesEntry> {
    let none = RuleEntry { kind: RULE_HOST, exclude: 0, port: 0, addr: [0; 16], mask: [0; 16] };
    let count = rules.rules.len();
    if count > MAX_RULES {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "too many rules for one set"));
    }
    let mut entry = RulesEntry {
        len: u32::try_from(count).map_err(io::Error::other)?,
        intercept: rules.default.into(),
        rules: [none; MAX_RULES],
    };
    for (slot, Rule { exclude, kind }) in entry.rules.iter_mut().zip(&rules.rules) {
        slot.exclude = u8::from(*exclude);
        match *kind {
            RuleKind::Host => slot.kind = RULE_HOST,
            RuleKind::Port(port) => (slot.kind, slot.port) = (RULE_PORT, port),
            RuleKind::Net { addr, prefix_len } => {
                slot.kind = if addr.is_ipv4() { RULE_NET4 } else { RULE_NET6 };
                (slot.addr, slot.mask) = net(addr, prefix_len)?;
            }
        }
    }
    Ok(entry)
}

/// Gives a network's first address and its mask, both mapped into IPv6.
pub(super) fn net(addr: IpAddr, prefix_len: u8) -> io::Result<([u8; 16], [u8; 16])> {
    let (most, before) = if addr.is_ipv4() { (32, 96) } else { (128, 0) };
    if prefix_len > most {
        let text = format!("{addr}/{prefix_len} has a prefix that is too long");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    let zeros = u32::from(most - prefix_len);
    debug_assert!(before + u32::from(prefix_len) + zeros == 128, "the bits of an IPv6 address");
    let mask = u128::MAX.checked_shl(zeros).unwrap_or(0);
    let first = u128::from_be_bytes(address(addr)) & mask;
    Ok((first.to_be_bytes(), mask.to_be_bytes()))
}

/// Reads the counters, which are in the order of `enum counter`.
pub(super) fn counters(maps: &Maps) -> Counters {
    let mut index = 0..;
    let mut next = || maps.counter(index.next().unwrap_or_default());
    Counters {
        captured_tcp: next(),
        captured_udp: next(),
        denied: next(),
        stale: next(),
        foreign_netns: next(),
        own: next(),
        other_user: next(),
        not_selected: next(),
        marked: next(),
        bound_device: next(),
        special: next(),
        no_route: next(),
        full: next(),
        lost_events: next(),
        undecided: next(),
        backlog: next(),
    }
}

/// The index of the counter of lost events.
pub(super) const LOST_EVENTS: usize = 13;
