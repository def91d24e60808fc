//! Packets to the network.

use std::time::Instant;

use boringtun::noise::TunnResult;

use super::incoming::destination;
use super::peer::TICK;
use super::{Hub, MAX_QUEUED, Path};
use crate::counters::Drop;

/// What a datagram that carries data begins with.
const DATA: u8 = 4;

/// One of the peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PeerId(u32);

impl Hub {
    /// Finds the peer that a packet is for, and the way to it. A packet without one is counted.
    pub fn route(&self, packet: &[u8]) -> Option<(PeerId, Path)> {
        let found = destination(packet).and_then(|ip| self.routes.find(ip));
        let Some(id) = found else {
            self.handle.count(Drop::NoRoute);
            return None;
        };
        let path = self.peers[id as usize].path;
        if path.is_none() {
            self.handle.count(Drop::NoEndpoint);
        }
        path.map(|path| (PeerId(id), path))
    }

    /// Seals a packet for a peer into the beginning of `out`, which needs room for 148 bytes and
    /// for 32 more than the packet has; returns the datagram's length.
    ///
    /// Without a session there is no datagram: the packet waits for one, and the peer is asked for
    /// it. A few may wait; what is beyond is counted.
    pub fn seal(
        &mut self,
        to: PeerId,
        packet: &[u8],
        now: Instant,
        out: &mut [u8],
    ) -> Option<usize> {
        let PeerId(id) = to;
        if out.len() < 148 || out.len() < packet.len() + super::OVERHEAD {
            self.handle.count(Drop::TooLong);
            return None;
        }
        if self.peers[id as usize].queued >= MAX_QUEUED {
            self.handle.count(Drop::Queue);
            return None;
        }
        self.wake(id, now);
        let sealed = match self.tunn(id).encapsulate(packet, out) {
            TunnResult::WriteToNetwork(sealed) => Some((sealed.len(), sealed[0] == DATA)),
            TunnResult::Done => None,
            _ => {
                self.handle.count(Drop::NoSession);
                return None;
            }
        };
        self.busy(id, now);
        if let Some((len, true)) = sealed {
            self.handle.sent(id, len);
            return Some(len);
        }
        self.peers[id as usize].queued += 1;
        if let Some((len, false)) = sealed {
            self.scratch[..len].copy_from_slice(&out[..len]);
            self.reply_to_peer(id, len);
        }
        None
    }

    /// Sends what waited for a session.
    pub(super) fn flush(&mut self, id: u32) {
        // Each is taken out of the queue, or put back into it where there is no session yet.
        for _ in 0..=std::mem::take(&mut self.peers[id as usize].queued) {
            let Self { peers, scratch, .. } = self;
            let Some(tunn) = &mut peers[id as usize].tunn else { return };
            let TunnResult::WriteToNetwork(sealed) = tunn.decapsulate(None, &[], scratch) else {
                return;
            };
            let len = sealed.len();
            self.reply_to_peer(id, len);
        }
    }

    /// Has a peer looked after soon, as something goes on.
    pub(super) fn busy(&mut self, id: u32, now: Instant) {
        let peer = &mut self.peers[id as usize];
        if !std::mem::replace(&mut peer.is_busy, true) {
            self.schedule(id, now + TICK);
        }
    }
}
