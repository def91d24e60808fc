//! DNS messages as far as the lab's questions need them (RFC 1035 §4).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The types that are asked for.
const A: u16 = 1;
const AAAA: u16 = 28;

/// There is no such name (RFC 1035 §4.1.1).
const NXDOMAIN: u8 = 3;

/// How many bytes the header has.
const HEADER: usize = 12;

/// A question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The name, in lower case and without the final dot.
    pub name: String,
    /// Whether IPv6 addresses are asked for; if not, IPv4 addresses.
    pub v6: bool,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The addresses of that name, of which there may be none of the kind.
    Addresses(Vec<IpAddr>),
    /// There is no such name.
    NoName,
}

/// Writes a query.
#[must_use]
pub fn query(id: u16, question: &Question) -> Vec<u8> {
    // Recursion is desired and authenticated data are welcome, as dig has it.
    let mut out = [&id.to_be_bytes()[..], &[0x01, 0x20, 0, 1, 0, 0, 0, 0, 0, 0]].concat();
    for label in question.name.split('.').filter(|label| !label.is_empty()) {
        let label = &label.as_bytes()[..label.len().min(63)];
        out.push(label.len() as u8);
        out.extend(label);
    }
    out.push(0);
    out.extend(if question.v6 { AAAA } else { A }.to_be_bytes());
    out.extend([0, 1]);
    out
}

/// Reads the question of a query; the offset behind it, too. A question for anything but
/// addresses is none.
#[must_use]
pub fn question(query: &[u8]) -> Option<(Question, usize)> {
    let mut labels = Vec::new();
    let mut at = HEADER;
    loop {
        let len = usize::from(*query.get(at)?);
        at += 1;
        if len == 0 {
            break;
        }
        let label = query.get(at..at + len).filter(|_| len < 64)?;
        labels.push(String::from_utf8_lossy(label).to_ascii_lowercase());
        at += len;
    }
    let kind = query.get(at..at + 4)?;
    let v6 = match u16::from_be_bytes([kind[0], kind[1]]) {
        A => false,
        AAAA => true,
        _ => return None,
    };
    Some((Question { name: labels.join("."), v6 }, at + 4))
}

/// Writes the answer to a query whose question ends at `end`.
#[must_use]
pub fn reply(query: &[u8], end: usize, answer: &Answer) -> Vec<u8> {
    let (code, addresses) = match answer {
        Answer::Addresses(addresses) => (0, &addresses[..]),
        Answer::NoName => (NXDOMAIN, &[][..]),
    };
    let count = addresses.len() as u8;
    // A response; recursion as it was desired, and available.
    let flags = [0x80 | (query[2] & 0x01), 0x80 | code];
    let mut out =
        [&query[..2], &flags, &[0, 1, 0, count, 0, 0, 0, 0], &query[HEADER..end]].concat();
    for address in addresses {
        let (kind, data) = match address {
            IpAddr::V4(address) => (A, address.octets().to_vec()),
            IpAddr::V6(address) => (AAAA, address.octets().to_vec()),
        };
        // The name is that at the question's place; a minute to live.
        out.extend([0xc0, HEADER as u8]);
        out.extend(kind.to_be_bytes());
        out.extend([0, 1, 0, 0, 0, 60, 0, data.len() as u8]);
        out.extend(data);
    }
    out
}

/// Reads an answer whose names are as [`reply`] writes them; `None` if it is another's.
#[must_use]
pub fn answer(id: u16, message: &[u8]) -> Option<Answer> {
    if message.get(..2)? != id.to_be_bytes() {
        return None;
    }
    if message.get(3)? & 0x0f == NXDOMAIN {
        return Some(Answer::NoName);
    }
    let (_, mut at) = question(message)?;
    let count = u16::from_be_bytes([*message.get(6)?, *message.get(7)?]);
    let mut addresses = Vec::new();
    for _ in 0..count {
        let len = usize::from(*message.get(at + 11)?);
        let data = message.get(at + 12..at + 12 + len)?;
        let v4 = <[u8; 4]>::try_from(data).map(|data| IpAddr::V4(Ipv4Addr::from(data)));
        let v6 = <[u8; 16]>::try_from(data).map(|data| IpAddr::V6(Ipv6Addr::from(data)));
        addresses.extend(v4.or(v6));
        at += 12 + len;
    }
    Some(Answer::Addresses(addresses))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_and_answers_are_read_back() {
        for (address, v6) in [("10.77.0.2", false), ("fd77::2", true)] {
            let asked = Question { name: "origin".into(), v6 };
            let query = query(7, &asked);
            let (read, end) = question(&query).unwrap();
            assert_eq!(read, asked);
            for wanted in [Answer::Addresses(vec![address.parse().unwrap()]), Answer::NoName] {
                let reply = reply(&query, end, &wanted);
                assert_eq!(answer(7, &reply), Some(wanted));
                assert_eq!(answer(8, &reply), None);
            }
        }
    }

    #[test]
    fn what_is_cut_is_no_question() {
        let whole = query(1, &Question { name: "origin".into(), v6: false });
        (0..whole.len()).for_each(|len| assert_eq!(question(&whole[..len]), None, "{len}"));
    }
}
