//! What connections send.

use sidestream_packet::{Offload, TcpFlags, build};
use smoltcp::socket::tcp::State as Phase;

use super::Tcp;
use super::active::Active;
use super::emission::{Emission, renumber};
use super::flow::{Flow, Offer, Pair, State};
use super::sequence::Number;
use super::track::Track;
use crate::core::Core;
use crate::id::Slot;
use crate::seal::seal_tcp;

impl Tcp {
    /// Puts the next packet of some connection into the frame. The connections take turns.
    pub(crate) fn poll_packet(&mut self, core: &mut Core) -> Option<Offload> {
        while let Some(slot) = self.queue.pop_front() {
            let Some(flow) = self.flows.get_mut(slot) else { continue };
            flow.queued = false;
            super::mend::mend(core, flow);
            let mut sent = None;
            if core.replies.is_empty() {
                let State::Active(active) = &mut flow.state else { continue };
                core.drain(&mut active.sockets);
                if core.frame.is_empty() {
                    self.settle(core, slot);
                    self.schedule(core, slot);
                    continue;
                }
                sent = dress(core, flow);
            }
            self.enqueue(slot);
            if sent.is_none()
                && let Some((bytes, offload)) = core.replies.pop_front()
            {
                core.frame.fill(&bytes);
                sent = Some(offload);
            }
            if sent.is_some() {
                return sent;
            }
        }
        None
    }

    /// Sends all that a connection may send now, before anything else of it.
    pub(super) fn flush(&mut self, core: &mut Core, slot: Slot) {
        while !core.is_full() {
            let Some(flow) = self.flows.get_mut(slot) else { return };
            super::mend::mend(core, flow);
            let State::Active(active) = &mut flow.state else { return };
            if is_opening(active.phase()) {
                return;
            }
            core.drain(&mut active.sockets);
            if core.frame.is_empty() {
                return;
            }
            self.send_frame_as_reply(core, slot);
        }
    }

    /// Sends what a socket answered at once.
    pub(super) fn send_frame_as_reply(&mut self, core: &mut Core, slot: Slot) {
        let Some(flow) = self.flows.get_mut(slot) else { return };
        if core.frame.is_empty() {
            return;
        }
        if let Some(offload) = dress(core, flow) {
            core.reply(core.frame.bytes().to_vec(), offload);
        }
    }
}

/// What a socket's packet is to the client.
enum Kind {
    Acknowledgment,
    /// It is sent as it is, and no flight knows it: what opens or ends a connection, or asks.
    Apart,
    /// It begins with what was sent before.
    Old,
    New,
}

fn kind_of(emission: &Emission, active: &Active, track: &Track) -> Kind {
    let flight = active.repair.flight();
    if emission.is_any(TcpFlags::SYN | TcpFlags::RST) {
        return Kind::Apart;
    }
    if emission.len == 0 {
        return Kind::Acknowledgment;
    }
    let asks = !emission.end().is_after(flight.start());
    let probes = track.window == 0 && flight.is_empty() && emission.len == 1;
    if asks || (probes && !emission.is_any(TcpFlags::FIN)) {
        return Kind::Apart;
    }
    if flight.end().is_after(emission.sequence) { Kind::Old } else { Kind::New }
}

/// Turns the socket's packet in the frame into what the client gets: it stays there, or becomes
/// nothing, or several packets among the replies.
fn dress(core: &mut Core, flow: &mut Flow) -> Option<Offload> {
    let Flow { pair, offer, track, state: State::Active(active), .. } = flow else { return None };
    let start = start_of(*pair);
    let emission = renumber(core, start, active, track);
    let end = emission.end();
    match kind_of(&emission, active, track) {
        Kind::Apart => {}
        Kind::Acknowledgment => acknowledge(core, *pair, active, &emission),
        Kind::Old => {
            // The repair alone decides what is sent again.
            let from = active.repair.flight().end();
            if end.is_after(from) {
                active.repair.note_sent(end, core.now);
                send_range(core, (*pair, offer), &emission, (from, end));
                return None;
            }
            if !emission.is_news {
                return None;
            }
            acknowledge(core, *pair, active, &emission);
        }
        Kind::New => {
            active.repair.note_sent(end, core.now);
            let is_too_long = emission.payload_len > usize::from(offer.max_segment?);
            if is_too_long && !core.config.segmentation {
                send_range(core, (*pair, offer), &emission, (emission.sequence, end));
                return None;
            }
        }
    }
    Some(seal(core, *pair, offer))
}

/// Makes the frame an acknowledgment that tells of what came out of order.
fn acknowledge(core: &mut Core, pair: Pair, active: &mut Active, emission: &Emission) {
    let sacks = match active.repair.has_sack() {
        true => active.heard.take(),
        false => super::flow::Sacks::NONE,
    };
    if sacks.is_empty() && emission.len == 0 {
        return;
    }
    let options = if sacks.is_empty() { Vec::new() } else { sacks.options() };
    let header = build::TcpHeader {
        sequence: active.repair.flight().end().0,
        acknowledgment: emission.acknowledgment.0,
        flags: TcpFlags::ACK,
        window: emission.window,
        options: &options,
    };
    let mut bytes = Vec::with_capacity(100);
    if build::tcp(&mut bytes, pair.server, pair.client, &header, &[]).is_ok() {
        core.frame.fill(&bytes);
    }
}

/// Sends a range of what is in the frame, in packets of their own.
pub(super) fn send_range(
    core: &mut Core,
    (pair, offer): (Pair, &Offer),
    emission: &Emission,
    (from, to): (Number, Number),
) {
    let frame = std::mem::take(&mut core.frame);
    let start = start_of(pair) + emission.header_len;
    let payload = &frame.bytes()[start..start + emission.payload_len];
    let first = (from - emission.sequence) as usize;
    let last = ((to - emission.sequence) as usize).min(payload.len());
    let ends = emission.is_any(TcpFlags::FIN) && to == emission.end();
    let size = if core.config.segmentation { LONGEST } else { offer.segment() as usize };
    let mut at = first;
    loop {
        let next = (at + size).min(last);
        let is_last = next == last;
        let mut flags = TcpFlags::ACK;
        if is_last {
            flags = flags | if ends { TcpFlags::FIN } else { TcpFlags::PSH };
        }
        let header = build::TcpHeader {
            sequence: (emission.sequence + u32::try_from(at).unwrap_or(0)).0,
            acknowledgment: emission.acknowledgment.0,
            flags,
            window: emission.window,
            options: &[],
        };
        let mut bytes = Vec::with_capacity(60 + next - at);
        if build::tcp(&mut bytes, pair.server, pair.client, &header, &payload[at..next]).is_ok() {
            core.frame.fill(&bytes);
            let offload = seal(core, pair, offer);
            core.reply(bytes_of(core), offload);
        }
        at = next;
        if is_last {
            break;
        }
    }
    core.frame = frame;
}

fn bytes_of(core: &Core) -> Vec<u8> {
    core.frame.bytes().to_vec()
}

/// Writes the checksum of the segment in the frame.
fn seal(core: &mut Core, pair: Pair, offer: &Offer) -> Offload {
    let start = start_of(pair);
    let bytes = core.frame.bytes_mut();
    let segment_size = offer.segment_size(&bytes[start..]);
    let ends = (pair.server.ip(), pair.client.ip());
    let checksum = seal_tcp(bytes, start, ends, core.config.checksums);
    Offload { checksum, segment_size }
}

/// Where segments begin in the packets of smoltcp and our own.
pub(super) const fn start_of(pair: Pair) -> usize {
    if pair.client.is_ipv4() { 20 } else { 40 }
}

/// What fits a packet of either family behind its headers.
const LONGEST: usize = 65_475;

/// Whether a phase is one of a connection that is being made.
pub(super) const fn is_opening(phase: Phase) -> bool {
    matches!(phase, Phase::Listen | Phase::SynReceived)
}
