//! Segments of TCP.

use std::net::SocketAddr;

use super::{BuildError, header};
use crate::sum::write_checksum;
use crate::transport::TcpFlags;
use crate::{Packet, Transport, protocol};

/// What the header of a segment says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpHeader<'a> {
    /// The number of its first byte.
    pub sequence: u32,
    /// The number of the next byte expected.
    pub acknowledgment: u32,
    /// Its control bits.
    pub flags: TcpFlags,
    /// Its window, unscaled.
    pub window: u16,
    /// Its options as they stand on the wire, padded to a multiple of four.
    pub options: &'a [u8],
}

/// Appends a segment.
///
/// # Errors
///
/// [`BuildError::Family`], and [`BuildError::TooLong`] also for options of more than 40 bytes, or
/// unpadded ones.
pub fn tcp(
    out: &mut Vec<u8>,
    source: SocketAddr,
    destination: SocketAddr,
    fields: &TcpHeader<'_>,
    payload: &[u8],
) -> Result<(), BuildError> {
    let header_len = 20 + fields.options.len();
    if header_len > 60 || !header_len.is_multiple_of(4) {
        return Err(BuildError::TooLong);
    }
    let words = u16::try_from(header_len / 4).unwrap_or(15);
    let len = header_len + payload.len();
    let start = header(out, source.ip(), destination.ip(), protocol::TCP, len)?;
    out.extend_from_slice(&source.port().to_be_bytes());
    out.extend_from_slice(&destination.port().to_be_bytes());
    out.extend_from_slice(&fields.sequence.to_be_bytes());
    out.extend_from_slice(&fields.acknowledgment.to_be_bytes());
    let flags = fields.flags.0 & TcpFlags::MASK;
    out.extend_from_slice(&(words << 12 | flags).to_be_bytes());
    out.extend_from_slice(&fields.window.to_be_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(fields.options);
    out.extend_from_slice(payload);
    write_checksum(&mut out[start..], protocol::TCP, source.ip(), destination.ip());
    Ok(())
}

/// Appends the reset that answers a segment for which there is no connection (RFC 9293
/// §3.10.7.1).
///
/// # Errors
///
/// [`BuildError::Forbidden`] where `refused` is a reset itself, or is not TCP at all.
pub fn reset(out: &mut Vec<u8>, refused: &Packet<'_>) -> Result<(), BuildError> {
    let (Transport::Tcp(segment), Some(key)) = (refused.transport(), refused.key()) else {
        return Err(BuildError::Forbidden);
    };
    if segment.flags().contains(TcpFlags::RST) {
        return Err(BuildError::Forbidden);
    }
    let fields = if segment.flags().contains(TcpFlags::ACK) {
        let sequence = segment.acknowledgment();
        TcpHeader { sequence, flags: TcpFlags::RST, ..TcpHeader::default() }
    } else {
        let acknowledgment = segment.sequence().wrapping_add(segment.sequence_len());
        TcpHeader { acknowledgment, flags: TcpFlags::RST | TcpFlags::ACK, ..TcpHeader::default() }
    };
    tcp(out, key.server, key.client, &fields, &[])
}
