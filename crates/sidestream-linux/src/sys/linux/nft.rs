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
//!                  TCP and UDP → listeners of ours: it is a service of the host
//! ```

use std::io;
use std::net::SocketAddr;

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

/// Makes the rules, all or none.
pub(super) fn make(netlink: &Netlink, listeners: Listeners) -> io::Result<()> {
    let mut batch = vec![mark_of_batch(BATCH_BEGIN)];
    batch.push(message(NEW_TABLE).attr_str(1, TABLE));
    for (name, _) in COUNTERS {
        let object = message(NEW_OBJECT).attr_str(1, TABLE).attr_str(2, name);
        batch.push(object.attr_be32(3, OBJECT_COUNTER).nested(4, |data| data));
    }
    batch.push(chain("route", Some(("route", HOOK_OUTPUT, PRIORITY_MANGLE))));
    batch.push(chain("output", Some(("filter", HOOK_OUTPUT, PRIORITY_FILTER))));
    batch.push(chain("take", None));
    batch.push(chain("prerouting", Some(("filter", HOOK_PREROUTING, PRIORITY_MANGLE))));
    batch.extend(route_rules());
    batch.extend(output_rules());
    batch.extend(take_rules(listeners));
    batch.extend(prerouting_rules());
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
    let addrs = [Some(listeners.v4), listeners.v6].into_iter().flatten();
    addrs
        .flat_map(|addr| {
            [libc::IPPROTO_TCP, libc::IPPROTO_UDP].map(|protocol| {
                let rule = Rule::new("take").family(addr).protocol(protocol);
                rule.tproxy(addr).verdict(ACCEPT, None)
            })
        })
        .collect()
}

fn prerouting_rules() -> Vec<Message> {
    let rule = || Rule::new("prerouting");
    vec![
        rule().not_loopback_device().verdict(ACCEPT, None),
        rule().mark(OURS).verdict(ACCEPT, None),
        rule().mark(TAKEN).verdict(GOTO, Some("take")),
        // A look at a socket that is neither bound to an address nor to all of them, as one that
        // is just ending, matches neither: `take` knows what to do with those.
        rule().wildcard(0).verdict(ACCEPT, None),
        rule().wildcard(1).verdict(ACCEPT, None),
        rule().verdict(GOTO, Some("take")),
    ]
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
    let chain = message(NEW_CHAIN).attr_str(1, TABLE).attr_str(3, name);
    let Some((kind, hook, priority)) = base else { return chain };
    chain
        .nested(4, |attrs| attrs.attr_be32(1, hook).attr_be32(2, priority.cast_unsigned()))
        .attr_be32(5, ACCEPT.cast_unsigned())
        .attr_str(7, kind)
}

/// A rule under construction: each method adds expressions. All of them work on register 1.
struct Rule {
    chain: &'static str,
    expressions: Vec<Box<dyn FnOnce(Message) -> Message>>,
}

impl Rule {
    fn new(chain: &'static str) -> Self {
        Self { chain, expressions: Vec::new() }
    }

    fn expression(
        mut self,
        name: &'static str,
        data: impl FnOnce(Message) -> Message + 'static,
    ) -> Self {
        self.expressions.push(Box::new(move |message| {
            message.nested(1, |element| element.attr_str(1, name).nested(2, data))
        }));
        self
    }

    /// Goes on only if the register equals the value, or differs from it.
    fn compare(self, differs: bool, value: &[u8]) -> Self {
        let value = value.to_vec();
        self.expression("cmp", move |data| {
            let data = data.attr_be32(1, 1).attr_be32(2, u32::from(differs));
            data.nested(3, |data| data.attr(1, &value))
        })
    }

    fn load_meta(self, key: u32) -> Self {
        self.expression("meta", move |data| data.attr_be32(1, 1).attr_be32(2, key))
    }

    fn load_socket(self, key: u32) -> Self {
        self.expression("socket", move |data| data.attr_be32(1, key).attr_be32(2, 1))
    }

    fn load_immediate(self, register: u32, value: &[u8]) -> Self {
        let value = value.to_vec();
        self.expression("immediate", move |data| {
            data.attr_be32(1, register).nested(2, |data| data.attr(1, &value))
        })
    }

    fn not_loopback_device(self) -> Self {
        self.load_meta(4).compare(true, &1_u32.to_ne_bytes())
    }

    fn mark(self, mark: u32) -> Self {
        self.load_meta(3).compare(false, &mark.to_ne_bytes())
    }

    fn family(self, addr: SocketAddr) -> Self {
        let family = if addr.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
        self.load_meta(15).compare(false, &[family as u8])
    }

    fn protocol(self, protocol: i32) -> Self {
        self.load_meta(16).compare(false, &[protocol as u8])
    }

    /// Goes on only if the destination is of that type, by the routes but not by our mark.
    fn to(self, kind: u32) -> Self {
        let by_destination = 1 << 1;
        let type_of_address = 3;
        let rule = self.expression("fib", move |data| {
            data.attr_be32(1, 1).attr_be32(2, type_of_address).attr_be32(3, by_destination)
        });
        rule.compare(false, &kind.to_ne_bytes())
    }

    fn transparent(self) -> Self {
        self.load_socket(0).compare(false, &[1])
    }

    /// Goes on only if there is a socket and it is bound to all addresses, or to one.
    fn wildcard(self, wildcard: u8) -> Self {
        self.load_socket(2).compare(false, &[wildcard])
    }

    /// Goes on only for the ICMP errors with which the kernel answers our datagrams to a client
    /// that has gone.
    fn unreachable_v4(self) -> Self {
        self.protocol(libc::IPPROTO_ICMP).icmp_type(3)
    }

    fn unreachable_v6(self) -> Self {
        self.protocol(libc::IPPROTO_ICMPV6).icmp_type(1)
    }

    fn icmp_type(self, kind: u8) -> Self {
        let transport_header = 2;
        let rule = self.expression("payload", move |data| {
            let data = data.attr_be32(1, 1).attr_be32(2, transport_header);
            data.attr_be32(3, 0).attr_be32(4, 1)
        });
        rule.compare(false, &[kind])
    }

    fn set_mark(self, mark: u32) -> Self {
        let rule = self.load_immediate(1, &mark.to_ne_bytes());
        rule.expression("meta", |data| data.attr_be32(2, 3).attr_be32(3, 1))
    }

    fn tproxy(self, to: SocketAddr) -> Self {
        let (family, ip) = match to {
            SocketAddr::V4(addr) => (libc::AF_INET, addr.ip().octets().to_vec()),
            SocketAddr::V6(addr) => (libc::AF_INET6, addr.ip().octets().to_vec()),
        };
        let rule = self.load_immediate(1, &ip).load_immediate(2, &to.port().to_be_bytes());
        rule.expression("tproxy", move |data| {
            data.attr_be32(1, family as u32).attr_be32(2, 1).attr_be32(3, 2)
        })
    }

    fn count(self, counter: &'static str) -> Self {
        self.expression("objref", move |data| {
            data.attr_be32(1, OBJECT_COUNTER).attr_str(2, counter)
        })
    }

    fn reject(self) -> Message {
        let (icmp_of_either_family, administratively_prohibited) = (2, 3);
        let rule = self.expression("reject", move |data| {
            data.attr_be32(1, icmp_of_either_family).attr(2, &[administratively_prohibited])
        });
        rule.done()
    }

    fn verdict(self, code: i32, chain: Option<&'static str>) -> Message {
        let rule = self.expression("immediate", move |data| {
            data.attr_be32(1, 0).nested(2, |data| {
                data.nested(2, |verdict| {
                    let verdict = verdict.attr_be32(1, code.cast_unsigned());
                    match chain {
                        Some(chain) => verdict.attr_str(2, chain),
                        None => verdict,
                    }
                })
            })
        });
        rule.done()
    }

    fn done(self) -> Message {
        let rule = message(NEW_RULE).attr_str(1, TABLE).attr_str(2, self.chain);
        rule.nested(4, |list| self.expressions.into_iter().fold(list, |list, add| add(list)))
    }
}
