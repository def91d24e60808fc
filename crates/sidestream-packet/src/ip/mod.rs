//! The header of a packet, and all extension headers up to its transport.

pub(crate) mod v4;
pub(crate) mod v6;

use std::net::IpAddr;

use crate::Defect;

/// What the headers of a packet say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) hop_limit: u8,
    pub(crate) traffic_class: u8,
    /// What follows the headers.
    pub(crate) protocol: u8,
    /// Where the byte stands that says so.
    pub(crate) protocol_at: usize,
    /// Where the transport begins.
    pub(crate) len: usize,
    /// Where the packet ends.
    pub(crate) total_len: usize,
    pub(crate) piece: Option<Piece>,
}

/// Which piece of a packet a fragment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) id: u32,
    pub(crate) offset: u16,
    pub(crate) more: bool,
}

/// Reads and checks the headers at the beginning of `bytes`.
pub(crate) fn read(bytes: &[u8]) -> Result<Header, Defect> {
    let header = match bytes.first().ok_or(Defect::Truncated)? >> 4 {
        4 => v4::read(bytes)?,
        6 => v6::read(bytes)?,
        _ => return Err(Defect::BadVersion),
    };
    check_addresses(header.source, header.destination)?;
    Ok(header)
}

fn check_addresses(source: IpAddr, destination: IpAddr) -> Result<(), Defect> {
    let (unspecified, mapped) = match (source, destination) {
        // RFC 1122 §3.2.1.3: nobody sends from "this network" but to learn its own address.
        (IpAddr::V4(source), IpAddr::V4(_)) => (source.octets()[0] == 0, false),
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let mapped = source.to_ipv4_mapped().or_else(|| destination.to_ipv4_mapped());
            (source.is_unspecified(), mapped.is_some())
        }
        _ => unreachable!("both are read from one header"),
    };
    if unspecified {
        return Err(Defect::SourceUnspecified);
    }
    if mapped {
        return Err(Defect::MappedAddress);
    }
    if source.is_multicast() {
        return Err(Defect::SourceMulticast);
    }
    if is_broadcast(source) {
        return Err(Defect::SourceBroadcast);
    }
    if destination.is_unspecified() {
        return Err(Defect::DestinationUnspecified);
    }
    Ok(())
}

/// Whether it is the limited broadcast address of IPv4.
pub(crate) fn is_broadcast(addr: IpAddr) -> bool {
    matches!(addr, IpAddr::V4(addr) if addr.is_broadcast())
}
