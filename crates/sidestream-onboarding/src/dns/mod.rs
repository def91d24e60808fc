//! The name of the page, answered over DNS (RFC 1035).

mod message;
mod reply;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bytes::Bytes;

use crate::HOST;
use message::{Edns, Header, Question};
use reply::{Code, Reply};

/// How many addresses of each version are told, so that an answer fits the 512 bytes that every
/// client takes.
const MAX_ADDRESSES: usize = 8;

/// The types of records that are asked for here (RFC 1035 §3.2.2, RFC 3596).
mod kind {
    pub(super) const A: u16 = 1;
    pub(super) const SOA: u16 = 6;
    pub(super) const PTR: u16 = 12;
    pub(super) const AAAA: u16 = 28;
    pub(super) const OPT: u16 = 41;
    pub(super) const ANY: u16 = 255;
}

/// The classes of questions: of the Internet, and any (RFC 1035 §3.2.4).
const CLASSES: [u16; 2] = [1, 255];

/// Answers what is asked of [`HOST`] and of the addresses behind it.
#[derive(Clone, Debug)]
pub struct Names {
    zone: Vec<u8>,
    v4: Vec<Ipv4Addr>,
    v6: Vec<Ipv6Addr>,
    /// The names under which the addresses are looked up.
    reverse: Vec<Vec<u8>>,
}

/// What is to be done with a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Nothing: it is no query, and an answer could go round for ever.
    Drop,
    /// Asking a resolver: it is of other names.
    Forward,
    /// Sending this back.
    Reply(Bytes),
}

/// What is at a name.
enum Place {
    /// The page.
    Page,
    /// Nothing, as below the page.
    Nothing,
    /// The name of the page, for one of its addresses.
    Reverse,
    /// Something that others know.
    Elsewhere,
}

impl Names {
    /// Makes what answers for a page at these addresses; no more than the first 8 of each version
    /// are told.
    pub fn new(addresses: &[IpAddr]) -> Self {
        let v4 = addresses.iter().filter_map(|address| match address {
            IpAddr::V4(address) => Some(*address),
            IpAddr::V6(_) => None,
        });
        let v6 = addresses.iter().filter_map(|address| match address {
            IpAddr::V4(_) => None,
            IpAddr::V6(address) => Some(*address),
        });
        Self {
            zone: message::name(HOST),
            v4: v4.take(MAX_ADDRESSES).collect(),
            v6: v6.take(MAX_ADDRESSES).collect(),
            reverse: addresses.iter().map(|address| message::name(&reverse(*address))).collect(),
        }
    }

    /// Answers a query, a whole message without the length that TCP puts before it.
    pub fn answer(&self, query: &[u8]) -> Answer {
        let Some(header) = Header::parse(query) else { return Answer::Drop };
        if header.is_response() {
            return Answer::Drop;
        }
        // What else there is beside queries a resolver knows better.
        if !header.is_standard_query() {
            return Answer::Forward;
        }
        let Some(question) = Question::parse(query, header) else {
            return Answer::Reply(Reply::bare(header, Code::Malformed).finish());
        };
        let place = self.place(question.name);
        if matches!(place, Place::Elsewhere) {
            return Answer::Forward;
        }
        let Some(edns) = Edns::parse(query, header, question) else {
            return Answer::Reply(Reply::bare(header, Code::Malformed).finish());
        };
        Answer::Reply(self.reply(header, question, place, edns))
    }

    fn reply(&self, header: Header, question: Question<'_>, place: Place, edns: Edns) -> Bytes {
        if edns.is_too_new() {
            return Reply::new(header, question, Code::BadVersion).finish_with(edns);
        }
        if !CLASSES.contains(&question.class) {
            return Reply::new(header, question, Code::Refused).finish_with(edns);
        }
        let code = if matches!(place, Place::Nothing) { Code::NoName } else { Code::Done };
        let mut reply = Reply::new(header, question, code);
        let wants = |kind| question.kind == kind || question.kind == kind::ANY;
        match place {
            Place::Page => {
                let v4 = self.v4.iter().filter(|_| wants(kind::A));
                v4.for_each(|address| reply.add(kind::A, &address.octets()));
                let v6 = self.v6.iter().filter(|_| wants(kind::AAAA));
                v6.for_each(|address| reply.add(kind::AAAA, &address.octets()));
                if question.kind == kind::SOA {
                    reply.add(kind::SOA, &reply::authority(&self.zone));
                }
            }
            Place::Reverse if wants(kind::PTR) => reply.add(kind::PTR, &self.zone),
            Place::Reverse | Place::Nothing | Place::Elsewhere => {}
        }
        // By this who asks knows for how long there is nothing (RFC 2308 §3).
        if reply.is_empty() {
            let zone = if matches!(place, Place::Reverse) { question.name } else { &self.zone };
            reply.add_authority(zone, &reply::authority(&self.zone));
        }
        reply.finish_with(edns)
    }

    fn place(&self, name: &[u8]) -> Place {
        if name.eq_ignore_ascii_case(&self.zone) {
            Place::Page
        } else if message::parents(name).any(|parent| parent.eq_ignore_ascii_case(&self.zone)) {
            Place::Nothing
        } else if self.reverse.iter().any(|own| name.eq_ignore_ascii_case(own)) {
            Place::Reverse
        } else {
            Place::Elsewhere
        }
    }
}

/// Answers that no resolver could be asked; `None` to what is no query.
pub fn failure(query: &[u8]) -> Option<Bytes> {
    let header = Header::parse(query).filter(|header| !header.is_response())?;
    let question = header.is_standard_query().then(|| Question::parse(query, header)).flatten();
    Some(match question {
        Some(question) => Reply::new(header, question, Code::Failed).finish(),
        None => Reply::bare(header, Code::Failed).finish(),
    })
}

/// Words an address as the name under which it is looked up (RFC 1035 §3.5, RFC 3596 §2.5).
fn reverse(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(address) => {
            let octets = address.octets().into_iter().rev();
            let nibbles = octets.map(|octet| format!("{:x}.{:x}.", octet & 0xf, octet >> 4));
            nibbles.chain(["ip6.arpa".to_owned()]).collect()
        }
    }
}
