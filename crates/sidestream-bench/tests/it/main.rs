//! The load generator against its own origin.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod load;
