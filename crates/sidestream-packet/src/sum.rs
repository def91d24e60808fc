//! The Internet checksum (RFC 1071), whole, incremental (RFC 1624), and completed where it is
//! partial.

use std::net::IpAddr;

use crate::bytes::put16;
use crate::{Checksum, Defect, protocol};

/// A one's complement sum of 16-bit words under way.
///
/// ```
/// use sidestream_packet::Sum;
///
/// let sum = Sum::default().bytes(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]);
/// assert_eq!((sum.fold(), sum.checksum()), (0xddf2, 0x220d)); // the example of RFC 1071 §3
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum(u64);

impl Sum {
    /// Adds bytes; of several slices only the last may have an odd length.
    #[must_use]
    pub fn bytes(self, bytes: &[u8]) -> Self {
        // The order of the bytes in a word does not matter to the sum until it is folded
        // (RFC 1071 §2 B), and four bytes a lane become vector instructions.
        let (words, rest) = bytes.as_chunks::<4>();
        let mut sum: u64 = words.iter().map(|word| u64::from(u32::from_ne_bytes(*word))).sum();
        let mut last = [0; 4];
        last[..rest.len()].copy_from_slice(rest);
        sum += u64::from(u32::from_ne_bytes(last));
        self.word(u16::from_be(fold(sum)))
    }

    /// Adds one word.
    #[must_use]
    pub const fn word(self, word: u16) -> Self {
        Self(self.0 + word as u64)
    }

    /// Takes one word out again (RFC 1624 §3).
    #[must_use]
    pub const fn without(self, word: u16) -> Self {
        self.word(!word)
    }

    /// Adds an address.
    #[must_use]
    pub fn addr(self, addr: IpAddr) -> Self {
        match addr {
            IpAddr::V4(addr) => self.bytes(&addr.octets()),
            IpAddr::V6(addr) => self.bytes(&addr.octets()),
        }
    }

    /// Adds the pseudo-header of a transport (RFC 9293 §3.1, RFC 8200 §8.1).
    #[must_use]
    pub fn pseudo_header(
        self,
        source: IpAddr,
        destination: IpAddr,
        protocol: u8,
        len: usize,
    ) -> Self {
        let len = len as u64;
        Self(self.0 + len).addr(source).addr(destination).word(u16::from(protocol))
    }

    /// Returns the sum in 16 bits: `0xffff` over whatever carries its right checksum.
    pub fn fold(self) -> u16 {
        fold(self.0)
    }

    /// Returns the checksum: the complement of the sum.
    pub fn checksum(self) -> u16 {
        !self.fold()
    }
}

fn fold(mut sum: u64) -> u16 {
    sum = (sum & 0xffff_ffff) + (sum >> 32);
    sum = (sum & 0xffff_ffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    u16::try_from(sum).expect("it is folded to 16 bits")
}

/// Where the checksum of UDP stands in its header.
pub(crate) const UDP_CHECKSUM: usize = 6;
/// Where the checksum of TCP stands in its header.
pub(crate) const TCP_CHECKSUM: usize = 16;
/// Where the checksum of ICMP stands in its header.
pub(crate) const ICMP_CHECKSUM: usize = 2;

/// Sums a transport with its pseudo-header, if it has one.
pub(crate) fn transport(bytes: &[u8], protocol: u8, source: IpAddr, destination: IpAddr) -> Sum {
    let front = match (protocol, source) {
        (protocol::ICMP, IpAddr::V4(_)) => Sum::default(),
        _ => Sum::default().pseudo_header(source, destination, protocol, bytes.len()),
    };
    front.bytes(bytes)
}

/// Writes the checksum of a transport that stands alone in `bytes`.
pub(crate) fn write_checksum(bytes: &mut [u8], protocol: u8, source: IpAddr, destination: IpAddr) {
    let field = match protocol {
        protocol::TCP => TCP_CHECKSUM,
        protocol::UDP => UDP_CHECKSUM,
        _ => ICMP_CHECKSUM,
    };
    put16(bytes, field, 0);
    let checksum = transport(bytes, protocol, source, destination).checksum();
    put16(bytes, field, never_absent(checksum, field));
}

/// Avoids the zero that in UDP means that there is none, by the other zero of one's complement.
pub(crate) const fn never_absent(checksum: u16, field: usize) -> u16 {
    if checksum == 0 && field == UDP_CHECKSUM { 0xffff } else { checksum }
}

/// Writes the checksum of a packet's transport where it is [partial](Checksum::Partial), and
/// leaves the packet alone where it is not.
///
/// # Errors
///
/// [`Defect::BadOffload`] where `checksum` points out of the packet.
pub fn complete(bytes: &mut [u8], checksum: Checksum) -> Result<(), Defect> {
    let Checksum::Partial { start, offset } = checksum else { return Ok(()) };
    let (start, offset) = (usize::from(start), usize::from(offset));
    let covered = bytes.get_mut(start..).ok_or(Defect::BadOffload)?;
    let value = never_absent(Sum::default().bytes(covered).checksum(), offset);
    let field = covered.get_mut(offset..offset + 2).ok_or(Defect::BadOffload)?;
    field.copy_from_slice(&value.to_be_bytes());
    Ok(())
}

/// Replaces words under a finished checksum (RFC 1624 §3, equation 3).
pub(crate) fn update(checksum: u16, old: &[u8], new: &[u8]) -> u16 {
    let removed = Sum::default().bytes(old).fold();
    Sum::default().word(!checksum).without(removed).bytes(new).checksum()
}
