//! What becomes of packets, in any order of events.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::disallowed_methods, reason = "time has to begin somewhere")]

mod bounds;
mod checksums;
mod exempt;
mod filter;
mod inbound;
mod model;
mod order;
mod owners;
mod play;
mod proxy;
