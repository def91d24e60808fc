//! What the engine tells a stack.

use std::time::Instant;

use sidestream_packet::Unreachable;

use crate::{AssociationId, EchoId, Netstack, Refusal, StreamId};

/// What the engine answers. Names that have ended are passed over in silence.
impl Netstack {
    /// Completes a client's handshake: the real server has accepted.
    pub fn accept(&mut self, id: StreamId, now: Instant) {
        self.core.set_now(now);
        self.tcp.accept(&mut self.core, id.0);
    }

    /// Refuses a client as the real server did; the name ends, and nothing more is said of it.
    ///
    /// A client that was accepted already is past refusing: [`reset`](Self::reset) it.
    pub fn refuse(&mut self, id: StreamId, refusal: Refusal) {
        if self.tcp.refuse(&mut self.core, id.0, refusal) {
            self.core.events.retain(|event| event.stream() != Some(id));
        }
    }

    /// Gives `take` what the client sent, piece by piece, until it takes less than it gets;
    /// returns how much it took.
    ///
    /// What is not taken fills the buffer, and then the client has to wait.
    pub fn read(&mut self, id: StreamId, take: impl FnMut(&[u8]) -> usize) -> usize {
        self.tcp.read(&mut self.core, id.0, take)
    }

    /// Takes bytes for the client, as many as there is room for, and returns how many.
    ///
    /// After it took less than all, [`Output::Writable`](crate::Output::Writable) says when to go on.
    pub fn write(&mut self, id: StreamId, bytes: &[u8], now: Instant) -> usize {
        self.core.set_now(now);
        self.tcp.write(&mut self.core, id.0, bytes)
    }

    /// Ends the half that goes to the client, after what was written.
    pub fn shutdown(&mut self, id: StreamId, now: Instant) {
        self.core.set_now(now);
        self.tcp.shutdown(&mut self.core, id.0);
    }

    /// Resets a connection; the name ends, and nothing more is said of it.
    pub fn reset(&mut self, id: StreamId) {
        self.tcp.reset(&mut self.core, id.0);
        self.core.events.retain(|event| event.stream() != Some(id));
    }

    /// Sends a datagram to the client of an association, in fragments where it is too long for
    /// the device.
    pub fn send(&mut self, id: AssociationId, payload: &[u8], now: Instant) {
        self.core.set_now(now);
        self.udp.send(&mut self.core, id.0, payload);
    }

    /// Tells the client that its last datagram was not delivered; the association goes on.
    pub fn unreachable(&mut self, id: AssociationId, reason: Unreachable) {
        self.udp.refuse(&mut self.core, id.0, reason);
    }

    /// Forgets an association; the name ends.
    pub fn close(&mut self, id: AssociationId) {
        self.udp.close(&mut self.core, id.0);
        self.core.events.retain(|event| event.association() != Some(id));
    }

    /// Tells who pings that the host has answered.
    pub fn echo_reply(&mut self, id: EchoId) {
        self.echoes.reply(&mut self.core, id.0);
    }

    /// Tells who pings that the host is not reached.
    pub fn echo_unreachable(&mut self, id: EchoId, reason: Unreachable) {
        self.echoes.refuse(&mut self.core, id.0, reason);
    }
}
