//! Packets of WinDivert's.

use std::collections::VecDeque;
use std::time::Instant;

use sidestream_flow::{FlowKey, Transport};
use sidestream_packet::{Checksum, Packet, TcpFlags, build};

use super::Diverter;
use crate::flows::{Fate, Held, Why};
use crate::output::{FlowNumber, Note, Way};
use crate::seen::{Seen, Segment, look, reversed, settle};
use crate::sockets::Found;
use crate::{Address, Exemption, Output, Owner, Verdict};

/// A packet, and what was seen in it.
#[derive(Clone, Copy)]
struct Taken<'a> {
    bytes: &'a [u8],
    address: Address,
    segment: Option<Segment>,
}

impl Diverter {
    /// Takes a packet of the NETWORK layer; the bytes are as they were when it returns.
    ///
    /// Several may be given before outputs are taken: then they travel together.
    pub fn handle_packet(&mut self, packet: &mut [u8], address: Address, now: Instant) {
        self.set_now(now);
        self.counters.packets += 1;
        if let Some(why) = Exemption::of_address(&address, &self.config) {
            return self.leave(why, packet, address);
        }
        let (key, segment) = match look(packet, &address) {
            Err(defect) => {
                self.counters.defects.count(defect);
                return self.pass(packet, address);
            }
            Ok(Seen::Tcp(key, segment)) => (key, Some(segment)),
            Ok(Seen::Udp(key)) => (key, None),
            Ok(Seen::Error(key)) => return self.take_error(&key, packet, address),
            Ok(Seen::Fragment) => return self.leave(Exemption::Fragment, packet, address),
            Ok(Seen::Other) => return self.leave(Exemption::Protocol, packet, address),
        };
        match Exemption::of_key(&key, &self.config) {
            Some(why) => self.leave(why, packet, address),
            None => self.take(key, Taken { bytes: packet, address, segment }),
        }
    }

    fn leave(&mut self, why: Exemption, packet: &[u8], address: Address) {
        self.exempt(why);
        self.pass(packet, address);
    }

    /// An error about what the proxy sent to a client belongs to the proxy.
    fn take_error(&mut self, key: &FlowKey, packet: &[u8], address: Address) {
        let flow = self.flows.get(key);
        if flow.is_some_and(|flow| matches!(flow.fate, Fate::Divert(_))) {
            self.divert(key, &Taken { bytes: packet, address, segment: None });
        } else {
            self.leave(Exemption::Protocol, packet, address);
        }
    }

    fn take(&mut self, key: FlowKey, packet: Taken<'_>) {
        if self.flows.get(&key).is_some() && !self.is_another(&key, &packet) {
            return self.follow(&key, packet);
        }
        self.forget(&key);
        let way = match packet.address {
            Address { loopback: true, .. } => Way::Loopback,
            Address { outbound: true, .. } => Way::Outbound,
            _ => Way::Inbound,
        };
        match packet.segment {
            Some(segment) if !segment.begins() => {
                return self.leave(Exemption::Midway, packet.bytes, packet.address);
            }
            Some(_) => {}
            // What answers a flow is none of its own.
            None if self.flows.get(&reversed(&key)).is_some() => {
                return self.leave(Exemption::Midway, packet.bytes, packet.address);
            }
            None => {}
        }
        let found = match way {
            _ if self.beat.is_none() => None,
            // A listener is known long before a connection comes: who has none is not waited for.
            Way::Inbound => {
                Some(self.sockets.receiver(&key)).filter(|found| *found != Found::Nobody)
            }
            Way::Loopback | Way::Outbound => Some(self.sockets.sender(&key)),
        };
        if !self.has_room_for_flow() {
            self.counters.flows_full += 1;
            self.note(Note::FlowsFull { key });
            return self.pass(packet.bytes, packet.address);
        }
        let (fate, socket) = match found {
            Some(Found::Known { socket, owner, verdict: Verdict::Divert }) => {
                (Fate::Divert(owner), Some(socket))
            }
            Some(Found::Known { socket, verdict: Verdict::Pass, .. }) => {
                (Fate::Pass(Why::Told), Some(socket))
            }
            Some(Found::Asked | Found::Nobody) => (Fate::Wait(VecDeque::new()), None),
            None => (Fate::Pass(Why::Told), None),
        };
        let first = packet.segment.map_or(0, |segment| segment.sequence);
        let at = (self.now, &self.config);
        let opened = if let Fate::Divert(owner) = fate { Some(owner) } else { None };
        let number = self.flows.insert(key, (fate, way, socket), (packet.address, first), at);
        if let Some(socket) = socket {
            self.sockets.begin(socket);
        }
        if let Some(owner) = opened {
            self.open(&key, number, way, owner);
        }
        self.follow(&key, packet);
    }

    fn open(&mut self, key: &FlowKey, number: u64, way: Way, owner: Owner) {
        self.says.push_back(Output::Opened { flow: FlowNumber(number), key: *key, owner, way });
    }

    /// Whether the packet begins another flow between the same ends.
    fn is_another(&self, key: &FlowKey, packet: &Taken<'_>) -> bool {
        let Some(flow) = self.flows.get(key) else { return true };
        match packet.segment {
            Some(segment) => segment.begins() && segment.sequence != flow.first,
            None if !flow.closed => false,
            // The port has a new owner.
            None => {
                let found = match flow.way {
                    Way::Inbound => self.sockets.receiver(key),
                    Way::Loopback | Way::Outbound => self.sockets.sender(key),
                };
                match found {
                    Found::Asked => true,
                    Found::Known { socket, .. } => Some(socket) != flow.socket,
                    Found::Nobody => false,
                }
            }
        }
    }

    fn has_room_for_flow(&mut self) -> bool {
        while self.flows.len() >= self.config.max_flows {
            let Some(spare) = self.flows.spare() else { return false };
            self.forget(&spare);
        }
        true
    }

    fn follow(&mut self, key: &FlowKey, packet: Taken<'_>) {
        let now = self.now;
        let Some(flow) = self.flows.get_mut(key) else { return };
        flow.address = packet.address;
        match &flow.fate {
            Fate::Wait(_) => return self.wait(key, packet),
            Fate::Divert(_) | Fate::Pass(_) => flow.since = now,
            Fate::Reset => {}
        }
        match &flow.fate {
            Fate::Divert(_) => self.divert(key, &packet),
            Fate::Pass(_) | Fate::Wait(_) => self.pass(packet.bytes, packet.address),
            Fate::Reset => self.refuse(key, packet),
        }
    }

    fn wait(&mut self, key: &FlowKey, packet: Taken<'_>) {
        let full = self.waiting >= self.config.max_waiting
            || self.waiting_bytes + packet.bytes.len() > self.config.max_waiting_bytes;
        let Some(flow) = self.flows.get_mut(key) else { return };
        let Fate::Wait(held) = &mut flow.fate else { return };
        if full || held.len() >= self.config.max_waiting_in_flow {
            self.counters.no_room += 1;
            self.note(Note::NoRoom { key: *key });
            self.pass_waiting(key, Why::Unclaimed);
            return self.pass(packet.bytes, packet.address);
        }
        self.waiting += 1;
        self.waiting_bytes += packet.bytes.len();
        held.push_back(Held { bytes: packet.bytes.to_vec(), address: packet.address });
    }

    /// Passes what waits in a flow, and all that follows.
    pub(super) fn pass_waiting(&mut self, key: &FlowKey, why: Why) {
        let mut waited = VecDeque::new();
        let now = self.now;
        self.flows.change(key, &self.config, |flow| {
            flow.since = now;
            if let Fate::Wait(held) = std::mem::replace(&mut flow.fate, Fate::Pass(why)) {
                waited = held;
            }
        });
        self.release(waited);
    }

    /// Passes packets that waited.
    pub(super) fn release(&mut self, held: VecDeque<Held>) {
        for packet in held {
            self.unhold(&packet);
            self.counters.passed_late += 1;
            self.pass(&packet.bytes, packet.address);
        }
    }

    fn unhold(&mut self, packet: &Held) {
        self.waiting -= 1;
        self.waiting_bytes -= packet.bytes.len();
    }

    pub(super) fn give_up_waiting(&mut self, key: &FlowKey) {
        let Some(Fate::Wait(held)) = self.flows.get(key).map(|flow| &flow.fate) else { return };
        let packets = held.len();
        self.counters.unclaimed += 1;
        self.note(Note::Unclaimed { key: *key, packets });
        self.pass_waiting(key, Why::Unclaimed);
    }

    /// Looks whether it is known by now whose a flow is that waits.
    pub(super) fn settle_waiting(&mut self, key: &FlowKey) {
        let Some(flow) = self.flows.get(key) else { return };
        let way = flow.way;
        let found = match way {
            Way::Inbound => self.sockets.receiver(key),
            Way::Loopback | Way::Outbound => self.sockets.sender(key),
        };
        let Found::Known { socket, owner, verdict } = found else { return };
        self.sockets.begin(socket);
        let owned = |flow: &mut crate::flows::Flow| flow.socket = Some(socket);
        self.flows.change(key, &self.config, owned);
        match verdict {
            Verdict::Pass => self.pass_waiting(key, Why::Told),
            Verdict::Divert => {
                let (mut waited, mut number) = (VecDeque::new(), 0);
                let now = self.now;
                self.flows.change(key, &self.config, |flow| {
                    (flow.since, number) = (now, flow.number);
                    let fate = std::mem::replace(&mut flow.fate, Fate::Divert(owner));
                    if let Fate::Wait(held) = fate {
                        waited = held;
                    }
                });
                self.open(key, number, way, owner);
                for mut packet in waited {
                    self.unhold(&packet);
                    let seen = look(&mut packet.bytes, &packet.address);
                    let segment = match seen {
                        Ok(Seen::Tcp(_, segment)) => Some(segment),
                        _ => None,
                    };
                    let (bytes, address) = (&packet.bytes[..], packet.address);
                    self.divert(key, &Taken { bytes, address, segment });
                }
            }
        }
    }

    /// Puts a packet on its way to the proxy.
    fn divert(&mut self, key: &FlowKey, packet: &Taken<'_>) {
        if self.gather.is_full(packet.bytes.len(), &self.config) {
            if !self.gather.may_send(&self.config) {
                self.counters.dropped += 1;
                return;
            }
            let (batch, ended) = self.gather.take();
            self.says.push_back(Output::ToProxy(batch));
            self.says.extend(ended.into_iter().map(Output::Forget));
        }
        let serial = self.gather.serial();
        let Some(flow) = self.flows.get_mut(key) else { return };
        flow.batch = serial;
        let flow = FlowNumber(flow.number);
        let settle = |bytes: &mut [u8]| settle(bytes, &packet.address);
        self.gather.push(packet.bytes, flow, settle, (self.now, &self.config));
        self.counters.diverted += 1;
        if let Some(segment) = packet.segment {
            self.watch(key, &segment, true);
        }
    }

    /// Sees a connection end.
    pub(super) fn watch(&mut self, key: &FlowKey, segment: &Segment, by_client: bool) {
        let Some(flow) = self.flows.get_mut(key) else { return };
        if segment.flags.contains(TcpFlags::FIN) {
            flow.client_done |= by_client;
            flow.server_done |= !by_client;
        }
        let over = segment.flags.contains(TcpFlags::RST) || flow.client_done && flow.server_done;
        if over && !flow.closed {
            self.end_flow(key);
        }
    }

    /// Notes that little will follow in a flow.
    pub(super) fn end_flow(&mut self, key: &FlowKey) {
        let now = self.now;
        self.flows.change(key, &self.config, |flow| {
            if !matches!(flow.fate, Fate::Wait(_)) {
                (flow.closed, flow.since) = (true, now);
            }
        });
    }

    /// Answers a packet whose proxy is gone.
    fn refuse(&mut self, key: &FlowKey, packet: Taken<'_>) {
        self.counters.refused += 1;
        let mut bytes = packet.bytes.to_vec();
        settle(&mut bytes, &packet.address);
        let mut answer = Vec::new();
        let Ok(packet) = Packet::parse(&bytes, Checksum::Verified) else { return };
        // A reset is not answered.
        if key.transport == Transport::Tcp && build::reset(&mut answer, &packet).is_ok() {
            self.answer(key, &answer);
        }
    }
}
