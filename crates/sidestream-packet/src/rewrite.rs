//! Other ends for a packet, in place.

use std::net::{IpAddr, SocketAddr};

use thiserror::Error;

use crate::bytes::{be16, put16};
use crate::sum::{TCP_CHECKSUM, UDP_CHECKSUM, never_absent, update};
use crate::{Checksum, Defect, Packet, Transport};

/// Why a packet cannot be rewritten; it was left as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RewriteError {
    /// The new address is of another family than the packet.
    #[error("the new address is of another family")]
    Family,
    /// The hop limit is used up: drop it, and tell its sender.
    #[error("the hop limit is used up")]
    HopLimit,
    /// It is no packet.
    #[error("it is no packet")]
    Malformed(#[from] Defect),
    /// It has no ports: it is neither TCP nor UDP, or a fragment that must be reassembled first.
    #[error("it has no ports")]
    NoPorts,
}

/// Replaces source and destination of a TCP or UDP packet, and brings its checksums up to date
/// without summing it anew (RFC 1624).
///
/// A missing checksum of UDP stays missing; a [partial](Checksum::Partial) one stays partial.
///
/// # Errors
///
/// See [`RewriteError`].
///
/// ```
/// use sidestream_packet::{Checksum, Packet, build, rewrite};
///
/// let mut bytes = Vec::new();
/// build::udp(&mut bytes, ([10, 0, 0, 2], 4000).into(), ([192, 0, 2, 1], 53).into(), b"question")?;
/// rewrite(&mut bytes, Checksum::Complete, None, Some(([198, 51, 100, 1], 5353).into()))?;
/// let packet = Packet::parse(&bytes, Checksum::Complete)?;
/// assert_eq!(packet.to_string(), "10.0.0.2:4000 > 198.51.100.1:5353: udp len 8");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn rewrite(
    bytes: &mut [u8],
    checksum: Checksum,
    source: Option<SocketAddr>,
    destination: Option<SocketAddr>,
) -> Result<(), RewriteError> {
    let packet = Packet::parse(bytes, unverified(checksum))?;
    let field = match packet.transport() {
        Transport::Tcp(_) => TCP_CHECKSUM,
        Transport::Udp(_) => UDP_CHECKSUM,
        _ => return Err(RewriteError::NoPorts),
    };
    let v4 = packet.source().is_ipv4();
    if [source, destination].into_iter().flatten().any(|new| new.is_ipv4() != v4) {
        return Err(RewriteError::Family);
    }
    let start = packet.header_len();
    let addresses = if v4 { 12..20 } else { 8..40 };
    let ports = start..start + 4;
    let middle = addresses.start + addresses.len() / 2;
    let mut old_addresses = [0; 32];
    let old_addresses = &mut old_addresses[..addresses.len()];
    old_addresses.copy_from_slice(&bytes[addresses.clone()]);
    let old_ports = [bytes[start], bytes[start + 1], bytes[start + 2], bytes[start + 3]];
    if let Some(source) = source {
        put_addr(&mut bytes[addresses.start..middle], source.ip());
        put16(bytes, start, source.port());
    }
    if let Some(destination) = destination {
        put_addr(&mut bytes[middle..addresses.end], destination.ip());
        put16(bytes, start + 2, destination.port());
    }
    if v4 {
        let sum = update(be16(bytes, 10), old_addresses, &bytes[addresses.clone()]);
        put16(bytes, 10, sum);
    }
    let value = be16(bytes, start + field);
    let value = match checksum {
        // The field holds the sum of the pseudo-header alone, which has no ports.
        Checksum::Partial { .. } => !update(!value, old_addresses, &bytes[addresses]),
        _ if v4 && field == UDP_CHECKSUM && value == 0 => 0,
        _ => {
            let value = update(value, old_addresses, &bytes[addresses]);
            never_absent(update(value, &old_ports, &bytes[ports]), field)
        }
    };
    put16(bytes, start + field, value);
    Ok(())
}

/// Takes one off the hop limit of a packet that is forwarded, and returns what is left.
///
/// # Errors
///
/// [`RewriteError::HopLimit`] where nothing would be left, and [`RewriteError::Malformed`].
pub fn decrement_hop_limit(bytes: &mut [u8]) -> Result<u8, RewriteError> {
    let packet = Packet::parse(bytes, Checksum::Verified)?;
    let left = match packet.hop_limit() {
        0 | 1 => return Err(RewriteError::HopLimit),
        limit => limit - 1,
    };
    if packet.source().is_ipv4() {
        let old = [bytes[8], bytes[9]];
        bytes[8] = left;
        let sum = update(be16(bytes, 10), &old, &bytes[8..10]);
        put16(bytes, 10, sum);
    } else {
        bytes[7] = left;
    }
    Ok(left)
}

/// Asks for no verification of what an earlier look has verified.
pub(crate) const fn unverified(checksum: Checksum) -> Checksum {
    match checksum {
        Checksum::Complete => Checksum::Verified,
        other => other,
    }
}

fn put_addr(field: &mut [u8], addr: IpAddr) {
    match addr {
        IpAddr::V4(addr) => field.copy_from_slice(&addr.octets()),
        IpAddr::V6(addr) => field.copy_from_slice(&addr.octets()),
    }
}
