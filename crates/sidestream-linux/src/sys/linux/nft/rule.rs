//! Building one rule.

use std::net::{Ipv6Addr, SocketAddr};

use super::{NEW_RULE, OBJECT_COUNTER, TABLE, message};
use crate::sys::imp::netlink::Message;

const NETWORK_HEADER: u32 = 1;
const TRANSPORT_HEADER: u32 = 2;

/// A rule under construction: each method adds expressions. All of them work on register 1.
pub(super) struct Rule {
    table: &'static str,
    chain: &'static str,
    expressions: Vec<Box<dyn FnOnce(Message) -> Message>>,
}

impl Rule {
    pub(super) fn new(chain: &'static str) -> Self {
        Self::of(TABLE, chain)
    }

    /// Begins a rule of another table.
    pub(super) fn of(table: &'static str, chain: &'static str) -> Self {
        Self { table, chain, expressions: Vec::new() }
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

    fn load_payload(self, header: u32, offset: u32, len: u32) -> Self {
        self.expression("payload", move |data| {
            let data = data.attr_be32(1, 1).attr_be32(2, header);
            data.attr_be32(3, offset).attr_be32(4, len)
        })
    }

    fn load_immediate(self, register: u32, value: &[u8]) -> Self {
        let value = value.to_vec();
        self.expression("immediate", move |data| {
            data.attr_be32(1, register).nested(2, |data| data.attr(1, &value))
        })
    }

    pub(super) fn not_loopback_device(self) -> Self {
        self.load_meta(4).compare(true, &1_u32.to_ne_bytes())
    }

    /// Goes on only for what arrives by the interface of that name.
    pub(super) fn interface(self, name: &str) -> Self {
        let mut padded = [0; libc::IFNAMSIZ];
        padded.iter_mut().zip(name.as_bytes()).for_each(|(to, from)| *to = *from);
        self.load_meta(6).compare(false, &padded)
    }

    /// Goes on only for answers, as connection tracking has it.
    pub(super) fn reply(self) -> Self {
        let (direction, reply) = (1, 1);
        let rule = self.expression("ct", move |data| data.attr_be32(1, 1).attr_be32(2, direction));
        rule.compare(false, &[reply])
    }

    /// Goes on only for what begins a TCP connection.
    pub(super) fn syn(self) -> Self {
        let (syn, fin_syn_rst_ack) = (0x02, 0x17);
        let rule = self.load_payload(TRANSPORT_HEADER, 13, 1);
        let rule = rule.expression("bitwise", move |data| {
            data.attr_be32(1, 1)
                .attr_be32(2, 1)
                .attr_be32(3, 1)
                .nested(4, |mask| mask.attr(1, &[fin_syn_rst_ack]))
                .nested(5, |xor| xor.attr(1, &[0]))
        });
        rule.compare(false, &[syn])
    }

    pub(super) fn mark(self, mark: u32) -> Self {
        self.load_meta(3).compare(false, &mark.to_ne_bytes())
    }

    pub(super) fn family(self, addr: SocketAddr) -> Self {
        let family = if addr.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
        self.load_meta(15).compare(false, &[family as u8])
    }

    pub(super) fn protocol(self, protocol: i32) -> Self {
        self.load_meta(16).compare(false, &[protocol as u8])
    }

    /// Goes on only if the destination is of that type, by the routes but not by our mark.
    pub(super) fn to(self, kind: u32) -> Self {
        let by_destination = 1 << 1;
        let type_of_address = 3;
        let rule = self.expression("fib", move |data| {
            data.attr_be32(1, 1).attr_be32(2, type_of_address).attr_be32(3, by_destination)
        });
        rule.compare(false, &kind.to_ne_bytes())
    }

    pub(super) fn transparent(self) -> Self {
        self.load_socket(0).compare(false, &[1])
    }

    /// Goes on only if there is a socket and it is bound to all addresses, or to one.
    pub(super) fn wildcard(self, wildcard: u8) -> Self {
        self.load_socket(2).compare(false, &[wildcard])
    }

    /// Goes on only for the ICMP errors with which the kernel answers our datagrams to a client
    /// that has gone.
    pub(super) fn unreachable_v4(self) -> Self {
        self.protocol(libc::IPPROTO_ICMP).icmp_type(3)
    }

    pub(super) fn unreachable_v6(self) -> Self {
        self.protocol(libc::IPPROTO_ICMPV6).icmp_type(1)
    }

    fn icmp_type(self, kind: u8) -> Self {
        self.load_payload(TRANSPORT_HEADER, 0, 1).compare(false, &[kind])
    }

    /// Goes on only for packets of that family to a loopback address.
    pub(super) fn loopback(self, family: SocketAddr) -> Self {
        match family {
            SocketAddr::V4(_) => self.load_payload(NETWORK_HEADER, 16, 1).compare(false, &[127]),
            SocketAddr::V6(_) => {
                let loopback = Ipv6Addr::LOCALHOST.octets();
                self.load_payload(NETWORK_HEADER, 24, 16).compare(false, &loopback)
            }
        }
    }

    /// Goes on only if the destination port is in that set.
    pub(super) fn port_in(self, set: &'static str) -> Self {
        let rule = self.load_payload(TRANSPORT_HEADER, 2, 2);
        rule.expression("lookup", move |data| data.attr_str(1, set).attr_be32(2, 1))
    }

    pub(super) fn set_mark(self, mark: u32) -> Self {
        let rule = self.load_immediate(1, &mark.to_ne_bytes());
        rule.expression("meta", |data| data.attr_be32(2, 3).attr_be32(3, 1))
    }

    pub(super) fn tproxy(self, to: SocketAddr) -> Self {
        let (family, ip) = match to {
            SocketAddr::V4(addr) => (libc::AF_INET, addr.ip().octets().to_vec()),
            SocketAddr::V6(addr) => (libc::AF_INET6, addr.ip().octets().to_vec()),
        };
        let rule = self.load_immediate(1, &ip).load_immediate(2, &to.port().to_be_bytes());
        rule.expression("tproxy", move |data| {
            data.attr_be32(1, family as u32).attr_be32(2, 1).attr_be32(3, 2)
        })
    }

    pub(super) fn count(self, counter: &'static str) -> Self {
        self.expression("objref", move |data| {
            data.attr_be32(1, OBJECT_COUNTER).attr_str(2, counter)
        })
    }

    pub(super) fn reject(self) -> Message {
        let (icmp_of_either_family, administratively_prohibited) = (2, 3);
        let rule = self.expression("reject", move |data| {
            data.attr_be32(1, icmp_of_either_family).attr(2, &[administratively_prohibited])
        });
        rule.done()
    }

    pub(super) fn verdict(self, code: i32, chain: Option<&'static str>) -> Message {
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

    pub(super) fn done(self) -> Message {
        let rule = message(NEW_RULE).attr_str(1, self.table).attr_str(2, self.chain);
        rule.nested(4, |list| self.expressions.into_iter().fold(list, |list, add| add(list)))
    }
}
