//! How much a decoder may make.

/// What a body may become, and may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many bytes may be decoded; where codings lie over each other, also in between, and
    /// there 1 MiB at least.
    pub output_bytes: u64,
    /// How many times as long as what was pushed it may become; by itself there is no bound.
    ///
    /// Nothing is refused below 1 MiB. Honest text comes near 1,000 only where it repeats itself
    /// without end; what deflate can do at most is 1,032.
    pub ratio: Option<u64>,
    /// The largest window of zstd, in bytes (RFC 9659 §3: 8 MiB).
    pub window_bytes: u64,
}

impl Limits {
    /// How much may always be decoded, whatever the ratio.
    pub(crate) const FREE_BYTES: u64 = 1 << 20;

    /// Allows that many bytes, and any ratio.
    pub const fn up_to(output_bytes: u64) -> Self {
        Self { output_bytes, ratio: None, window_bytes: 8 << 20 }
    }
}
