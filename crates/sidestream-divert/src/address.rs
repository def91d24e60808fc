//! What WinDivert tells of a packet beside its bytes.

/// The part of `WINDIVERT_ADDRESS` that matters for packets of the NETWORK layer.
///
/// A packet that is passed comes out with the address that it came in with, so that WinDivert
/// finds checksums, direction and interface as they were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Address {
    /// Whether it leaves the machine; of packets between programs of this machine always true.
    pub outbound: bool,
    /// Whether it goes from this machine to itself, whatever the addresses.
    pub loopback: bool,
    /// Whether another driver injected it.
    pub impostor: bool,
    /// Whether the checksum of the IPv4 header is right; offloaded, it may be anything.
    pub ip_checksum: bool,
    /// Whether the checksum of TCP is right; offloaded, it may be anything.
    pub tcp_checksum: bool,
    /// Whether the checksum of UDP is right; offloaded, it may be anything.
    pub udp_checksum: bool,
    /// The index of the interface that it came in by, or is to leave by.
    pub interface: u32,
    /// The index below that one.
    pub subinterface: u32,
}
