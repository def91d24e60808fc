//! Segments of TCP (RFC 9293 §3.1).

mod flags;
mod options;

pub use flags::TcpFlags;
pub use options::{TcpOption, TcpOptions};

use std::fmt;

use super::{check_land, verify};
use crate::bytes::{be16, be32};
use crate::ip::{Header, is_broadcast};
use crate::sum::TCP_CHECKSUM;
use crate::{Checksum, Defect};

/// The length of a header without options.
pub(crate) const MIN_LEN: usize = 20;

/// A segment of TCP.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TcpSegment<'a> {
    bytes: &'a [u8],
}

impl<'a> TcpSegment<'a> {
    pub(super) fn read(
        header: &Header,
        bytes: &'a [u8],
        checksum: Checksum,
    ) -> Result<Self, Defect> {
        if bytes.len() < MIN_LEN {
            return Err(Defect::Truncated);
        }
        let segment = Self { bytes };
        let len = segment.header_len();
        if len < MIN_LEN || len > bytes.len() {
            return Err(Defect::BadHeaderLength);
        }
        verify(header, bytes, checksum, TCP_CHECKSUM)?;
        if segment.source_port() == 0 || segment.destination_port() == 0 {
            return Err(Defect::PortZero);
        }
        if !segment.flags().is_possible() {
            return Err(Defect::ImpossibleFlags);
        }
        if header.destination.is_multicast() || is_broadcast(header.destination) {
            return Err(Defect::DestinationMulticast);
        }
        check_land(header, bytes)?;
        options::check(segment.option_bytes())?;
        Ok(segment)
    }

    /// Returns the port it comes from.
    pub fn source_port(&self) -> u16 {
        be16(self.bytes, 0)
    }

    /// Returns the port it goes to.
    pub fn destination_port(&self) -> u16 {
        be16(self.bytes, 2)
    }

    /// Returns the number of its first byte, or of its SYN.
    pub fn sequence(&self) -> u32 {
        be32(self.bytes, 4)
    }

    /// Returns the number of the next byte its sender waits for; it means something only with
    /// [`TcpFlags::ACK`].
    pub fn acknowledgment(&self) -> u32 {
        be32(self.bytes, 8)
    }

    /// Returns its control bits.
    pub fn flags(&self) -> TcpFlags {
        TcpFlags(be16(self.bytes, 12) & TcpFlags::MASK)
    }

    /// Returns its window as it stands there, before any scaling.
    pub fn window(&self) -> u16 {
        be16(self.bytes, 14)
    }

    /// Returns its urgent pointer.
    pub fn urgent(&self) -> u16 {
        be16(self.bytes, 18)
    }

    /// Returns its options, without padding.
    pub fn options(&self) -> TcpOptions<'a> {
        TcpOptions::new(self.option_bytes())
    }

    /// Returns what it carries.
    pub fn payload(&self) -> &'a [u8] {
        &self.bytes[self.header_len()..]
    }

    /// Returns how much of the sequence space it takes: its payload, and one each for SYN and FIN
    /// (RFC 9293 §3.4).
    pub fn sequence_len(&self) -> u32 {
        let flags = self.flags();
        let controls =
            u32::from(flags.contains(TcpFlags::SYN)) + u32::from(flags.contains(TcpFlags::FIN));
        let payload =
            u32::try_from(self.payload().len()).expect("a packet has 65,535 bytes at most");
        payload + controls
    }

    /// Returns the length of its header with all options.
    pub fn header_len(&self) -> usize {
        usize::from(self.bytes[12] >> 4) * 4
    }

    pub(crate) fn option_bytes(&self) -> &'a [u8] {
        &self.bytes[MIN_LEN..self.header_len()]
    }
}

impl fmt::Debug for TcpSegment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpSegment")
            .field("source_port", &self.source_port())
            .field("destination_port", &self.destination_port())
            .field("sequence", &self.sequence())
            .field("acknowledgment", &self.acknowledgment())
            .field("flags", &self.flags())
            .field("window", &self.window())
            .field("payload_len", &self.payload().len())
            .finish_non_exhaustive()
    }
}
