//! The stack as a whole.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use sidestream_packet::{IcmpMessage, Offload, Packet, Reassembly, Transport, Unreachable, build};

use crate::core::Core;
use crate::echo::{Echoes, Request};
use crate::output::Event;
use crate::tcp::{Pair, Segment, Tcp};
use crate::timers::{Deadline, Owner};
use crate::udp::Udp;
use crate::{Config, Counters, Output, Usage};

/// A TCP, UDP and ICMP stack that answers for every host there is.
///
/// It takes the packets that clients send, and gives out streams, datagrams and pings; see the
/// [crate's documentation](crate) for how it is run.
pub struct Netstack {
    pub(crate) core: Core,
    pub(crate) tcp: Tcp,
    pub(crate) udp: Udp,
    pub(crate) echoes: Echoes,
    reassembly: Reassembly,
    /// The bytes of the last output that was no packet.
    payload: Vec<u8>,
}

impl Netstack {
    /// Makes a stack; two with the same seed behave the same.
    pub fn new(config: Config, seed: u64, now: Instant) -> Self {
        let core = Core::new(config.sane(), seed, now);
        Self {
            tcp: Tcp::new(core.seed),
            udp: Udp::new(core.seed),
            echoes: Echoes::default(),
            reassembly: Reassembly::default(),
            payload: Vec::new(),
            core,
        }
    }

    /// Takes a packet that came from a client; its bytes may be changed.
    ///
    /// A batch may be given before outputs are taken: then one acknowledgment serves for all.
    pub fn handle_packet(&mut self, packet: &mut [u8], offload: Offload, now: Instant) {
        self.core.set_now(now);
        self.core.counters.packets_in += 1;
        self.take_packet(packet, offload, true);
    }

    fn take_packet(&mut self, bytes: &mut [u8], offload: Offload, may_be_fragment: bool) {
        let packet = match Packet::parse(bytes, offload.checksum) {
            Ok(packet) => packet,
            Err(defect) => return self.core.counters.defects.count(defect),
        };
        match packet.transport() {
            Transport::Fragment(_) if may_be_fragment => {
                match self.reassembly.insert(&packet, self.core.now) {
                    Ok(Some(mut whole)) => self.take_packet(&mut whole, Offload::default(), false),
                    Ok(None) => {}
                    Err(defect) => self.core.counters.defects.count(defect),
                }
            }
            _ if !is_one_host(packet.destination()) => self.core.counters.not_unicast += 1,
            Transport::Tcp(tcp) => {
                let Some(pair) = packet.key().map(Pair::from) else { return };
                let segment = Segment::read(&tcp, packet.header_len());
                if segment.is_syn() {
                    let largest = self.core.config.largest_segment(packet.source().is_ipv4());
                    let offer = crate::tcp::Offer::read(&tcp, largest);
                    self.tcp.handle_syn(&mut self.core, (pair, segment), &offer);
                } else {
                    let len = packet.bytes().len();
                    self.tcp.handle(&mut self.core, (pair, segment), &mut bytes[..len]);
                }
            }
            Transport::Udp(udp) => {
                let Some(pair) = packet.key().map(Pair::from) else { return };
                self.udp.handle(&mut self.core, pair, udp.payload(), offload.segment_size);
            }
            Transport::Icmp(message) => {
                self.take_icmp(packet.source(), packet.destination(), message)
            }
            Transport::Fragment(_) | Transport::Other(_) => {
                self.core.counters.protocols_unknown += 1;
                let mut answer = Vec::new();
                let from = packet.destination();
                if build::unreachable(&mut answer, &packet, Unreachable::Protocol, from).is_ok() {
                    self.core.reply(answer, Offload::default());
                }
            }
        }
    }

    fn take_icmp(&mut self, client: IpAddr, server: IpAddr, message: IcmpMessage<'_>) {
        match message {
            IcmpMessage::EchoRequest { id, sequence, payload } => {
                let payload = payload.to_vec();
                let deadline = Deadline::default();
                let request = Request { client, server, id, sequence, payload, deadline };
                self.echoes.handle(&mut self.core, request);
            }
            IcmpMessage::Unreachable { reason: Unreachable::Port, quote: Some(quote) } => {
                // The quoted packet is one of ours: its source is the server, and only its
                // receiver may complain.
                let key = quote.key().filter(|key| {
                    key.transport == sidestream_flow::Transport::Udp && key.server.ip() == client
                });
                let known = key.is_some_and(|key| {
                    let pair = Pair { client: key.server, server: key.client };
                    self.udp.handle_unreachable(&mut self.core, pair)
                });
                self.core.counters.icmp_ignored += u64::from(!known);
            }
            IcmpMessage::PacketTooBig { mtu, quote: Some(quote) } => {
                let known = self.tcp.handle_too_big(&mut self.core, &quote, mtu);
                self.core.counters.icmp_ignored += u64::from(!known);
            }
            IcmpMessage::EchoReply { .. }
            | IcmpMessage::Other { .. }
            | IcmpMessage::PacketTooBig { .. }
            | IcmpMessage::TimeExceeded { .. }
            | IcmpMessage::Unreachable { .. } => self.core.counters.icmp_ignored += 1,
        }
    }

    /// Takes the deadlines that have passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.core.set_now(now);
        self.reassembly.expire(self.core.now);
        while let Some(owner) = self.core.timers.pop(self.core.now) {
            match owner {
                Owner::Association(slot) => self.udp.handle_deadline(&mut self.core, slot),
                Owner::Echo(slot) => self.echoes.handle_deadline(&mut self.core, slot),
                Owner::Stream(slot) => self.tcp.handle_deadline(&mut self.core, slot),
            }
        }
    }

    /// Says what is to be done next.
    ///
    /// It is called until it answers [`Output::Wait`]. Whoever cannot send at the moment may
    /// leave off earlier: what is to be sent waits in the buffers of its stream.
    pub fn poll_output(&mut self, now: Instant) -> Output<'_> {
        self.core.set_now(now);
        loop {
            if let Some(event) = self.core.events.pop_front() {
                return self.say(event);
            }
            if let Some((bytes, offload)) = self.core.replies.pop_front() {
                self.core.frame.fill(&bytes);
                return self.packet(offload);
            }
            if let Some(offload) = self.tcp.poll_packet(&mut self.core) {
                return self.packet(offload);
            }
            if self.core.events.is_empty() && self.core.replies.is_empty() {
                let deadlines = [self.core.timers.next(), self.reassembly.next_expiry()];
                return Output::Wait(deadlines.into_iter().flatten().min());
            }
        }
    }

    fn packet(&mut self, offload: Offload) -> Output<'_> {
        self.core.counters.packets_out += 1;
        Output::Packet { bytes: self.core.frame.bytes(), offload }
    }

    fn say(&mut self, event: Event) -> Output<'_> {
        match event {
            Event::Association(id, key) => Output::Association { id, key },
            Event::Closed(id) => Output::Closed(id),
            Event::Datagram(id, payload) => {
                self.udp.note_taken(id);
                self.payload = payload;
                Output::Datagram { id, payload: &self.payload }
            }
            Event::Echo { id, client, server, payload } => {
                self.payload = payload;
                Output::Echo { id, client, server, payload: &self.payload }
            }
            Event::Expired(id) => Output::Expired(id),
            Event::HalfClosed(id) => Output::HalfClosed(id),
            Event::Readable(id) => Output::Readable(id),
            Event::Reset(id) => Output::Reset(id),
            Event::Syn(id, key) => Output::Syn { id, key },
            Event::Unreachable(id) => Output::Unreachable(id),
            Event::Writable(id) => Output::Writable(id),
        }
    }

    /// Returns what was counted.
    pub const fn counters(&self) -> &Counters {
        &self.core.counters
    }

    /// Returns what is held; it looks at each stream.
    pub fn usage(&self) -> Usage {
        let mut usage = Usage { timers: self.core.timers.len(), ..Usage::default() };
        self.tcp.usage(&mut usage);
        self.udp.usage(&mut usage);
        self.echoes.usage(&mut usage);
        usage
    }
}

/// Whether an address is that of one host, for which the stack can answer.
fn is_one_host(addr: IpAddr) -> bool {
    !addr.is_multicast() && addr != IpAddr::V4(Ipv4Addr::BROADCAST)
}

impl fmt::Debug for Netstack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Netstack").field("usage", &self.usage()).finish_non_exhaustive()
    }
}
