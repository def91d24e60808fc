//! Messages of ICMP, for either family (RFC 792, RFC 4443).

use std::net::IpAddr;

use super::{BuildError, header};
use crate::ip::is_broadcast;
use crate::sum::write_checksum;
use crate::transport::{IcmpMessage, Unreachable};
use crate::{Packet, Transport, protocol};

/// The longest error: RFC 1812 §4.3.2.3 and RFC 4443 §2.4 (c).
const fn longest(family: IpAddr) -> usize {
    match family {
        IpAddr::V4(_) => 576,
        IpAddr::V6(_) => 1280,
    }
}

/// Whether an echo asks or answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Echo {
    /// It answers.
    Reply,
    /// It asks.
    Request,
}

/// Appends an echo request or reply.
///
/// # Errors
///
/// [`BuildError::Family`] and [`BuildError::TooLong`].
pub fn echo(
    out: &mut Vec<u8>,
    source: IpAddr,
    destination: IpAddr,
    kind: Echo,
    (id, sequence): (u16, u16),
    payload: &[u8],
) -> Result<(), BuildError> {
    let kind = match (kind, source) {
        (Echo::Reply, IpAddr::V4(_)) => 0,
        (Echo::Request, IpAddr::V4(_)) => 8,
        (Echo::Reply, IpAddr::V6(_)) => 129,
        (Echo::Request, IpAddr::V6(_)) => 128,
    };
    let rest = (u32::from(id) << 16) | u32::from(sequence);
    message(out, source, destination, (kind, 0), rest, payload)
}

/// Appends the reply to an echo request.
///
/// # Errors
///
/// [`BuildError::Forbidden`] where `request` is none, or went to many hosts at once.
pub fn echo_reply(out: &mut Vec<u8>, request: &Packet<'_>) -> Result<(), BuildError> {
    let Transport::Icmp(IcmpMessage::EchoRequest { id, sequence, payload }) = request.transport()
    else {
        return Err(BuildError::Forbidden);
    };
    let (source, destination) = (request.destination(), request.source());
    if source.is_multicast() || is_broadcast(source) {
        return Err(BuildError::Forbidden);
    }
    echo(out, source, destination, Echo::Reply, (id, sequence), payload)
}

/// Appends the error that a packet did not reach its destination.
///
/// It comes `from` the packet's own destination where that refuses a port or protocol, else from
/// a router.
///
/// # Errors
///
/// [`BuildError::Forbidden`] where no error may answer (RFC 1122 §3.2.2, RFC 4443 §2.4 (e)): an
/// ICMP error, a later fragment, or what went to many hosts at once. [`BuildError::Family`].
pub fn unreachable(
    out: &mut Vec<u8>,
    refused: &Packet<'_>,
    reason: Unreachable,
    from: IpAddr,
) -> Result<(), BuildError> {
    let kind = reason.to_wire(refused.source());
    let rest = match kind {
        // The pointer to the next header that was not recognized.
        (4, _) => u32::try_from(refused.protocol_at()).unwrap_or_default(),
        _ => 0,
    };
    error(out, refused, from, kind, rest)
}

/// Appends the error that a packet does not fit a link of that `mtu`.
///
/// # Errors
///
/// As [`unreachable`](unreachable()).
pub fn packet_too_big(
    out: &mut Vec<u8>,
    refused: &Packet<'_>,
    mtu: u16,
    from: IpAddr,
) -> Result<(), BuildError> {
    let kind = match refused.source() {
        IpAddr::V4(_) => (3, 4),
        IpAddr::V6(_) => (2, 0),
    };
    error(out, refused, from, kind, mtu.into())
}

/// Appends the error that the hop limit of a packet is used up.
///
/// # Errors
///
/// As [`unreachable`](unreachable()).
pub fn time_exceeded(
    out: &mut Vec<u8>,
    refused: &Packet<'_>,
    from: IpAddr,
) -> Result<(), BuildError> {
    let kind = if refused.source().is_ipv4() { (11, 0) } else { (3, 0) };
    error(out, refused, from, kind, 0)
}

fn error(
    out: &mut Vec<u8>,
    refused: &Packet<'_>,
    from: IpAddr,
    kind: (u8, u8),
    rest: u32,
) -> Result<(), BuildError> {
    let (source, destination) = (refused.source(), refused.destination());
    let forbidden = match refused.transport() {
        Transport::Icmp(message) => {
            !matches!(message, IcmpMessage::EchoReply { .. } | IcmpMessage::EchoRequest { .. })
        }
        Transport::Fragment(fragment) => fragment.offset() != 0,
        Transport::Other(_) | Transport::Tcp(_) | Transport::Udp(_) => false,
    };
    if forbidden || destination.is_multicast() || is_broadcast(destination) {
        return Err(BuildError::Forbidden);
    }
    let front = if source.is_ipv4() { 20 + 8 } else { 40 + 8 };
    let quote = &refused.bytes()[..refused.bytes().len().min(longest(source) - front)];
    message(out, from, source, kind, rest, quote)
}

fn message(
    out: &mut Vec<u8>,
    source: IpAddr,
    destination: IpAddr,
    (kind, code): (u8, u8),
    rest: u32,
    payload: &[u8],
) -> Result<(), BuildError> {
    let protocol = if source.is_ipv4() { protocol::ICMP } else { protocol::ICMPV6 };
    let start = header(out, source, destination, protocol, 8 + payload.len())?;
    out.extend_from_slice(&[kind, code, 0, 0]);
    out.extend_from_slice(&rest.to_be_bytes());
    out.extend_from_slice(payload);
    write_checksum(&mut out[start..], protocol, source, destination);
    Ok(())
}
