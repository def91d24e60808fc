//! Captures are read back, block by block and packet by packet.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod packets;
mod reader;
mod writer;
