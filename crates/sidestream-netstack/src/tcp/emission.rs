//! A socket's packet, put into the numbers that its client knows.

use sidestream_packet::TcpFlags;

use super::active::{Active, MAX_SEGMENT, WINDOW_SCALE, option_at};
use super::sequence::Number;
use super::track::Track;
use crate::core::Core;

/// What the header of a packet says that a socket has sent, in the client's numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Emission {
    pub(super) sequence: Number,
    pub(super) acknowledgment: Number,
    pub(super) window: u16,
    pub(super) header_len: usize,
    pub(super) payload_len: usize,
    /// How much of the sequence space it takes.
    pub(super) len: u32,
    /// Whether it acknowledges more than was, or opens the window further.
    pub(super) is_news: bool,
    flags: TcpFlags,
}

impl Emission {
    pub(super) fn end(&self) -> Number {
        self.sequence + self.len
    }

    pub(super) const fn is_any(&self, flags: TcpFlags) -> bool {
        self.flags.intersects(flags)
    }
}

/// Turns the socket's numbers in the frame into those that the client knows.
pub(super) fn renumber(
    core: &mut Core,
    start: usize,
    active: &Active,
    track: &mut Track,
) -> Emission {
    let size = core.config.largest_segment(start == 20);
    let segment = &mut core.frame.bytes_mut()[start..];
    let header_len = usize::from(segment[12] >> 4) * 4;
    let flags = TcpFlags(u16::from(segment[13]));
    let payload_len = segment.len() - header_len;
    let controls =
        u32::from(flags.contains(TcpFlags::FIN)) + u32::from(flags.contains(TcpFlags::SYN));
    let len = u32::try_from(payload_len).unwrap_or(0) + controls;

    let mut sequence = number(segment, 4) + active.delta;
    let acknowledgment = number(segment, 8);
    let stated = u16::from_be_bytes([segment[14], segment[15]]);
    let (is_reset, is_syn) = (flags.contains(TcpFlags::RST), flags.contains(TcpFlags::SYN));
    if len == 0 && !is_reset {
        // smoltcp goes back with its numbers when it repeats. An acknowledgment must not: the
        // client holds it for old then, and two such ends never hear of each other again.
        sequence = active.repair.flight().end();
    }
    segment[4..8].copy_from_slice(&sequence.0.to_be_bytes());
    let mut emission = Emission {
        sequence,
        acknowledgment,
        window: stated,
        header_len,
        payload_len,
        len,
        is_news: false,
        flags,
    };
    if is_reset {
        // Its numbers may be those of what it answers.
        return emission;
    }
    track.sent = track.sent.max(emission.end());
    let shift = if is_syn {
        announce(segment, size, track.shift);
        0
    } else {
        let window = (u32::from(stated) << active.shift) >> track.shift;
        emission.window = u16::try_from(window).unwrap_or(u16::MAX);
        segment[14..16].copy_from_slice(&emission.window.to_be_bytes());
        track.shift
    };
    let edge = acknowledgment + (u32::from(emission.window) << shift);
    emission.is_news = acknowledgment != track.answered || edge.is_after(track.edge);
    track.answered = acknowledgment;
    track.edge = track.edge.max(edge);
    emission
}

/// Tells the client in a SYN how much fits the device: smoltcp is told of a larger one, where that
/// cuts segments itself; and by how much our windows are shifted.
fn announce(segment: &mut [u8], size: u16, shift: u8) {
    if let Some(at) = option_at(segment, 0, MAX_SEGMENT) {
        segment[at..at + 2].copy_from_slice(&size.to_be_bytes());
    }
    if let Some(at) = option_at(segment, 0, WINDOW_SCALE) {
        segment[at] = shift;
    }
}

fn number(segment: &[u8], at: usize) -> Number {
    let bytes = [segment[at], segment[at + 1], segment[at + 2], segment[at + 3]];
    Number(u32::from_be_bytes(bytes))
}
