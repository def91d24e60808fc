//! A connection that smoltcp runs.
//!
//! smoltcp fixes a socket's buffers, and the window scale with them, when it is made. So that
//! buffers can grow, and a silent connection need have none, a socket is *made to measure* while
//! nothing is under way: a new one gets the handshake, the unread bytes and the ends of halves
//! that put it where the connection stands, as packets of our own. Its sequence numbers differ
//! from those that the client sees by a constant, its windows by a shift.

use std::time::Instant;

use sidestream_packet::{TcpFlags, build};
use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::socket::tcp::{CongestionControl, Socket, SocketBuffer, State as Phase};
use smoltcp::wire::IpListenEndpoint;

use super::accept::shift_for;
use super::flow::{Offer, Pair};
use super::heard::Heard;
use super::repair::{Repair, Way};
use super::sequence::Number;
use super::track::Track;
use crate::core::Core;

pub(crate) struct Active {
    pub(crate) sockets: SocketSet<'static>,
    handle: SocketHandle,
    /// What the client's number is ahead of the socket's.
    pub(crate) delta: u32,
    /// By how much the socket shifts its windows.
    pub(crate) shift: u8,
    /// By how much the client shifts its windows, and by how much the socket thinks it does.
    client_shift: (u8, u8),
    /// The window that the socket was last told.
    pub(super) told: Option<u16>,
    pub(crate) room: Room,
    /// How many bytes went through each buffer since the socket was made.
    pub(crate) moved: Room,
    /// Whether writes wait until all is acknowledged, so that the buffers can grow.
    pub(crate) held: bool,
    /// Whether our half ends as soon as the handshake is complete.
    pub(crate) closes: bool,
    pub(crate) end: Option<End>,
    pub(crate) repair: Repair,
    pub(crate) heard: Heard,
    /// Until when the socket believes that the time has come to which it was last set.
    pub(super) ahead: Instant,
}

/// Two sizes: of what comes from the client, and of what goes to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Room {
    pub(crate) from_client: usize,
    pub(crate) to_client: usize,
}

/// How a connection has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Broken,
    Orderly,
}

impl Active {
    /// Makes a socket that has just heard the client's SYN; the answer is in the frame. What the
    /// client gets begins at `start`.
    pub(crate) fn open(
        core: &mut Core,
        pair: Pair,
        offer: &Offer,
        track: &Track,
        start: Number,
        room: Room,
    ) -> Self {
        let buffer = |len| SocketBuffer::new(vec![0; len]);
        let mut socket = Socket::new(buffer(room.from_client), buffer(room.to_client));
        socket.set_nagle_enabled(false);
        // Acknowledgments leave when the engine takes outputs: once for all that came before.
        socket.set_ack_delay(None);
        socket.set_timeout(Some(core.config.handshake_timeout.into()));
        // Set later, it would ask at once.
        socket.set_keep_alive(Some(core.config.keep_alive.into()));
        // What may be sent is up to the repair: the socket is told of a smaller window.
        socket.set_congestion_control(CongestionControl::None);
        let server =
            IpListenEndpoint { addr: Some(pair.server.ip().into()), port: pair.server.port() };
        socket.listen(server).expect("a new socket is closed, and a server's port is never zero");
        let mut sockets = SocketSet::new(Vec::with_capacity(1));
        let handle = sockets.add(socket);
        let scale = offer.window_shift.unwrap_or(0);
        let is_controlled = core.config.congestion_control;
        let farthest = core.config.max_buffer - usize::from(is_controlled);
        let scale = (scale, scale.min(shift_for(farthest)));
        let offer = offer.rounded(if is_controlled { scale.1 } else { 0 });
        let way = Way { segment: offer.segment(), has_sack: offer.sack, is_controlled };
        let mut active = Self {
            sockets,
            handle,
            delta: 0,
            shift: 0,
            client_shift: scale,
            told: None,
            room,
            moved: Room::default(),
            held: false,
            closes: false,
            end: None,
            repair: Repair::new(start, way, core.now),
            heard: Heard::default(),
            ahead: core.now,
        };
        let syn = build::TcpHeader {
            sequence: (track.unread - 1).0,
            flags: TcpFlags::SYN,
            window: track.window,
            options: &offer.options(scale.1),
            ..Default::default()
        };
        active.feed(core, pair, &syn, &[]);
        core.drain(&mut active.sockets);
        active
    }

    /// Makes a socket that stands where the connection stands; `unread` is what the engine has
    /// not read.
    pub(crate) fn graft(
        core: &mut Core,
        pair: Pair,
        offer: &Offer,
        track: &Track,
        room: Room,
        unread: &[u8],
    ) -> Self {
        let mut active = Self::open(core, pair, offer, track, track.sent, room);
        let (number, shift) = first_number(core.frame.bytes(), pair)
            .expect("a socket takes the SYN that one like it took before");
        active.shift = shift;
        let sent = track.sent - u32::from(track.server_ended);
        active.delta = sent - (number + 1);
        let mut header = build::TcpHeader {
            sequence: track.unread.0,
            acknowledgment: (number + 1).0,
            flags: TcpFlags::ACK,
            window: active.window(track),
            options: &[],
        };
        active.feed(core, pair, &header, &[]);
        active.settle(core);
        for chunk in unread.chunks(LONGEST_CHUNK) {
            active.feed(core, pair, &header, chunk);
            core.drain(&mut active.sockets);
            header.sequence = header.sequence.wrapping_add(u32::try_from(chunk.len()).unwrap_or(0));
        }
        if track.server_ended {
            active.socket_mut().close();
            core.drain(&mut active.sockets);
            header.acknowledgment = (number + 2).0;
            active.feed(core, pair, &header, &[]);
        }
        if track.client_ended {
            header.flags = TcpFlags::FIN | TcpFlags::ACK;
            active.feed(core, pair, &header, &[]);
            header.sequence = header.sequence.wrapping_add(1);
        }
        active.remind(core, pair, &header);
        active
    }

    /// Makes the socket tell how far the client may send: until then it goes by the window of its
    /// SYN, which it holds for scaled and is not.
    pub(crate) fn remind(&mut self, core: &mut Core, pair: Pair, at: &build::TcpHeader<'_>) {
        let probe = build::TcpHeader {
            sequence: at.sequence.wrapping_sub(1),
            flags: TcpFlags::ACK,
            options: &[],
            ..*at
        };
        self.feed(core, pair, &probe, &[]);
    }

    /// Repeats the client's last acknowledgment, with the window that the socket is to go by.
    pub(crate) fn acknowledge(&mut self, core: &mut Core, pair: Pair, track: &Track) {
        self.tell_window(core, pair, track, self.window(track));
    }

    /// Repeats the client's last acknowledgment with some window.
    pub(super) fn tell_window(&mut self, core: &mut Core, pair: Pair, track: &Track, window: u16) {
        let header = build::TcpHeader {
            sequence: self.expected(track).0,
            acknowledgment: (track.acknowledged - self.delta).0,
            flags: TcpFlags::ACK,
            window,
            options: &[],
        };
        self.feed(core, pair, &header, &[]);
    }

    /// Returns the window that the socket is to go by: the client's, where nothing limits what may
    /// be under way.
    pub(crate) fn window(&self, track: &Track) -> u16 {
        let (client, socket) = self.client_shift;
        let reach = self.repair.reach(u32::from(track.window) << client);
        // All that is under way has to be within it, so that it can be had again.
        let least = self.repair.flight().len().div_ceil(1 << socket);
        let window = if reach == 0 { 0 } else { (reach >> socket).max(least) };
        u16::try_from(window).unwrap_or(u16::MAX)
    }

    /// Sets the patience of an open connection.
    pub(crate) fn settle(&mut self, core: &Core) {
        self.socket_mut().set_timeout(Some(core.config.timeout.into()));
    }

    fn feed(&mut self, core: &mut Core, pair: Pair, header: &build::TcpHeader<'_>, payload: &[u8]) {
        let mut packet = Vec::with_capacity(80 + payload.len());
        build::tcp(&mut packet, pair.client, pair.server, header, payload)
            .expect("one family, short options and a short payload");
        self.told = Some(header.window);
        core.feed(&mut self.sockets, &packet);
    }

    pub(crate) fn socket(&self) -> &Socket<'static> {
        self.sockets.get(self.handle)
    }

    pub(crate) fn socket_mut(&mut self) -> &mut Socket<'static> {
        self.sockets.get_mut(self.handle)
    }

    pub(crate) fn phase(&self) -> Phase {
        self.socket().state()
    }

    /// Whether the client has ended its half, and nothing of it is missing.
    pub(crate) fn client_ended(&self) -> bool {
        matches!(self.phase(), Phase::CloseWait | Phase::Closing | Phase::LastAck | Phase::TimeWait)
    }

    /// Whether data may be on its way to the client.
    pub(crate) fn is_running(&self) -> bool {
        let phase = self.phase();
        self.is_open() || matches!(phase, Phase::FinWait1 | Phase::Closing | Phase::LastAck)
    }

    /// Whether nothing but data may be on its way.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.phase(), Phase::Established | Phase::CloseWait | Phase::FinWait2)
    }

    /// Returns the next number expected of the client.
    pub(crate) fn expected(&self, track: &Track) -> Number {
        let queued = u32::try_from(self.socket().recv_queue()).unwrap_or(0);
        track.unread + queued + u32::from(self.client_ended())
    }

    pub(crate) const fn buffered(&self) -> usize {
        self.room.from_client + self.room.to_client
    }
}

/// The kinds of two options of a SYN (RFC 9293 §3.2, RFC 7323 §2.2).
pub(crate) const MAX_SEGMENT: u8 = 2;
pub(crate) const WINDOW_SCALE: u8 = 3;

/// What fits one packet of either family.
const LONGEST_CHUNK: usize = 60_000;

/// Reads the number and the window scale out of a socket's SYN.
pub(crate) fn first_number(packet: &[u8], pair: Pair) -> Option<(Number, u8)> {
    let start = if pair.client.is_ipv4() { 20 } else { 40 };
    let bytes: [u8; 4] = packet.get(start + 4..start + 8)?.try_into().ok()?;
    let shift = option_at(packet, start, WINDOW_SCALE).map_or(0, |at| packet[at]);
    Some((Number(u32::from_be_bytes(bytes)), shift))
}

/// Finds the value of an option of the SYN at `start`.
pub(crate) fn option_at(packet: &[u8], start: usize, kind: u8) -> Option<usize> {
    let end = start + usize::from(packet[start + 12] >> 4) * 4;
    let mut at = start + 20;
    while at < end {
        match packet[at] {
            0 => return None,
            1 => at += 1,
            found if found == kind => return Some(at + 2),
            _ => at += usize::from(*packet.get(at + 1)?).max(2),
        }
    }
    None
}
