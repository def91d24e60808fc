//! A packet cut into fragments.

use std::net::IpAddr;

use super::BuildError;
use crate::bytes::put16;
use crate::ip::{v4, v6};
use crate::{Packet, Transport, protocol};

/// Gives `each` the fragments of a packet for a link of that `mtu` (RFC 791 §3.2, RFC 8200 §4.5),
/// or the packet itself where it fits, and returns how many there were.
///
/// It is for packets of this host, whose checksums are complete: that over IPv4 they forbid
/// fragmentation does not hold it back. `id` must not come again soon between the same ends; of
/// it IPv4 has room for the lower half.
///
/// # Errors
///
/// [`BuildError::Forbidden`] for a fragment, [`BuildError::Mtu`] for an MTU that has no room.
pub fn fragment(
    packet: &Packet<'_>,
    mtu: u16,
    id: u32,
    mut each: impl FnMut(&[u8]),
) -> Result<usize, BuildError> {
    let bytes = packet.bytes();
    if bytes.len() <= usize::from(mtu) {
        each(bytes);
        return Ok(1);
    }
    if matches!(packet.transport(), Transport::Fragment(_)) {
        return Err(BuildError::Forbidden);
    }
    let (mut head, payload) = match packet.source() {
        IpAddr::V4(_) => (bytes[..packet.header_len()].to_vec(), &bytes[packet.header_len()..]),
        IpAddr::V6(_) => head_v6(bytes, id),
    };
    let size = usize::from(mtu).saturating_sub(head.len()) & !7;
    if size == 0 {
        return Err(BuildError::Mtu);
    }
    let count = payload.len().div_ceil(size);
    let mut piece = Vec::with_capacity(head.len() + size);
    for (index, data) in payload.chunks(size).enumerate() {
        let offset = u16::try_from(index * size).map_err(|_too_long| BuildError::TooLong)?;
        let more = index + 1 < count;
        piece.clear();
        piece.extend_from_slice(&head);
        piece.extend_from_slice(data);
        let len = u16::try_from(piece.len()).map_err(|_too_long| BuildError::TooLong)?;
        match packet.source() {
            IpAddr::V4(_) => {
                put16(&mut piece, 2, len);
                let [_, _, high, low] = id.to_be_bytes();
                put16(&mut piece, 4, u16::from_be_bytes([high, low]));
                put16(&mut piece, 6, offset >> 3 | if more { v4::MORE } else { 0 });
                v4::write_checksum(&mut piece[..head.len()]);
                blank_options(&mut head);
            }
            IpAddr::V6(_) => {
                put16(&mut piece, 4, len - 40);
                put16(&mut piece, head.len() - 6, offset | u16::from(more));
            }
        }
        each(&piece);
    }
    Ok(count)
}

/// Makes the headers of each fragment: those that every router reads, and a fragment header.
fn head_v6(bytes: &[u8], id: u32) -> (Vec<u8>, &[u8]) {
    let (at, len) = match bytes[6] {
        protocol::HOP_BY_HOP => (v6::LEN, v6::LEN + (usize::from(bytes[v6::LEN + 1]) + 1) * 8),
        _ => (6, v6::LEN),
    };
    let mut head = bytes[..len].to_vec();
    let next = std::mem::replace(&mut head[at], protocol::FRAGMENT);
    head.extend_from_slice(&[next, 0, 0, 0]);
    head.extend_from_slice(&id.to_be_bytes());
    (head, &bytes[len..])
}

/// Overwrites the options that only the first fragment carries (RFC 791 §3.1, the copied flag).
fn blank_options(head: &mut [u8]) {
    const COPIED: u8 = 0x80;
    const NOTHING: u8 = 1;
    let mut at = v4::MIN_LEN;
    while at < head.len() && head[at] != 0 {
        let len = if head[at] == NOTHING { 1 } else { usize::from(head[at + 1]) };
        if head[at] & COPIED == 0 {
            head[at..at + len].fill(NOTHING);
        }
        at += len;
    }
}
