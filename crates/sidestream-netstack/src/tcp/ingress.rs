//! What comes for a connection that smoltcp runs.

use sidestream_packet::{TcpFlags, build};
use smoltcp::socket::tcp::State as Phase;

use super::Tcp;
use super::active::{Active, End};
use super::egress::is_opening;
use super::flow::{Flow, Segment, State};
use super::sequence::Number;
use super::track::Track;
use crate::core::Core;
use crate::id::Slot;

impl Tcp {
    pub(super) fn handle_active(
        &mut self,
        core: &mut Core,
        slot: Slot,
        segment: &Segment,
        bytes: &mut [u8],
    ) {
        let Some(Flow { pair, track, state: State::Active(active), .. }) = self.flows.get_mut(slot)
        else {
            return;
        };
        let pair = *pair;
        let before = active.phase();
        if !admits(active, track, segment) {
            core.counters.out_of_place += 1;
            return;
        }
        track.heard_at = core.now;
        track.moved_at = core.now;
        let (window, acknowledged) = (track.window, track.acknowledged);
        if !note(core, active, track, segment) {
            core.counters.out_of_place += 1;
            return;
        }
        if active.is_running() && !segment.is(TcpFlags::RST) {
            let is_same = window == track.window;
            active.repair.acknowledge(segment, is_same, &mut core.counters, core.now);
        }
        let window = active.window(track);
        if is_repetition(active, track, segment, window) {
            return self.enqueue(slot);
        }
        let is_news = active.told != Some(window) || track.acknowledged != acknowledged;
        let expected = active.expected(track);
        let is_next = segment.sequence == expected;
        let acknowledgment = segment.acknowledgment.max(track.acknowledged) - active.delta;
        let packet = address(bytes, segment, acknowledgment, window);
        core.feed(&mut active.sockets, packet);
        active.heard.advance(active.expected(track));
        // Of what it has no room for, and of what comes behind that, the socket does not look at
        // the acknowledgment and the window either (RFC 9293 §3.10.7.4 has it do so).
        let is_taken = is_next && (segment.len == 0 || active.expected(track) != expected);
        active.told = is_taken.then_some(window);
        let after = active.phase();
        active.end = active.end.or_else(|| end_of(before, after, segment));
        self.send_frame_as_reply(core, slot);
        if is_opening(before) && !is_opening(after) {
            self.settle_handshake(core, slot, pair);
        } else if !is_taken && is_news {
            self.repeat_acknowledgment(core, slot, pair);
        }
        self.enqueue(slot);
        self.settle(core, slot);
    }

    /// Makes the socket of an open connection hear of what it did not look at.
    fn repeat_acknowledgment(&mut self, core: &mut Core, slot: Slot, pair: super::Pair) {
        let Some(Flow { track, state: State::Active(active), .. }) = self.flows.get_mut(slot)
        else {
            return;
        };
        if active.is_running() {
            active.acknowledge(core, pair, track);
        }
        self.send_frame_as_reply(core, slot);
    }

    /// Makes the socket of a connection that has just opened go by its real window.
    fn settle_handshake(&mut self, core: &mut Core, slot: Slot, pair: super::Pair) {
        let Some(Flow { track, state: State::Active(active), .. }) = self.flows.get_mut(slot)
        else {
            return;
        };
        active.settle(core);
        active.repair.note_handshake(core.now);
        let header = build::TcpHeader {
            sequence: active.expected(track).0,
            acknowledgment: (track.sent - active.delta).0,
            flags: TcpFlags::ACK,
            window: active.window(track),
            options: &[],
        };
        active.remind(core, pair, &header);
        if active.closes {
            active.socket_mut().close();
        }
    }
}

/// How far an acknowledgment may be behind the last.
const MAX_LATE: u32 = 1 << 20;

/// Decides whether the socket gets to see a segment.
fn admits(active: &Active, track: &Track, segment: &Segment) -> bool {
    if segment.is(TcpFlags::SYN) {
        return false;
    }
    if is_opening(active.phase()) {
        // Until the handshake is complete the socket takes its window for larger than it is.
        return !segment.end().is_after(track.edge);
    }
    if segment.is(TcpFlags::RST) {
        return true;
    }
    // RFC 5961 §5.2: whoever guesses numbers does not know what was acknowledged lately.
    let limit = track.sent - track.acknowledged + MAX_LATE;
    let behind = track.sent.since(segment.acknowledgment);
    segment.is(TcpFlags::ACK) && behind.is_some_and(|behind| behind <= limit)
}

/// Whether a segment says only what the socket knows. It would count such ones, and begin a repair
/// of its own.
fn is_repetition(active: &Active, track: &Track, segment: &Segment, window: u16) -> bool {
    let in_window = segment.sequence - active.expected(track) <= track.open_window();
    segment.len == 0
        && in_window
        && active.is_running()
        && !active.repair.flight().is_empty()
        && !segment.is(TcpFlags::RST)
        && segment.acknowledgment == active.repair.flight().start()
        && active.told == Some(window)
}

/// Notes how far the client has come; answers whether there is room for what it sent.
fn note(core: &mut Core, active: &mut Active, track: &mut Track, segment: &Segment) -> bool {
    if segment.is(TcpFlags::RST) {
        return true;
    }
    let is_known = !segment.acknowledgment.is_after(track.sent);
    if segment.acknowledgment.is_after(track.acknowledged) && is_known {
        track.acknowledged = segment.acknowledgment;
        track.window = segment.window;
    } else if segment.acknowledgment == track.acknowledged {
        // Nobody takes back what he has offered (RFC 9293 §3.8.6): a smaller window came late.
        track.window = track.window.max(segment.window);
    }
    if segment.payload_len == 0 {
        return true;
    }
    let expected = active.expected(track);
    if !segment.end().is_after(expected) {
        core.counters.repeated_in += 1;
    }
    // What reaches beyond the window is cut off.
    let end = segment.sequence + segment.payload_len;
    let end = if end.is_after(track.edge) { track.edge } else { end };
    if !end.is_after(segment.sequence) {
        return true;
    }
    track.heard = track.heard.max(end);
    active.heard.note((segment.sequence, end), expected)
}

/// Makes a packet speak the socket's numbers, state the window that the socket is to go by, and
/// stand behind a plain header.
///
/// An older acknowledgment than the last is taken for that: smoltcp drops what comes with it.
fn address<'a>(
    bytes: &'a mut [u8],
    segment: &Segment,
    acknowledgment: Number,
    window: u16,
) -> &'a [u8] {
    let start = segment.start;
    bytes[start + 14..start + 16].copy_from_slice(&window.to_be_bytes());
    if segment.is(TcpFlags::ACK) {
        bytes[start + 8..start + 12].copy_from_slice(&acknowledgment.0.to_be_bytes());
    }
    if bytes[0] >> 4 == 4 || start == 40 {
        return bytes;
    }
    // Extension headers have been checked, and smoltcp need not know them all.
    let front = start - 40;
    bytes.copy_within(..40, front);
    let packet = &mut bytes[front..];
    let payload_len = u16::try_from(packet.len() - 40).expect("it was longer before");
    packet[4..6].copy_from_slice(&payload_len.to_be_bytes());
    packet[6] = sidestream_packet::protocol::TCP;
    packet
}

/// Says how a step ended the connection, if it did.
fn end_of(before: Phase, after: Phase, segment: &Segment) -> Option<End> {
    match after {
        Phase::TimeWait => Some(End::Orderly),
        Phase::Closed if before == Phase::LastAck && !segment.is(TcpFlags::RST) => {
            Some(End::Orderly)
        }
        Phase::Closed | Phase::Listen => Some(End::Broken),
        Phase::SynSent
        | Phase::SynReceived
        | Phase::Established
        | Phase::FinWait1
        | Phase::FinWait2
        | Phase::CloseWait
        | Phase::Closing
        | Phase::LastAck => None,
    }
}
