//! The proxy's end against a redirector that says what it is told to.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod ends;
mod flows;
mod handshake;
mod packets;
mod redirector;
