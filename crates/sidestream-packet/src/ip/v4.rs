//! The header of IPv4 and its options (RFC 791 §3.1).

use std::net::Ipv4Addr;

use super::{Header, Piece};
use crate::bytes::{be16, put16};
use crate::{Defect, Sum};

/// The length of a header without options.
pub(crate) const MIN_LEN: usize = 20;
/// "More fragments", among flags and offset.
pub(crate) const MORE: u16 = 0x2000;
/// "Don't fragment", among flags and offset.
pub(crate) const DONT_FRAGMENT: u16 = 0x4000;

pub(super) fn read(bytes: &[u8]) -> Result<Header, Defect> {
    let fixed: &[u8; MIN_LEN] = bytes.first_chunk().ok_or(Defect::Truncated)?;
    let len = usize::from(fixed[0] & 0xf) * 4;
    let total_len = usize::from(be16(fixed, 2));
    if len < MIN_LEN {
        return Err(Defect::BadHeaderLength);
    }
    if total_len < len {
        return Err(Defect::BadLength);
    }
    if total_len > bytes.len() {
        return Err(Defect::Truncated);
    }
    if Sum::default().bytes(&bytes[..len]).fold() != 0xffff {
        return Err(Defect::BadHeaderChecksum);
    }
    check_options(&bytes[MIN_LEN..len])?;
    let place = be16(fixed, 6);
    let (offset, more) = ((place & 0x1fff) << 3, place & MORE != 0);
    let piece = Piece { id: be16(fixed, 4).into(), offset, more };
    Ok(Header {
        source: Ipv4Addr::new(fixed[12], fixed[13], fixed[14], fixed[15]).into(),
        destination: Ipv4Addr::new(fixed[16], fixed[17], fixed[18], fixed[19]).into(),
        hop_limit: fixed[8],
        traffic_class: fixed[1],
        protocol: fixed[9],
        protocol_at: 9,
        len,
        total_len,
        piece: (offset != 0 || more).then_some(piece),
    })
}

fn check_options(mut options: &[u8]) -> Result<(), Defect> {
    const LOOSE_SOURCE_ROUTE: u8 = 131;
    const STRICT_SOURCE_ROUTE: u8 = 137;
    loop {
        options = match options {
            [] | [0, ..] => return Ok(()),
            [1, rest @ ..] => rest,
            [LOOSE_SOURCE_ROUTE | STRICT_SOURCE_ROUTE, ..] => return Err(Defect::SourceRoute),
            [_, len, ..] if *len >= 2 => {
                options.get(usize::from(*len)..).ok_or(Defect::BadOptions)?
            }
            _ => return Err(Defect::BadOptions),
        }
    }
}

/// Writes the checksum of a header that stands alone in `header`.
pub(crate) fn write_checksum(header: &mut [u8]) {
    put16(header, 10, 0);
    let checksum = Sum::default().bytes(header).checksum();
    put16(header, 10, checksum);
}
