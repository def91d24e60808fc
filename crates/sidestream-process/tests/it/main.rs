//! Identity and ownership, asked of this machine about ourselves and our children.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod child;
mod facts;
mod packages;
mod place;
mod sockets;
mod table;
