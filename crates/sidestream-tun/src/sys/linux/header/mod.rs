//! The header that stands before each packet: which work its sender left to the receiver
//! (Virtual I/O Device 1.2, 5.1.6), in the order of bytes of the standard.
//!
//! ```text
//!  0      flags           1 the checksum is partial, 2 it was verified
//!  1      kind            0 one packet, 1 TCP over IPv4, 4 TCP over IPv6, 5 UDP, + 128 with CWR
//!  2..4   header length   of each segment; a hint, which is written and not believed
//!  4..6   segment size    the payload of each segment but the last
//!  6..8   start           where the checksum begins
//!  8..10  offset          where it is written, from there
//! ```

#[cfg(test)]
mod tests;

use sidestream_packet::{Checksum, Offload};

/// How long the header is, in bytes.
pub(super) const LEN: usize = 10;

const NEEDS_CHECKSUM: u8 = 1;
const CHECKSUM_VALID: u8 = 2;

const WHOLE: u8 = 0;
const TCP_V4: u8 = 1;
const TCP_V6: u8 = 4;
const UDP: u8 = 5;
const CWR: u8 = 0x80;

/// Where TCP and UDP keep their checksums.
const TCP_CHECKSUM: u16 = 16;
const UDP_CHECKSUM: u16 = 6;
const UDP_LEN: usize = 8;
/// Where TCP keeps its length and its flags, and the flag among them that only the first segment
/// may carry.
const TCP_DATA_OFFSET: usize = 12;
const TCP_FLAGS: usize = 13;
const TCP_CWR: u8 = 0x80;

/// How a header contradicts its packet, or what was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum HeaderError {
    #[error("the checksum lies beyond the end of the packet")]
    ChecksumOutside,
    #[error("a packet of several segments has no segment size")]
    NoSegmentSize,
    #[error("segments of the kind {0} were not agreed on")]
    UnknownKind(u8),
    #[error("a packet of several segments needs the partial checksum of TCP or UDP")]
    NotSegmentable,
    #[error("the packet ends before its payload")]
    NoPayload,
}

/// Reads the header of a packet of `len` bytes.
pub(super) fn parse(header: &[u8; LEN], len: usize) -> Result<Offload, HeaderError> {
    let [flags, kind, _, _, size @ .., s0, s1, o0, o1] = *header;
    let (start, offset) = (u16::from_le_bytes([s0, s1]), u16::from_le_bytes([o0, o1]));
    let checksum = if flags & NEEDS_CHECKSUM != 0 {
        let partial = Checksum::Partial { start, offset };
        check_inside(partial, len)?;
        partial
    } else if flags & CHECKSUM_VALID != 0 {
        Checksum::Verified
    } else {
        Checksum::Complete
    };
    let segment_size = match kind & !CWR {
        WHOLE => None,
        TCP_V4 | TCP_V6 | UDP => match u16::from_le_bytes(size) {
            0 => return Err(HeaderError::NoSegmentSize),
            size => Some(size),
        },
        _ => return Err(HeaderError::UnknownKind(kind)),
    };
    Ok(Offload { checksum, segment_size })
}

/// Writes the header of a packet.
pub(super) fn encode(packet: &[u8], offload: Offload) -> Result<[u8; LEN], HeaderError> {
    check_inside(offload.checksum, packet.len())?;
    let mut header = [0; LEN];
    match offload.checksum {
        Checksum::Complete => {}
        Checksum::Verified => header[0] = CHECKSUM_VALID,
        Checksum::Partial { start, offset } => {
            header[0] = NEEDS_CHECKSUM;
            header[6..8].copy_from_slice(&start.to_le_bytes());
            header[8..10].copy_from_slice(&offset.to_le_bytes());
        }
    }
    if let Some(size) = offload.segment_size {
        let (kind, headers) = segments(packet, offload.checksum)?;
        match packet.len().checked_sub(headers) {
            None => return Err(HeaderError::NoPayload),
            Some(_) if size == 0 => return Err(HeaderError::NoSegmentSize),
            // It is one segment and goes as it is, for which nothing need have been agreed on.
            Some(payload) if payload <= usize::from(size) => {}
            Some(_) => {
                header[1] = kind;
                // The kernel takes as much as it likes of a hint that does not fit.
                header[2..4].copy_from_slice(&u16::try_from(headers).unwrap_or(0).to_le_bytes());
                header[4..6].copy_from_slice(&size.to_le_bytes());
            }
        }
    }
    Ok(header)
}

fn check_inside(checksum: Checksum, len: usize) -> Result<(), HeaderError> {
    match checksum {
        Checksum::Partial { start, offset }
            if usize::from(start) + usize::from(offset) + 2 > len =>
        {
            Err(HeaderError::ChecksumOutside)
        }
        _ => Ok(()),
    }
}

/// Tells of what kind the segments of a packet are, and how long the headers before its payload.
fn segments(packet: &[u8], checksum: Checksum) -> Result<(u8, usize), HeaderError> {
    let Checksum::Partial { start, offset } = checksum else {
        return Err(HeaderError::NotSegmentable);
    };
    let start = usize::from(start);
    match (packet.first().map(|byte| byte >> 4), offset) {
        (Some(4 | 6), UDP_CHECKSUM) => Ok((UDP, start + UDP_LEN)),
        (Some(version @ (4 | 6)), TCP_CHECKSUM) => {
            let kind = if version == 4 { TCP_V4 } else { TCP_V6 };
            let at = |offset| packet.get(start + offset).copied().unwrap_or_default();
            let cwr = if at(TCP_FLAGS) & TCP_CWR != 0 { CWR } else { 0 };
            Ok((kind | cwr, start + usize::from(at(TCP_DATA_OFFSET) >> 4) * 4))
        }
        _ => Err(HeaderError::NotSegmentable),
    }
}
