//! Datagrams from the network.

use std::net::IpAddr;
use std::time::Instant;

use boringtun::noise::errors::WireGuardError;
use boringtun::noise::handshake::parse_handshake_anon;
use boringtun::noise::{Packet, TunnResult};

use super::{Hub, Path};
use crate::counters::Drop;

const HANDSHAKE_INITIATION: u32 = 1;
const HANDSHAKE_RESPONSE: u32 = 2;
const COOKIE_REPLY: u32 = 3;
const DATA: u32 = 4;
/// The least that a message of each of these kinds has before its contents.
const HEADER: usize = 16;

/// What the keys of a peer made of a datagram.
enum Opened {
    /// A packet, so long and from there, in the scratch.
    Packet(usize, IpAddr),
    /// An answer, so long, in the scratch.
    Answer(usize),
    /// Nothing to pass on.
    Nothing,
}

impl Hub {
    /// Takes a datagram. If there is a packet in it, that is written to the beginning of `buf`
    /// and its length returned; whatever is wrong with either is counted.
    pub fn handle_datagram(
        &mut self,
        path: &Path,
        datagram: &[u8],
        now: Instant,
        buf: &mut [u8],
    ) -> Option<usize> {
        match self.sort(path, datagram, now, buf) {
            Ok(len) => len,
            Err(reason) => {
                tracing::trace!(?reason, from = %path.remote, "datagram dropped");
                self.handle.count(reason);
                None
            }
        }
    }

    fn sort(
        &mut self,
        path: &Path,
        datagram: &[u8],
        now: Instant,
        buf: &mut [u8],
    ) -> Result<Option<usize>, Drop> {
        let kind = word(datagram, 0)?;
        match kind {
            DATA => {
                let receiver = word(datagram, 4)?;
                if datagram.len() < HEADER + 16 || datagram.len() > self.scratch.len() {
                    return Err(Drop::Malformed);
                }
                let id = self.peer_of_session(receiver).ok_or(Drop::NoSession)?;
                self.data(id, path, datagram, now, buf)
            }
            HANDSHAKE_INITIATION | HANDSHAKE_RESPONSE => {
                self.handshake(path, datagram, now).map(|()| None)
            }
            COOKIE_REPLY => {
                let id = self.peer_of_session(word(datagram, 4)?).ok_or(Drop::NoSession)?;
                self.open(id, datagram, now).map(|_| None)
            }
            _ => Err(Drop::Malformed),
        }
    }

    fn data(
        &mut self,
        id: u32,
        path: &Path,
        datagram: &[u8],
        now: Instant,
        buf: &mut [u8],
    ) -> Result<Option<usize>, Drop> {
        let opened = match self.open(id, datagram, now) {
            // It is the peer's own doing, and it was heard.
            Err(Drop::NotIp) => {
                self.heard(id, path, datagram.len());
                return Err(Drop::NotIp);
            }
            opened => opened?,
        };
        self.heard(id, path, datagram.len());
        self.busy(id, now);
        if self.peers[id as usize].queued > 0 {
            // A session that the peer has begun, and now uses.
            return self.deliver_then_flush(id, &opened, buf);
        }
        self.deliver(id, &opened, buf)
    }

    fn deliver_then_flush(
        &mut self,
        id: u32,
        opened: &Opened,
        buf: &mut [u8],
    ) -> Result<Option<usize>, Drop> {
        // The scratch is wanted for what waits.
        let delivered = self.deliver(id, opened, buf);
        self.flush(id);
        delivered
    }

    /// Copies a packet out, if its peer may send it.
    fn deliver(&self, id: u32, opened: &Opened, buf: &mut [u8]) -> Result<Option<usize>, Drop> {
        let Opened::Packet(len, source) = *opened else { return Ok(None) };
        if self.routes.find(source) != Some(id) {
            return Err(Drop::Source);
        }
        let packet = &self.scratch[..len];
        if destination(packet).is_none_or(is_nowhere) {
            return Err(Drop::Destination);
        }
        let room = buf.get_mut(..len).ok_or(Drop::TooLong)?;
        room.copy_from_slice(packet);
        Ok(Some(len))
    }

    /// Looks into a handshake message: first what costs least.
    fn handshake(&mut self, path: &Path, datagram: &[u8], now: Instant) -> Result<(), Drop> {
        self.limiter.reset_count();
        let mut cookie = [0; 64];
        let from = path.remote.ip();
        let verified = self.limiter.verify_packet(Some(from), datagram, &mut cookie);
        let message = match verified {
            Ok(message) => message,
            Err(TunnResult::WriteToNetwork(cookie)) => {
                let cookie = cookie.to_vec();
                self.handle.count_cookie();
                self.reply(*path, &cookie);
                return Ok(());
            }
            Err(TunnResult::Err(WireGuardError::InvalidMac)) => return Err(Drop::Mac),
            Err(_) => return Err(Drop::Malformed),
        };
        if !self.load.admits(from, now) {
            return Err(Drop::RateLimited);
        }
        let id = match message {
            Packet::HandshakeInit(initiation) => {
                let half = parse_handshake_anon(self.key.secret(), &self.public, &initiation);
                let half = half.map_err(|_error| Drop::Handshake)?;
                let known = self.by_key.get(&half.peer_static_public);
                *known.ok_or(Drop::UnknownPeer)?
            }
            Packet::HandshakeResponse(response) => {
                self.peer_of_session(response.receiver_idx).ok_or(Drop::NoSession)?
            }
            _ => return Err(Drop::Malformed),
        };
        let is_response = word(datagram, 0)? == HANDSHAKE_RESPONSE;
        let Opened::Answer(len) = self.open(id, datagram, now)? else { return Ok(()) };
        self.handle.shook_hands(id);
        self.heard(id, path, datagram.len());
        self.reply_to_peer(id, len);
        self.busy(id, now);
        if is_response {
            self.flush(id);
        }
        Ok(())
    }

    /// Opens a datagram by a peer's keys, into the scratch.
    fn open(&mut self, id: u32, datagram: &[u8], now: Instant) -> Result<Opened, Drop> {
        // Its clock stands still while it is not looked after.
        self.wake(id, now);
        self.tunn(id);
        let Self { peers, scratch, .. } = self;
        let Some(tunn) = &mut peers[id as usize].tunn else { return Err(Drop::NoSession) };
        match tunn.decapsulate(None, datagram, scratch) {
            TunnResult::Done => Ok(Opened::Nothing),
            TunnResult::WriteToNetwork(answer) => Ok(Opened::Answer(answer.len())),
            TunnResult::WriteToTunnelV4(packet, source) => {
                Ok(Opened::Packet(packet.len(), source.into()))
            }
            TunnResult::WriteToTunnelV6(packet, source) => {
                Ok(Opened::Packet(packet.len(), source.into()))
            }
            TunnResult::Err(error) => Err(reason(&error, datagram)),
        }
    }
}

/// Tells what an error of a peer's own state means.
fn reason(error: &WireGuardError, datagram: &[u8]) -> Drop {
    use WireGuardError as Error;
    let is_data = word(datagram, 0) == Ok(DATA);
    match error {
        Error::InvalidAeadTag if is_data => Drop::Forged,
        Error::InvalidCounter | Error::DuplicateCounter | Error::WrongTai64nTimestamp => {
            Drop::Replay
        }
        Error::InvalidPacket if is_data => Drop::NotIp,
        Error::NoCurrentSession | Error::WrongIndex | Error::UnexpectedPacket => Drop::NoSession,
        _ if is_data => Drop::Forged,
        _ => Drop::Handshake,
    }
}

fn word(datagram: &[u8], at: usize) -> Result<u32, Drop> {
    let bytes = datagram.get(at..).and_then(<[u8]>::first_chunk);
    bytes.copied().map(u32::from_le_bytes).ok_or(Drop::Malformed)
}

/// Returns where a packet goes.
pub(super) fn destination(packet: &[u8]) -> Option<IpAddr> {
    let at = |from: usize| packet.get(from..);
    match packet.first()? >> 4 {
        4 => at(16)?.first_chunk::<4>().copied().map(IpAddr::from),
        6 => at(24)?.first_chunk::<16>().copied().map(IpAddr::from),
        _ => None,
    }
}

/// Whether an address is no other host: whoever dialled it would reach this machine's own
/// loopback, whose services are not meant for others.
fn is_nowhere(ip: IpAddr) -> bool {
    let is_local = |ip: IpAddr| ip.is_loopback() || ip.is_unspecified();
    let embedded = match ip {
        // As it may be dialled: `::ffff:127.0.0.1` is loopback, too.
        IpAddr::V6(v6) => v6.to_ipv4().map(IpAddr::V4),
        IpAddr::V4(_) => None,
    };
    is_local(ip) || embedded.is_some_and(is_local)
}
