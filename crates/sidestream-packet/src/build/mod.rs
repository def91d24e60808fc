//! Packets of our own, appended to a caller's buffer.
//!
//! They carry complete checksums and a hop limit of 64. Over IPv4 they forbid fragmentation, so
//! that they need no identification (RFC 6864 §4.1).

mod fragment;
mod icmp;
mod tcp;

pub use fragment::fragment;
pub use icmp::{Echo, echo, echo_reply, packet_too_big, time_exceeded, unreachable};
pub use tcp::{TcpHeader, reset, tcp};

use std::net::{IpAddr, SocketAddr};

use thiserror::Error;

use crate::ip::{v4, v6};
use crate::protocol;
use crate::sum::write_checksum;

/// The hop limit of all that is built (RFC 1700's default).
pub const HOP_LIMIT: u8 = 64;

/// Why a packet cannot be built; nothing was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Source and destination are of different families.
    #[error("source and destination are of different families")]
    Family,
    /// Standards forbid this answer to that packet: say nothing.
    #[error("that packet must not be answered so")]
    Forbidden,
    /// The MTU leaves no room for the headers and eight bytes: use a longer one.
    #[error("the mtu leaves no room for fragments")]
    Mtu,
    /// The packet would be longer than IP allows: send less at once.
    #[error("the packet would be longer than 65,535 bytes")]
    TooLong,
}

/// Appends a UDP datagram.
///
/// # Errors
///
/// [`BuildError::Family`] and [`BuildError::TooLong`].
///
/// ```
/// use sidestream_packet::{Checksum, Packet, build};
///
/// let mut bytes = Vec::new();
/// build::udp(&mut bytes, ([192, 0, 2, 1], 53).into(), ([10, 0, 0, 2], 4000).into(), b"answer")?;
/// let packet = Packet::parse(&bytes, Checksum::Complete)?;
/// assert_eq!(packet.to_string(), "192.0.2.1:53 > 10.0.0.2:4000: udp len 6");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn udp(
    out: &mut Vec<u8>,
    source: SocketAddr,
    destination: SocketAddr,
    payload: &[u8],
) -> Result<(), BuildError> {
    let len = 8 + payload.len();
    let start = header(out, source.ip(), destination.ip(), protocol::UDP, len)?;
    out.extend_from_slice(&source.port().to_be_bytes());
    out.extend_from_slice(&destination.port().to_be_bytes());
    // The header's length was checked to fit.
    out.extend_from_slice(&u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes());
    out.extend_from_slice(&[0, 0]);
    out.extend_from_slice(payload);
    write_checksum(&mut out[start..], protocol::UDP, source.ip(), destination.ip());
    Ok(())
}

/// Appends the header of a packet, and returns where its transport begins.
fn header(
    out: &mut Vec<u8>,
    source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    len: usize,
) -> Result<usize, BuildError> {
    let at = out.len();
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let total =
                u16::try_from(v4::MIN_LEN + len).map_err(|_too_long| BuildError::TooLong)?;
            out.reserve(usize::from(total));
            out.extend_from_slice(&[0x45, 0]);
            out.extend_from_slice(&total.to_be_bytes());
            out.extend_from_slice(&[0, 0]);
            out.extend_from_slice(&v4::DONT_FRAGMENT.to_be_bytes());
            out.extend_from_slice(&[HOP_LIMIT, protocol, 0, 0]);
            out.extend_from_slice(&source.octets());
            out.extend_from_slice(&destination.octets());
            v4::write_checksum(&mut out[at..]);
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let payload = u16::try_from(len).map_err(|_too_long| BuildError::TooLong)?;
            out.reserve(v6::LEN + len);
            out.extend_from_slice(&[0x60, 0, 0, 0]);
            out.extend_from_slice(&payload.to_be_bytes());
            out.extend_from_slice(&[protocol, HOP_LIMIT]);
            out.extend_from_slice(&source.octets());
            out.extend_from_slice(&destination.octets());
        }
        _ => return Err(BuildError::Family),
    }
    Ok(out.len())
}
