//! A cheap hash of names and values.
//!
//! Whoever sends the fields can make collisions. They cost compression, never time or
//! correctness: whoever looks up by it looks at few places, and compares what is there.

/// The beginning of a hash.
pub(super) const SEED: u64 = 0x243f_6a88_85a3_08d3;

/// Goes on with a hash over some more bytes.
pub(super) const fn hash(mut state: u64, bytes: &[u8]) -> u64 {
    state = mix(state, bytes.len() as u64);
    let mut rest = bytes;
    while let Some((word, later)) = rest.split_first_chunk() {
        state = mix(state, u64::from_le_bytes(*word));
        rest = later;
    }
    // The last word overlaps the one before, where there is one.
    if let Some(word) = bytes.last_chunk() {
        return mix(state, u64::from_le_bytes(*word));
    }
    let mut last = 0;
    while let Some((&byte, later)) = rest.split_first() {
        last = last << 8 | byte as u64;
        rest = later;
    }
    mix(state, last)
}

const fn mix(state: u64, word: u64) -> u64 {
    (state.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Returns the better half of a hash.
pub(super) const fn fold(state: u64) -> u32 {
    (state >> 32) as u32
}
