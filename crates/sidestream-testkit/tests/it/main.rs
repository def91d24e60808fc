//! Tests of the test helpers, through their public face.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod dns;
mod origin;
mod tls;
mod udp;
