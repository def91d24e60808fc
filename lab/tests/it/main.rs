//! The lab's own parts.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod agent;
mod client;
mod closure;
mod ctr;
mod kernel;
mod link;
mod net;
mod origin;
mod sim;
mod vm;
