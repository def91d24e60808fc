//! The tests of the protocol, in one binary.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bytes;
mod decode;
mod properties;
mod samples;
mod version;
