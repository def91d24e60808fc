//! One leg of a flow: its bytes, and the packets around them.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::SystemTime;

use sidestream::flow::{FlowId, Peer, Transport};
use sidestream::pcapng::{Connection, Datagrams, End, Packet, Writer};
use sidestream::record::{Opened, Wire};

use super::{names, words};

/// A leg.
pub(super) struct Leg {
    flow: FlowId,
    peer: Peer,
    opened: Opened,
    packets: Packets,
    /// When it was connected.
    at: SystemTime,
    is_begun: bool,
    /// What is told beside the next packet.
    comments: Vec<String>,
}

enum Packets {
    Tcp(Connection),
    Udp(Datagrams),
}

impl Leg {
    /// The leg to the client of a flow.
    pub(super) fn client(flow: FlowId, opened: &Opened, at: SystemTime) -> Self {
        let ends = [opened.key.client, opened.key.server];
        Self::new(flow, Peer::Client, opened, ends, at)
    }

    /// The leg to a server, from that port of ours.
    pub(super) fn server(
        flow: FlowId,
        number: u32,
        (opened, addr): (&Opened, SocketAddr),
        at: SystemTime,
        port: u16,
    ) -> Self {
        let ends = [SocketAddr::new(names::own(addr.ip()), port), addr];
        Self::new(flow, Peer::Server(number), opened, ends, at)
    }

    fn new(
        flow: FlowId,
        peer: Peer,
        opened: &Opened,
        ends: [SocketAddr; 2],
        at: SystemTime,
    ) -> Self {
        let packets = match opened.key.transport {
            Transport::Tcp => Packets::Tcp(Connection::new(ends, numbers(flow, peer))),
            Transport::Udp => Packets::Udp(Datagrams::new(ends)),
        };
        Self {
            flow,
            peer,
            opened: opened.clone(),
            packets,
            at,
            is_begun: false,
            comments: Vec::new(),
        }
    }

    /// Returns which end the peer is.
    pub(super) const fn end_of_peer(&self) -> End {
        match self.peer {
            Peer::Client => End::Opener,
            Peer::Server(_) => End::Accepter,
        }
    }

    /// Takes what went over it.
    pub(super) fn take<W: Write>(
        &mut self,
        wire: &Wire,
        at: SystemTime,
        host: Option<&str>,
        to: &mut Writer<W>,
    ) -> io::Result<()> {
        let Wire { sent, ref data, dropped, ended, .. } = *wire;
        self.begin(host, to)?;
        let from = if sent { self.end_of_peer().other() } else { self.end_of_peer() };
        if ended {
            return self.end(from, at, to);
        }
        if let Packets::Tcp(connection) = &mut self.packets {
            connection.skip(from, dropped);
        }
        if dropped > 0 {
            return Ok(());
        }
        self.write(at, to, |packets, each| match packets {
            Packets::Tcp(connection) => connection.send(from, data, each),
            Packets::Udp(datagrams) => datagrams.send(from, data, each),
        })
    }

    /// Opens it, unless that was done, with all that is known of it.
    pub(super) fn begin<W: Write>(
        &mut self,
        host: Option<&str>,
        to: &mut Writer<W>,
    ) -> io::Result<()> {
        if std::mem::replace(&mut self.is_begun, true) {
            return Ok(());
        }
        self.comments = words::comments(self.flow, self.peer, &self.opened, host);
        self.write(self.at, to, |packets, each| match packets {
            Packets::Tcp(connection) => connection.open(each),
            Packets::Udp(_) => Ok(()),
        })
    }

    /// Shows that the server did not want to be connected with.
    pub(super) fn refuse<W: Write>(
        &mut self,
        host: Option<&str>,
        to: &mut Writer<W>,
    ) -> io::Result<()> {
        self.comments = words::comments(self.flow, self.peer, &self.opened, host);
        self.write(self.at, to, |packets, each| match packets {
            Packets::Tcp(connection) => connection.refuse(each),
            Packets::Udp(_) => Ok(()),
        })
    }

    /// Has one end say that it sends no more, of a leg over which something went.
    pub(super) fn end<W: Write>(
        &mut self,
        from: End,
        at: SystemTime,
        to: &mut Writer<W>,
    ) -> io::Result<()> {
        let is_begun = self.is_begun;
        self.write(at, to, |packets, each| match packets {
            Packets::Tcp(connection) if is_begun => connection.end(from, each),
            _ => Ok(()),
        })
    }

    /// Has one end break it off, of a leg over which something went.
    pub(super) fn reset<W: Write>(
        &mut self,
        from: End,
        at: SystemTime,
        to: &mut Writer<W>,
    ) -> io::Result<()> {
        let is_begun = self.is_begun;
        self.write(at, to, |packets, each| match packets {
            Packets::Tcp(connection) if is_begun => connection.reset(from, each),
            _ => Ok(()),
        })
    }

    /// Writes what packets there are, the first with what is told beside it.
    fn write<W: Write>(
        &mut self,
        at: SystemTime,
        to: &mut Writer<W>,
        make: impl FnOnce(&mut Packets, &mut dyn FnMut(End, &[u8]) -> io::Result<()>) -> io::Result<()>,
    ) -> io::Result<()> {
        let interface = u32::from(self.peer != Peer::Client);
        let peer = self.end_of_peer();
        let Self { packets, comments, .. } = self;
        make(packets, &mut |from, bytes: &[u8]| {
            let said: Vec<&str> = comments.iter().map(String::as_str).collect();
            let sent = Some(from != peer);
            to.packet(&Packet { interface, at, bytes, sent, comments: &said })?;
            comments.clear();
            Ok(())
        })
    }
}

/// Returns the numbers with which a connection begins: others for each, since ports come again.
pub(super) fn numbers(flow: FlowId, peer: Peer) -> [u32; 2] {
    let leg = match peer {
        Peer::Client => 0,
        Peer::Server(number) => u64::from(number) + 1,
    };
    // The golden ratio spreads what is counted up (Knuth, The Art of Computer Programming 6.4).
    let spread = |seed: u64| {
        let [a, b, c, d, ..] = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
        u32::from_be_bytes([a, b, c, d])
    };
    let seed = flow.0.wrapping_mul(1 << 20).wrapping_add(leg * 2);
    [spread(seed), spread(seed + 1)]
}
