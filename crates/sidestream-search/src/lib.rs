#![doc = include_str!("../README.md")]

mod column;
mod fold;
mod group;
mod query;

pub use column::Column;
pub use group::{Columns, GROUP_COLUMNS, Group, PAGES, Page};
pub use query::{ParseQueryError, Query};

/// How many bits a column has.
const BITS: usize = 1 << 15;

/// The row of a trigram, of which there are 2²⁴: some share one.
const fn row(trigram: u32) -> usize {
    // Knuth's multiplicative hashing, of which the upper bits are good.
    (trigram.wrapping_mul(0x9e37_79b1) >> 17) as usize
}
