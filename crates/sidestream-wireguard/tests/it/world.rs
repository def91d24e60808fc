//! A machine, and clients that are the other side of the protocol.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use boringtun::noise::{Tunn, TunnResult};
use boringtun::x25519::{PublicKey as Public, StaticSecret};
use sidestream_wireguard::{
    Config, Drop, Hub, Interface, Path, Peer, PresharedKey, PrivateKey, PublicKey,
};

pub(crate) fn key(seed: u8) -> PrivateKey {
    PrivateKey::from_bytes([seed; 32])
}

pub(crate) fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub(crate) fn path(remote: &str) -> Path {
    Path { socket: 0, remote: addr(remote), local: None }
}

/// A peer with that key and these ranges.
pub(crate) fn peer(key: &PrivateKey, allowed: &[&str]) -> Peer {
    let allowed_ips = allowed.iter().map(|prefix| prefix.parse().unwrap()).collect();
    Peer { allowed_ips, ..Peer::new(key.public_key()) }
}

/// The machine under test.
pub(crate) struct World {
    pub(crate) hub: Hub,
    pub(crate) public: PublicKey,
    pub(crate) now: Instant,
}

impl World {
    pub(crate) fn new(peers: Vec<Peer>) -> Self {
        let now = Instant::now();
        let interface = Interface::new(key(1));
        let config = Config { interface, peers };
        let locate = |endpoint: &sidestream_wireguard::Endpoint| {
            Some(path(&format!("{}:{}", endpoint.host(), endpoint.port())))
        };
        Self { hub: Hub::new(config, now, locate).unwrap(), public: key(1).public_key(), now }
    }

    /// Hands a datagram over; returns the packet in it.
    pub(crate) fn send(&mut self, from: &str, datagram: &[u8]) -> Option<Vec<u8>> {
        let mut buf = [0; 2000];
        let len = self.hub.handle_datagram(&path(from), datagram, self.now, &mut buf);
        len.map(|len| buf[..len].to_vec())
    }

    /// Takes what the machine has to say by itself.
    pub(crate) fn replies(&mut self) -> Vec<(SocketAddr, Vec<u8>)> {
        let mut replies = Vec::new();
        while let Some(reply) = self.hub.poll_reply() {
            replies.push((reply.path.remote, reply.datagram));
        }
        replies
    }

    /// Seals a packet; returns where the datagram goes.
    pub(crate) fn seal(&mut self, packet: &[u8]) -> Option<(SocketAddr, Vec<u8>)> {
        let (peer, path) = self.hub.route(packet)?;
        let mut out = vec![0; packet.len() + 148];
        let len = self.hub.seal(peer, packet, self.now, &mut out)?;
        Some((path.remote, out[..len].to_vec()))
    }

    /// Lets a client shake hands from there, and checks that it can speak.
    #[track_caller]
    pub(crate) fn join(&mut self, client: &mut Client, from: &str) {
        let initiation = client.initiation();
        assert_eq!(self.send(from, &initiation), None);
        let replies = self.replies();
        let [(to, response)] = &replies[..] else { panic!("{replies:?}") };
        assert_eq!((*to, response.len()), (addr(from), 92));
        for datagram in client.take(response).1 {
            assert_eq!(self.send(from, &datagram), None, "a keepalive has nothing in it");
        }
    }

    #[track_caller]
    pub(crate) fn check_dropped(&self, expected: &[(Drop, u64)]) {
        let handle = self.hub.handle();
        let dropped = Drop::ALL.map(|reason| (reason, handle.dropped(reason)));
        let dropped: Vec<_> = dropped.into_iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(dropped, expected);
    }
}

/// Another end, by an implementation that is told nothing of ours.
pub(crate) struct Client(pub(crate) Tunn);

impl Client {
    pub(crate) fn new(key: &PrivateKey, server: PublicKey) -> Self {
        Self::with(key, server, None)
    }

    pub(crate) fn with(key: &PrivateKey, server: PublicKey, psk: Option<[u8; 32]>) -> Self {
        let secret = StaticSecret::from(decode(&key.to_base64()));
        let public = Public::from(*server.as_bytes());
        Self(Tunn::new(secret, public, psk, None, 77, None))
    }

    pub(crate) fn initiation(&mut self) -> Vec<u8> {
        let mut out = [0; 148];
        match self.0.format_handshake_initiation(&mut out, true) {
            TunnResult::WriteToNetwork(message) => message.to_vec(),
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    pub(crate) fn seal(&mut self, packet: &[u8]) -> Vec<u8> {
        let mut out = vec![0; packet.len() + 148];
        match self.0.encapsulate(packet, &mut out) {
            TunnResult::WriteToNetwork(message) => message.to_vec(),
            other => panic!("{other:?}"),
        }
    }

    /// Takes a datagram; returns the packet in it, and what is to be sent for it.
    pub(crate) fn take(&mut self, datagram: &[u8]) -> (Option<Vec<u8>>, Vec<Vec<u8>>) {
        let (mut out, mut packet, mut sends) = (vec![0; 70_000], None, Vec::new());
        let mut result = self.0.decapsulate(None, datagram, &mut out);
        loop {
            match result {
                TunnResult::WriteToNetwork(message) => sends.push(message.to_vec()),
                TunnResult::WriteToTunnelV4(bytes, _) | TunnResult::WriteToTunnelV6(bytes, _) => {
                    packet = Some(bytes.to_vec());
                    break;
                }
                TunnResult::Done | TunnResult::Err(_) => break,
            }
            result = self.0.decapsulate(None, &[], &mut out);
        }
        (packet, sends)
    }
}

fn decode(text: &str) -> [u8; 32] {
    use base64::Engine;
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).unwrap();
    bytes.try_into().unwrap()
}

pub(crate) fn preshared(seed: u8) -> PresharedKey {
    PresharedKey::from_bytes([seed; 32])
}

/// A packet of no protocol in particular.
pub(crate) fn packet(source: &str, destination: &str) -> Vec<u8> {
    let payload = b"what is said";
    let len = payload.len();
    match (source.parse().unwrap(), destination.parse().unwrap()) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let mut packet = vec![0x45, 0, 0, 20 + len as u8, 0, 0, 0, 0, 64, 253, 0, 0];
            packet.extend(source.octets());
            packet.extend(destination.octets());
            packet.extend(payload);
            packet
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let mut packet = vec![0x60, 0, 0, 0, 0, len as u8, 253, 64];
            packet.extend(source.octets());
            packet.extend(destination.octets());
            packet.extend(payload);
            packet
        }
        _ => panic!("of two families"),
    }
}
