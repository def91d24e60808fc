//! Packets of TCP around the bytes of a connection (RFC 9293).

use std::io;
use std::net::SocketAddr;

use sidestream_packet::TcpFlags;
use sidestream_packet::build::{self, TcpHeader};

use crate::ends::{Each, End, alike};

/// How much goes into one packet: as much as a machine hands its network card at once, and less
/// than IP has room for.
const SEGMENT_BYTES: usize = 60 * 1024;

/// The window that everybody has, scaled by what is agreed on in the handshake to a gigabyte:
/// nobody's is ever full.
const WINDOW: u16 = u16::MAX;

/// What a handshake agrees on: the largest segment of an Ethernet, and the scale of windows
/// (RFC 7323 §2), with one byte of nothing.
const OPTIONS: [u8; 8] = [2, 4, 0x05, 0xb4, 1, 3, 3, 14];

/// Makes packets around what two ends say to each other over TCP.
///
/// What was sent is acknowledged at once by an empty packet of the other end.
#[derive(Clone, Debug)]
pub struct Connection {
    halves: [Half; 2],
    reset: bool,
    packet: Vec<u8>,
}

#[derive(Clone, Debug)]
struct Half {
    addr: SocketAddr,
    /// The number of what it sends next.
    next: u32,
    ended: bool,
}

impl Connection {
    /// Between these, who opens it first, with the numbers with which they begin: a later
    /// connection between the same ends needs others.
    pub fn new(ends: [SocketAddr; 2], numbers: [u32; 2]) -> Self {
        let [opener, accepter] = alike(ends);
        let half = |addr, next| Half { addr, next, ended: false };
        let halves = [half(opener, numbers[0]), half(accepter, numbers[1])];
        Self { halves, reset: false, packet: Vec::new() }
    }

    /// Opens it, by a handshake.
    ///
    /// # Errors
    ///
    /// Those of `each`, here as everywhere.
    pub fn open(&mut self, each: &mut Each<'_>) -> io::Result<()> {
        self.put(End::Opener, TcpFlags::SYN, &[], each)?;
        self.put(End::Accepter, TcpFlags::SYN | TcpFlags::ACK, &[], each)?;
        self.put(End::Opener, TcpFlags::ACK, &[], each)
    }

    /// Has the opener ask, and be refused.
    ///
    /// # Errors
    ///
    /// Those of `each`.
    pub fn refuse(&mut self, each: &mut Each<'_>) -> io::Result<()> {
        self.put(End::Opener, TcpFlags::SYN, &[], each)?;
        // Of a connection that never was there is no number.
        self.halves[End::Accepter.place()].next = 0;
        self.reset(End::Accepter, each)
    }

    /// Sends bytes, in as many packets as they take. Who has ended sends no more.
    ///
    /// # Errors
    ///
    /// Those of `each`.
    pub fn send(&mut self, from: End, data: &[u8], each: &mut Each<'_>) -> io::Result<()> {
        if data.is_empty() || self.has_ended(from) {
            return Ok(());
        }
        let mut pieces = data.chunks(SEGMENT_BYTES).peekable();
        while let Some(piece) = pieces.next() {
            let flags = match pieces.peek() {
                Some(_) => TcpFlags::ACK,
                None => TcpFlags::ACK | TcpFlags::PSH,
            };
            self.put(from, flags, piece, each)?;
        }
        self.put(from.other(), TcpFlags::ACK, &[], each)
    }

    /// Leaves out so many bytes that one end has sent: a reader sees that they are missing.
    pub fn skip(&mut self, from: End, bytes: u64) {
        let [_, _, _, _, a, b, c, d] = bytes.to_be_bytes();
        let half = &mut self.halves[from.place()];
        half.next = half.next.wrapping_add(u32::from_be_bytes([a, b, c, d]));
    }

    /// Says that one end sends no more. Said twice, it is said once.
    ///
    /// # Errors
    ///
    /// Those of `each`.
    pub fn end(&mut self, from: End, each: &mut Each<'_>) -> io::Result<()> {
        if self.has_ended(from) {
            return Ok(());
        }
        self.put(from, TcpFlags::FIN | TcpFlags::ACK, &[], each)?;
        self.halves[from.place()].ended = true;
        self.put(from.other(), TcpFlags::ACK, &[], each)
    }

    /// Breaks it off, unless it is over.
    ///
    /// # Errors
    ///
    /// Those of `each`.
    pub fn reset(&mut self, from: End, each: &mut Each<'_>) -> io::Result<()> {
        if self.is_over() {
            return Ok(());
        }
        self.put(from, TcpFlags::RST | TcpFlags::ACK, &[], each)?;
        self.reset = true;
        Ok(())
    }

    /// Returns whether both ends have ended, or one broke it off.
    pub fn is_over(&self) -> bool {
        self.reset || self.halves.iter().all(|half| half.ended)
    }

    fn has_ended(&self, end: End) -> bool {
        self.reset || self.halves[end.place()].ended
    }

    /// Makes a packet, and counts what it takes of the numbers.
    fn put(
        &mut self,
        from: End,
        flags: TcpFlags,
        data: &[u8],
        each: &mut Each<'_>,
    ) -> io::Result<()> {
        let (half, other) = (&self.halves[from.place()], &self.halves[from.other().place()]);
        let header = TcpHeader {
            sequence: half.next,
            acknowledgment: if flags.contains(TcpFlags::ACK) { other.next } else { 0 },
            flags,
            window: WINDOW,
            options: if flags.contains(TcpFlags::SYN) { &OPTIONS } else { &[] },
        };
        self.packet.clear();
        build::tcp(&mut self.packet, half.addr, other.addr, &header, data)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        each(from, &self.packet)?;
        let marks = flags.contains(TcpFlags::SYN) || flags.contains(TcpFlags::FIN);
        let taken = u32::try_from(data.len()).unwrap_or_default() + u32::from(marks);
        let half = &mut self.halves[from.place()];
        half.next = half.next.wrapping_add(taken);
        Ok(())
    }
}
