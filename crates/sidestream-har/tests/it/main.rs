//! Archives, written and read.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod read;
mod write;
