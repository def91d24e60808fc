//! Datagrams that are longer than the device carries go in fragments.

use sidestream_packet::{Checksum, Offload, Packet, build};

use crate::core::Core;

impl Core {
    /// Sends a packet, in fragments where it is too long for the device.
    pub(crate) fn send_fragments(&mut self, packet: &[u8]) {
        let id = self.next_fragment_id();
        let mtu = u16::try_from(self.config.mtu).unwrap_or(u16::MAX);
        let mut pieces = Vec::new();
        // Whom it comes from is whom the client spoke to: nobody takes what comes from there if
        // that can be no host.
        if let Ok(packet) = Packet::parse(packet, Checksum::Verified) {
            _ = build::fragment(&packet, mtu, id, |piece| pieces.push(piece.to_vec()));
        }
        for piece in pieces {
            self.reply(piece, Offload::default());
        }
    }
}
