//! Asking hosts whether they are there, on behalf of who pings them through the tunnel.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sidestream_capture::BoxFuture;
use sidestream_packet::Sum;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::time::timeout;

/// Asks a host whether it is there, with these bytes to be sent back.
pub type Ping = dyn Fn(IpAddr, Bytes) -> BoxFuture<'static, Echo> + Send + Sync;

/// What a host answers to a ping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Echo {
    /// It sent the bytes back.
    Replied,
    /// Nothing.
    Silent,
    /// There is no way to it.
    Unreachable,
}

/// How long a host may take to answer: who pings has usually given up before.
const PATIENCE: Duration = Duration::from_secs(5);
/// The length of the header of an echo request (RFC 792, RFC 4443 §4.1).
const HEADER_LEN: usize = 8;
/// What is sent and awaited is told apart by its payload; the kernel numbers the rest.
const ID_AND_SEQUENCE: [u8; 4] = [0x53, 0x53, 0, 1];

/// Asks by ICMP sockets of this machine: by those that the system leaves to everyone (on Linux
/// `ping_group_range` in icmp(7)), else by raw ones, for which a right is needed. Where neither is
/// to be had no host answers.
pub fn by_sockets() -> Arc<Ping> {
    Arc::new(|server, payload| {
        Box::pin(async move {
            match timeout(PATIENCE, ask(server, &payload)).await {
                Ok(Ok(())) => Echo::Replied,
                Ok(Err(error)) if is_unreachable(&error) => Echo::Unreachable,
                Ok(Err(error)) => {
                    tracing::debug!(%error, %server, "cannot ping");
                    Echo::Silent
                }
                Err(_elapsed) => Echo::Silent,
            }
        })
    })
}

fn is_unreachable(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable)
}

/// Sends a request and waits for its answer, for as long as that takes.
async fn ask(server: IpAddr, payload: &[u8]) -> io::Result<()> {
    let (socket, is_raw) = match open(server, Type::DGRAM) {
        Ok(socket) => (socket, false),
        Err(_not_for_us) => (open(server, Type::RAW)?, true),
    };
    socket.send(&request(server, payload)).await?;
    // Of a raw socket every message of that host is read, not the answers alone.
    let mut buf = vec![0; usize::from(u16::MAX)];
    loop {
        let len = socket.recv(&mut buf).await?;
        if is_answer(&buf[..len], server, payload, is_raw) {
            return Ok(());
        }
    }
}

fn open(server: IpAddr, kind: Type) -> io::Result<UdpSocket> {
    let (domain, protocol, any): (_, _, IpAddr) = match server {
        IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4, Ipv4Addr::UNSPECIFIED.into()),
        IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6, Ipv6Addr::UNSPECIFIED.into()),
    };
    let socket = Socket::new(domain, kind, Some(protocol))?;
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::new(any, 0).into())?;
    socket.connect(&SocketAddr::new(server, 0).into())?;
    // It sends and receives like one of UDP; no more is asked of it.
    UdpSocket::from_std(socket.into())
}

fn request(server: IpAddr, payload: &[u8]) -> Vec<u8> {
    let kind = if server.is_ipv4() { 8 } else { 128 };
    let mut message = [&[kind, 0, 0, 0][..], &ID_AND_SEQUENCE, payload].concat();
    // Over IPv6 the kernel writes it, who knows the source.
    if server.is_ipv4() {
        let sum = Sum::default().bytes(&message).checksum();
        message[2..4].copy_from_slice(&sum.to_be_bytes());
    }
    message
}

fn is_answer(received: &[u8], server: IpAddr, payload: &[u8], is_raw: bool) -> bool {
    let kind = if server.is_ipv4() { 0 } else { 129 };
    // A raw socket of IPv4 shows the header of the packet, too.
    let front = match received.first() {
        Some(first) if is_raw && server.is_ipv4() => usize::from(first & 0x0f) * 4,
        _ => 0,
    };
    let Some(message) = received.get(front..) else { return false };
    message.first() == Some(&kind) && message.get(HEADER_LEN..) == Some(payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(received: &[u8], server: &str, is_raw: bool, wanted: bool) {
        let server = server.parse().unwrap();
        assert_eq!(is_answer(received, server, b"abc", is_raw), wanted, "{received:?}");
    }

    #[test]
    fn an_answer_is_the_reply_with_the_same_bytes() {
        check(b"\0\0\x12\x34\0\x01\0\x01abc", "192.0.2.1", false, true);
        check(b"\0\0\x12\x34\0\x01\0\x01abd", "192.0.2.1", false, false);
        check(b"\x08\0\x12\x34\0\x01\0\x01abc", "192.0.2.1", false, false);
        check(b"\x81\0\x12\x34\0\x01\0\x01abc", "2001:db8::1", false, true);
        check(b"\0\0\x12", "192.0.2.1", false, false);
        check(b"", "192.0.2.1", true, false);
        let mut whole = vec![0x45; 20];
        whole.extend(b"\0\0\x12\x34\0\x01\0\x01abc");
        check(&whole, "192.0.2.1", true, true);
        check(b"\x4f\0\0", "192.0.2.1", true, false);
    }

    #[test]
    fn a_request_of_ipv4_has_its_checksum() {
        let message = request("192.0.2.1".parse().unwrap(), b"abc");
        assert_eq!(Sum::default().bytes(&message).checksum(), 0);
        assert_eq!(&message[HEADER_LEN..], b"abc");
    }
}
