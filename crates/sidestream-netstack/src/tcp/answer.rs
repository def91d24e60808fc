//! Segments that no socket sends: of connections that have none, or no longer.

use sidestream_packet::{Checksum, Offload, Packet, TcpFlags, Unreachable, build};

use super::flow::{Pair, Segment};
use super::track::Track;
use crate::core::Core;

impl Core {
    /// Sends a segment without payload on behalf of a server.
    fn send_segment(&mut self, pair: Pair, header: &build::TcpHeader<'_>) {
        let mut bytes = Vec::new();
        if build::tcp(&mut bytes, pair.server, pair.client, header, &[]).is_ok() {
            self.reply(bytes, Offload::default());
        }
    }

    /// Sends what a connection stands at, as an acknowledgment.
    pub(super) fn send_acknowledgment(&mut self, pair: Pair, track: &Track) {
        let acknowledgment = track.expected();
        let window = track.open_window() >> track.shift;
        let header = build::TcpHeader {
            sequence: track.sent.0,
            acknowledgment: acknowledgment.0,
            flags: TcpFlags::ACK,
            window: u16::try_from(window).unwrap_or(u16::MAX),
            options: &[],
        };
        self.send_segment(pair, &header);
    }

    /// Ends a connection that stands there.
    pub(super) fn send_reset(&mut self, pair: Pair, track: &Track) {
        let header = build::TcpHeader {
            sequence: track.sent.0,
            acknowledgment: track.expected().0,
            flags: TcpFlags::RST | TcpFlags::ACK,
            ..Default::default()
        };
        self.send_segment(pair, &header);
    }

    /// Answers a segment that belongs to no connection (RFC 9293 §3.10.7.1).
    pub(super) fn answer_stray(&mut self, pair: Pair, segment: &Segment) {
        if segment.is(TcpFlags::RST) {
            return;
        }
        self.counters.strays += 1;
        let header = if segment.is(TcpFlags::ACK) {
            let sequence = segment.acknowledgment.0;
            build::TcpHeader { sequence, flags: TcpFlags::RST, ..Default::default() }
        } else {
            let acknowledgment = segment.end().0;
            let flags = TcpFlags::RST | TcpFlags::ACK;
            build::TcpHeader { acknowledgment, flags, ..Default::default() }
        };
        self.send_segment(pair, &header);
    }

    /// Answers the SYN of a connection that waits as a router would.
    pub(super) fn send_unreachable(&mut self, pair: Pair, before_first: u32, reason: Unreachable) {
        let header =
            build::TcpHeader { sequence: before_first, flags: TcpFlags::SYN, ..Default::default() };
        let mut syn = Vec::new();
        let mut bytes = Vec::new();
        let built = build::tcp(&mut syn, pair.client, pair.server, &header, &[]);
        let refused = Packet::parse(&syn, Checksum::Verified);
        if let (Ok(()), Ok(refused)) = (built, refused)
            && build::unreachable(&mut bytes, &refused, reason, pair.server.ip()).is_ok()
        {
            self.reply(bytes, Offload::default());
        }
    }
}
