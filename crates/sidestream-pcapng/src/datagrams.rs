//! Packets of UDP around datagrams.

use std::io;
use std::net::SocketAddr;

use sidestream_packet::build;

use crate::ends::{Each, End, alike};

/// Two ends that send each other datagrams.
#[derive(Clone, Debug)]
pub struct Datagrams {
    ends: [SocketAddr; 2],
    packet: Vec<u8>,
}

impl Datagrams {
    /// Between these: who began, and the other.
    pub fn new(ends: [SocketAddr; 2]) -> Self {
        Self { ends: alike(ends), packet: Vec::new() }
    }

    /// Sends a datagram.
    ///
    /// # Errors
    ///
    /// Those of `each`, and that it is longer than any datagram.
    pub fn send(&mut self, from: End, data: &[u8], each: &mut Each<'_>) -> io::Result<()> {
        let (source, destination) = (self.ends[from.place()], self.ends[from.other().place()]);
        self.packet.clear();
        build::udp(&mut self.packet, source, destination, data)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        each(from, &self.packet)
    }
}
