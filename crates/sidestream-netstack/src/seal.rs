//! The last touch on a packet that goes out: its checksum.

use std::net::IpAddr;

use sidestream_packet::{Checksum, Sum, complete, protocol};

/// Where the checksum stands in the header of TCP.
const TCP_CHECKSUM: u16 = 16;

/// Writes the checksum of the TCP segment at `start` of a packet, or leaves that to the device.
pub(crate) fn seal_tcp(
    bytes: &mut [u8],
    start: usize,
    (source, destination): (IpAddr, IpAddr),
    offloaded: bool,
) -> Checksum {
    let len = bytes.len() - start;
    let sum = Sum::default().pseudo_header(source, destination, protocol::TCP, len).fold();
    let field = start + usize::from(TCP_CHECKSUM);
    bytes[field..field + 2].copy_from_slice(&sum.to_be_bytes());
    let start = u16::try_from(start).expect("headers are short");
    let partial = Checksum::Partial { start, offset: TCP_CHECKSUM };
    if offloaded {
        return partial;
    }
    complete(bytes, partial).expect("the field is inside of the header");
    Checksum::Complete
}
