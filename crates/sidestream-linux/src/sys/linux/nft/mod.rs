//! The nftables rules inside of the namespace.
//!
//! ```text
//! output, route:   to elsewhere, TCP, UDP and the ICMP errors of our own flows → mark TAKEN,
//!                  whose routing table delivers everything to the loopback device
//! output, filter:  sent by a transparent socket of ours → mark OURS
//!                  local destination, or TCP and UDP to elsewhere → accept
//!                  all else → count, reject
//! prerouting:      OURS → accept
//!                  TAKEN → listeners of ours
//!                  somebody inside has that socket → accept
//!                  TCP to a loopback address whose port the host serves on the other family's
//!                  only → accept: nobody inside has the socket, so the kernel refuses
//!                  TCP and UDP → listeners of ours: it is a service of the host
//! ```

pub(super) mod gateway;
mod rule;
mod sets;

use std::io;
use std::net::SocketAddr;

use self::rule::Rule;
pub(super) use self::sets::replace;
use super::loopback::OneSided;
use super::netlink::{Message, Netlink, attrs};
use crate::Refused;

/// The mark of what goes to other hosts.
pub(super) const TAKEN: u32 = 0x5353_0001;
/// The mark of what our sockets send to the programs inside.
const OURS: u32 = 0x5353_0002;

const TABLE: &str = "sidestream";
const FAMILY_INET: u8 = 1;

const NEW_TABLE: u16 = 0;
const NEW_CHAIN: u16 = 3;
const NEW_RULE: u16 = 6;
const NEW_OBJECT: u16 = 18;
const GET_OBJECT: u16 = 19;
const BATCH_BEGIN: u16 = 16;
const BATCH_END: u16 = 17;
const OBJECT_COUNTER: u32 = 1;

const HOOK_PREROUTING: u32 = 0;
const HOOK_OUTPUT: u32 = 3;
const PRIORITY_MANGLE: i32 = -150;
const PRIORITY_FILTER: i32 = 0;

const ACCEPT: i32 = 1;
const GOTO: i32 = -4;

const RTN_LOCAL: u32 = 2;
const RTN_BROADCAST: u32 = 3;
const RTN_MULTICAST: u32 = 5;

/// Where our listeners are inside.
#[derive(Clone, Copy, Debug)]
pub(super) struct Listeners {
    pub(super) v4: SocketAddr,
    pub(super) v6: Option<SocketAddr>,
}

/// What is counted, by the name of its counter.
const COUNTERS: [(&str, Refused); 3] =
    [("icmp", Refused::Icmp), ("multicast", Refused::Multicast), ("other", Refused::Other)];

impl Listeners {
    /// Lists the one of each family that there is.
    fn iter(self) -> impl Iterator<Item = SocketAddr> {
        [Some(self.v4), self.v6].into_iter().flatten()
    }
}

/// Makes the rules, all or none.
pub(super) fn make(netlink: &Netlink, listeners: Listeners, ports: &OneSided) -> io::Result<()> {
    let mut batch = vec![mark_of_batch(BATCH_BEGIN)];
    batch.push(message(NEW_TABLE).attr_str(1, TABLE));
    for (name, _) in COUNTERS {
        let object = message(NEW_OBJECT).attr_str(1, TABLE).attr_str(2, name);
        batch.push(object.attr_be32(3, OBJECT_COUNTER).nested(4, |data| data));
    }
    batch.extend(sets::make(ports));
    batch.push(chain("route", Some(("route", HOOK_OUTPUT, PRIORITY_MANGLE))));
    batch.push(chain("output", Some(("filter", HOOK_OUTPUT, PRIORITY_FILTER))));
    batch.push(chain("take", None));
    batch.push(chain("prerouting", Some(("filter", HOOK_PREROUTING, PRIORITY_MANGLE))));
    batch.extend(route_rules());
    batch.extend(output_rules());
    batch.extend(take_rules(listeners));
    batch.extend(prerouting_rules(listeners));
    batch.push(mark_of_batch(BATCH_END));
    netlink.batch(batch)
}

fn route_rules() -> Vec<Message> {
    let rule = || Rule::new("route");
    vec![
        rule().to(RTN_LOCAL).verdict(ACCEPT, None),
        rule().protocol(libc::IPPROTO_TCP).set_mark(TAKEN).done(),
        rule().protocol(libc::IPPROTO_UDP).set_mark(TAKEN).done(),
        rule().unreachable_v4().set_mark(TAKEN).done(),
        rule().unreachable_v6().set_mark(TAKEN).done(),
    ]
}

fn output_rules() -> Vec<Message> {
    let rule = || Rule::new("output");
    vec![
        rule().transparent().set_mark(OURS).verdict(ACCEPT, None),
        rule().to(RTN_LOCAL).verdict(ACCEPT, None),
        rule().unreachable_v4().verdict(ACCEPT, None),
        rule().unreachable_v6().verdict(ACCEPT, None),
        rule().to(RTN_MULTICAST).count("multicast").reject(),
        rule().to(RTN_BROADCAST).count("multicast").reject(),
        rule().protocol(libc::IPPROTO_TCP).verdict(ACCEPT, None),
        rule().protocol(libc::IPPROTO_UDP).verdict(ACCEPT, None),
        rule().protocol(libc::IPPROTO_ICMP).count("icmp").reject(),
        rule().protocol(libc::IPPROTO_ICMPV6).count("icmp").reject(),
        rule().count("other").reject(),
    ]
}

fn take_rules(listeners: Listeners) -> Vec<Message> {
    listeners
        .iter()
        .flat_map(|addr| {
            [libc::IPPROTO_TCP, libc::IPPROTO_UDP].map(|protocol| {
                let rule = Rule::new("take").family(addr).protocol(protocol);
                rule.tproxy(addr).verdict(ACCEPT, None)
            })
        })
        .collect()
}

fn prerouting_rules(listeners: Listeners) -> Vec<Message> {
    let rule = || Rule::new("prerouting");
    let mut rules = vec![
        rule().not_loopback_device().verdict(ACCEPT, None),
        rule().mark(OURS).verdict(ACCEPT, None),
        rule().mark(TAKEN).verdict(GOTO, Some("take")),
        // A look at a socket that is neither bound to an address nor to all of them, as one that
        // is just ending, matches neither: `take` knows what to do with those.
        rule().wildcard(0).verdict(ACCEPT, None),
        rule().wildcard(1).verdict(ACCEPT, None),
    ];
    // A connection that was taken aside before is found by the kernel as it was by `socket`.
    rules.extend(listeners.iter().map(|family| {
        let rule = rule().family(family).protocol(libc::IPPROTO_TCP).loopback(family);
        rule.port_in(sets::refused_in(family)).verdict(ACCEPT, None)
    }));
    rules.push(rule().verdict(GOTO, Some("take")));
    rules
}

/// Reads what has been refused so far.
pub(super) fn refused(netlink: &Netlink) -> io::Result<Vec<Refused>> {
    let kind = (libc::NFNL_SUBSYS_NFTABLES as u16) << 8 | GET_OBJECT;
    let ask = Message::new(kind, libc::NLM_F_DUMP, &[FAMILY_INET, 0, 0, 0]).attr_str(1, TABLE);
    let mut found = Vec::new();
    netlink.dump(ask, &mut |body| found.extend(counted(body)))?;
    Ok(found)
}

fn counted(body: &[u8]) -> Option<Refused> {
    let attr = |wanted: u16| {
        attrs(body.get(4..).unwrap_or_default()).find(|(kind, _)| *kind == wanted).map(|(_, v)| v)
    };
    let packets = attrs(attr(4)?).find(|(kind, _)| *kind == 2)?.1;
    if packets.iter().all(|&byte| byte == 0) {
        return None;
    }
    let name = attr(2)?.strip_suffix(b"\0")?;
    COUNTERS.iter().find(|(known, _)| known.as_bytes() == name).map(|(_, refused)| *refused)
}

fn mark_of_batch(kind: u16) -> Message {
    let [high, low] = (libc::NFNL_SUBSYS_NFTABLES as u16).to_be_bytes();
    Message::new(kind, 0, &[0, 0, high, low])
}

fn message(kind: u16) -> Message {
    let kind = (libc::NFNL_SUBSYS_NFTABLES as u16) << 8 | kind;
    let flags = libc::NLM_F_ACK | libc::NLM_F_CREATE | libc::NLM_F_APPEND;
    Message::new(kind, flags, &[FAMILY_INET, 0, 0, 0])
}

fn chain(name: &str, base: Option<(&str, u32, i32)>) -> Message {
    chain_of(TABLE, name, base)
}

fn chain_of(table: &str, name: &str, base: Option<(&str, u32, i32)>) -> Message {
    let chain = message(NEW_CHAIN).attr_str(1, table).attr_str(3, name);
    let Some((kind, hook, priority)) = base else { return chain };
    chain
        .nested(4, |attrs| attrs.attr_be32(1, hook).attr_be32(2, priority.cast_unsigned()))
        .attr_be32(5, ACCEPT.cast_unsigned())
        .attr_str(7, kind)
}
