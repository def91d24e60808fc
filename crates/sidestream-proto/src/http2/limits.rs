//! How much of a connection is held at once.

use crate::hpack;

/// Bounds what is held of an HTTP/2 connection that is passed as sent. Beyond a bound the
/// connection is passed raw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest frame that is needed whole, and the longest field block before it is decoded,
    /// in bytes; 256 KiB, which is the most that browsers take.
    pub max_block_bytes: u32,
    /// The most streams that are open at once; 10,000.
    pub max_streams: usize,
    /// Bounds what a field block may decode to.
    pub hpack: hpack::Limits,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_block_bytes: 256 * 1024, max_streams: 10_000, hpack: hpack::Limits::default() }
    }
}
