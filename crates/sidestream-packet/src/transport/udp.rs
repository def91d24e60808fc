//! Datagrams of UDP (RFC 768).

use std::fmt;
use std::net::IpAddr;

use super::{check_land, verify};
use crate::bytes::be16;
use crate::ip::Header;
use crate::sum::UDP_CHECKSUM;
use crate::{Checksum, Defect};

/// The length of a header.
pub(crate) const LEN: usize = 8;

/// A datagram of UDP.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct UdpDatagram<'a> {
    bytes: &'a [u8],
}

impl<'a> UdpDatagram<'a> {
    pub(super) fn read(
        header: &Header,
        bytes: &'a [u8],
        checksum: Checksum,
    ) -> Result<Self, Defect> {
        if bytes.len() < LEN {
            return Err(Defect::Truncated);
        }
        let len = usize::from(be16(bytes, 4));
        if len < LEN {
            return Err(Defect::BadLength);
        }
        // What the packet has beyond the datagram is none of its payload.
        let bytes = bytes.get(..len).ok_or(Defect::BadLength)?;
        match (checksum, header.source, be16(bytes, UDP_CHECKSUM)) {
            // RFC 768: the sender made none.
            (Checksum::Complete, IpAddr::V4(_), 0) => {}
            (Checksum::Complete, IpAddr::V6(_), 0) => return Err(Defect::ZeroChecksum),
            _ => verify(header, bytes, checksum, UDP_CHECKSUM)?,
        }
        let datagram = Self { bytes };
        if datagram.destination_port() == 0 {
            return Err(Defect::PortZero);
        }
        check_land(header, bytes)?;
        Ok(datagram)
    }

    /// Returns the port it comes from; zero where no answer is wanted.
    pub fn source_port(&self) -> u16 {
        be16(self.bytes, 0)
    }

    /// Returns the port it goes to.
    pub fn destination_port(&self) -> u16 {
        be16(self.bytes, 2)
    }

    /// Returns what it carries.
    pub fn payload(&self) -> &'a [u8] {
        &self.bytes[LEN..]
    }
}

impl fmt::Debug for UdpDatagram<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UdpDatagram")
            .field("source_port", &self.source_port())
            .field("destination_port", &self.destination_port())
            .field("payload_len", &self.payload().len())
            .finish()
    }
}
