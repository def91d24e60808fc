//! What a relay promises, over loopback.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod ends;
mod idle;
mod lab;
mod loads;
mod streams;
mod stuck;
