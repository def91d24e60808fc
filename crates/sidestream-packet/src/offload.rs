//! What the sender of a packet left to whoever carries it on.

/// Work on a packet that is still to be done, or need not be done again, as virtio's network
/// header tells it (Virtual I/O Device 1.2, 5.1.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Offload {
    /// The state of the checksum of its transport.
    pub checksum: Checksum,
    /// How many bytes of payload each of its segments has at most, where it stands for several.
    pub segment_size: Option<u16>,
}

/// The state of a transport checksum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Checksum {
    /// It is there, and to be verified by whoever receives the packet.
    #[default]
    Complete,
    /// Somebody on this machine has verified it, or vouches for the packet.
    Verified,
    /// Only the pseudo-header's sum is there: the sum from `start` to the end of the packet is to
    /// be written at `start + offset`.
    Partial {
        /// Where the sum begins, in bytes from the beginning of the packet.
        start: u16,
        /// Where it is written, in bytes from `start`.
        offset: u16,
    },
}
