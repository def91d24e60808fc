//! What packets are read, written, cut and joined as.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod arbitrary;
mod build;
mod coalesce;
mod hand;
mod parse;
mod peers;
mod reassembly;
mod rewrite;
mod segment;
mod sum;
