//! What the proxy sends, and what becomes of flows when it is gone.

use std::time::Instant;

use sidestream_flow::{FlowKey, Transport};
use sidestream_packet::{
    Batch, Checksum, IcmpMessage, Offload, Packet, TcpFlags, Transport as Carried, build, segment,
};

use super::Diverter;
use crate::flows::{Fate, Why};
use crate::output::{Note, Way};
use crate::seen::{Seen, client_of, reversed, see};
use crate::{Address, Output};

impl Diverter {
    /// Begins to divert: there is a proxy that takes batches.
    pub fn handle_proxy_ready(&mut self, now: Instant) {
        self.set_now(now);
        self.beat = Some(self.now + self.config.silence);
    }

    /// Hears that the proxy is alive. Its packets, and its taking of batches, say so as well.
    pub fn handle_beat(&mut self, now: Instant) {
        self.set_now(now);
        if self.beat.is_some() {
            self.beat = Some(self.now + self.config.silence);
        }
    }

    /// Hears that the proxy has taken a batch.
    ///
    /// Batches that were on their way when it was lost are not to be told of.
    pub fn handle_taken(&mut self, now: Instant) {
        self.handle_beat(now);
        self.gather.taken();
    }

    /// Hears that the proxy is gone: all is passed from now on.
    ///
    /// Connections that it carried are reset, and so is what their programs still send; those that
    /// it had not answered are forgotten, so that their first segment, repeated, goes directly. The
    /// same happens when it is silent for too long.
    pub fn handle_proxy_gone(&mut self, now: Instant) {
        self.set_now(now);
        if self.beat.is_some() {
            self.lose_proxy();
        }
    }

    /// Takes packets of the proxy's, and gives those to programs that belong to diverted flows.
    ///
    /// The proxy has fewer rights than who runs this machine: it reaches nobody but the clients of
    /// flows that it was given.
    pub fn handle_replies(&mut self, replies: &Batch<Offload>, now: Instant) {
        self.handle_beat(now);
        for (bytes, offload) in replies.iter() {
            self.take_reply(bytes, *offload);
        }
    }

    fn take_reply(&mut self, bytes: &[u8], offload: Offload) {
        let checksum = match offload.checksum {
            Checksum::Complete => Checksum::Verified,
            other @ (Checksum::Partial { .. } | Checksum::Verified) => other,
        };
        let packet = match Packet::parse(bytes, checksum) {
            Ok(packet) => packet,
            Err(defect) => return self.counters.replies_malformed.count(defect),
        };
        let key = packet.key().map(|key| reversed(&key)).or_else(|| quoted(&packet));
        let key = key.filter(|key| {
            let flow = self.flows.get(key);
            flow.is_some_and(|flow| matches!(flow.fate, Fate::Divert(_)))
        });
        let Some(key) = key else {
            self.counters.replies_astray += 1;
            return;
        };
        let whole = offload.segment_size.is_none()
            && matches!(checksum, Checksum::Complete | Checksum::Verified);
        if whole {
            return self.reply(&key, packet.bytes());
        }
        let offload = Offload { checksum, ..offload };
        let mut packets = Batch::default();
        match segment(bytes, offload, |packet| packets.push(packet, ())) {
            Ok(_) => packets.iter().for_each(|(packet, ())| self.reply(&key, packet)),
            Err(defect) => self.counters.replies_malformed.count(defect),
        }
    }

    fn reply(&mut self, key: &FlowKey, packet: &[u8]) {
        self.counters.replies += 1;
        self.answer(key, packet);
        if let Ok(Seen::Tcp(_, segment)) = see(packet) {
            if let Some(flow) = self.flows.get_mut(key) {
                let ahead = |old: u32| segment.end.wrapping_sub(old).cast_signed() > 0;
                if flow.expected.is_none_or(ahead) {
                    flow.expected = Some(segment.end);
                }
            }
            self.watch(key, &segment, false);
        }
        let now = self.now;
        if let Some(flow) = self.flows.get_mut(key) {
            flow.since = now;
        }
    }

    /// Gives a packet to the client of a flow.
    pub(super) fn answer(&mut self, key: &FlowKey, packet: &[u8]) {
        let Some(flow) = self.flows.get(key) else { return };
        let address = Address {
            // Within the machine there is only one way for WinDivert.
            outbound: flow.way != Way::Outbound,
            loopback: flow.way == Way::Loopback,
            impostor: false,
            ip_checksum: true,
            tcp_checksum: true,
            udp_checksum: true,
            ..flow.address
        };
        self.inject(packet, address);
    }

    pub(super) fn lose_proxy(&mut self) {
        self.beat = None;
        self.counters.lost += self.gather.abandon() as u64;
        // What was to be told to it, nobody hears.
        self.says.retain(|output| match output {
            Output::ToProxy(batch) => {
                self.counters.lost += batch.len() as u64;
                false
            }
            Output::Forget(_) | Output::Opened { .. } => false,
            Output::Ask(_) | Output::Inject(_) | Output::Note(_) | Output::Wait(_) => true,
        });
        let mut reset = 0;
        for key in self.flows.in_order() {
            let Some(flow) = self.flows.get(&key) else { continue };
            match (&flow.fate, flow.expected) {
                (Fate::Wait(_), _) => self.pass_waiting(&key, Why::Told),
                (Fate::Divert(_), Some(expected)) if key.transport == Transport::Tcp => {
                    reset += usize::from(self.reset(&key, expected));
                }
                (Fate::Divert(_), _) => drop(self.flows.remove(&key)),
                (Fate::Pass(_) | Fate::Reset, _) => {}
            }
        }
        self.counters.resets += reset as u64;
        self.note(Note::ProxyLost { reset });
    }

    /// Resets a connection, and says whether that was news to its client.
    fn reset(&mut self, key: &FlowKey, expected: u32) -> bool {
        let mut over = true;
        let now = self.now;
        self.flows.change(key, &self.config, |flow| {
            over = flow.closed;
            (flow.fate, flow.since) = (Fate::Reset, now);
        });
        if over {
            return false;
        }
        let flags = TcpFlags::RST;
        let header = build::TcpHeader { sequence: expected, flags, ..Default::default() };
        let mut packet = Vec::new();
        // Both ends are of one family, and there is no payload: it cannot be too long.
        if build::tcp(&mut packet, key.server, key.client, &header, &[]).is_ok() {
            self.answer(key, &packet);
        }
        true
    }
}

/// Returns the flow whose client is told that a packet of its own went nowhere.
fn quoted(packet: &Packet<'_>) -> Option<FlowKey> {
    let Carried::Icmp(message) = packet.transport() else { return None };
    let quote = match message {
        IcmpMessage::Unreachable { quote, .. }
        | IcmpMessage::PacketTooBig { quote, .. }
        | IcmpMessage::TimeExceeded { quote, .. } => quote?,
        IcmpMessage::EchoReply { .. }
        | IcmpMessage::EchoRequest { .. }
        | IcmpMessage::Other { .. } => return None,
    };
    quote.key().filter(|key| client_of(key) == packet.destination())
}
