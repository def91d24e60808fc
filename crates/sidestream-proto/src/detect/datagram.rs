//! DTLS and QUIC, by the first datagram of a client.

use sidestream_record::Protocol;

/// Tells what a client's datagram begins.
pub fn of_datagram(bytes: &[u8]) -> Option<Protocol> {
    if is_client_hello(bytes) {
        Some(Protocol::Dtls)
    } else if is_initial(bytes) {
        Some(Protocol::Quic)
    } else {
        None
    }
}

/// Reads numbers and stretches off the front.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self, len: usize) -> Option<u64> {
        Some(self.take(len)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// A number of variable length (RFC 9000 §16).
    fn varint(&mut self) -> Option<u64> {
        let len = 1 << (self.0.first()? >> 6);
        let mask = (1 << (8 * len - 2)) - 1;
        Some(self.number(len)? & mask)
    }
}

/// Returns whether a record of DTLS holds the beginning of a ClientHello (RFC 6347 §4.1, §4.2).
fn is_client_hello(bytes: &[u8]) -> bool {
    const HANDSHAKE: u64 = 22;
    const CLIENT_HELLO: u64 = 1;
    /// Its own version, its random, and the lengths of a session, a cookie and two lists.
    const MIN_HELLO: u64 = 2 + 32 + 1 + 1 + 2 + 1;
    let mut record = Cursor(bytes);
    let read = |record: &mut Cursor<'_>| {
        let (kind, version, epoch) = (record.number(1)?, record.number(2)?, record.number(2)?);
        let (_sequence, len) = (record.number(6)?, record.number(2)?);
        let mut message = Cursor(record.take(usize::try_from(len).ok()?)?);
        let (message_kind, whole) = (message.number(1)?, message.number(3)?);
        let (number, offset, part) = (message.number(2)?, message.number(3)?, message.number(3)?);
        let fits = kind == HANDSHAKE
            && is_dtls(version)
            && epoch == 0
            && message_kind == CLIENT_HELLO
            && whole >= MIN_HELLO
            && number <= 1
            && offset == 0
            && part > 0
            && part <= whole
            && part == message.0.len() as u64;
        (fits && is_dtls(message.number(2)?)).then_some(())
    };
    read(&mut record).is_some()
}

const fn is_dtls(version: u64) -> bool {
    matches!(version, 0xfeff | 0xfefd)
}

/// Returns whether it is a client's first packet of QUIC (RFC 9000 §14.1, §17.2.2, RFC 9369 §3.2).
fn is_initial(bytes: &[u8]) -> bool {
    const MIN_DATAGRAM: usize = 1200;
    /// What a packet number, a sample for its protection and a tag take at least.
    const MIN_PACKET: u64 = 20;
    let mut packet = Cursor(bytes);
    let read = |packet: &mut Cursor<'_>| {
        let (first, version) = (packet.number(1)?, packet.number(4)?);
        let initial = match version {
            // The version of RFC 9000, and the drafts from 29 on that came to be it.
            1 | 0xff00_001d..=0xff00_0022 => 0b00,
            0x6b33_43cf => 0b01,
            _ => return None,
        };
        let to = packet.number(1)?;
        packet.take(usize::try_from(to).ok()?)?;
        let from = packet.number(1)?;
        packet.take(usize::try_from(from).ok()?)?;
        let token = packet.varint()?;
        packet.take(usize::try_from(token).ok()?)?;
        let len = packet.varint()?;
        let fits = first >> 6 == 0b11
            && first >> 4 & 0b11 == initial
            && (8..=20).contains(&to)
            && from <= 20
            && len >= MIN_PACKET
            && len <= packet.0.len() as u64;
        fits.then_some(())
    };
    bytes.len() >= MIN_DATAGRAM && read(&mut packet).is_some()
}
