//! Tells DNS from other datagrams.

use sidestream_record::DnsMessage;

use super::{decode, kind};

/// DNS, multicast DNS (RFC 6762) and LLMNR (RFC 4795), which share one format.
const DNS_PORTS: [u16; 3] = [53, 5353, 5355];
/// NetBIOS's name service, whose messages can be read as DNS but mean other types (RFC 1002 §4.2).
const NETBIOS_NAME_PORT: u16 = 137;

/// Returns whether a datagram, or a message off TCP without its length, is DNS; `port` is the server's.
///
/// The whole of it must decode. On a port of DNS that and a question or a response suffice; on others it must
/// also be an ordinary query or its response: one question, in the Internet class, of a known type.
pub fn looks_like(bytes: &[u8], port: u16) -> bool {
    if port == NETBIOS_NAME_PORT {
        return false;
    }
    let Ok(message) = decode(bytes) else { return false };
    if DNS_PORTS.contains(&port) {
        return message.response || !message.questions.is_empty();
    }
    // The bit between RA and AD must be zero (RFC 1035 §4.1.1).
    is_ordinary(&message) && bytes[3] & 0x40 == 0
}

fn is_ordinary(message: &DnsMessage) -> bool {
    let [question] = &message.questions[..] else { return false };
    let plain_query = !message.authoritative
        && !message.recursion_available
        && message.rcode == 0
        && message.answers.is_empty()
        && message.authorities.is_empty();
    message.opcode == 0
        && question.class == "IN"
        && kind::is_known(&question.kind)
        && (message.response || plain_query)
}
