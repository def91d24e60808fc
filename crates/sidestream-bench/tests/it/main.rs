//! The load generator against its own origin, and Sidestream under very many connections.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod load;
mod soak;
