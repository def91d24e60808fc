//! Behaviour of the configuration, of the machine, and of the driver.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod config;
mod flood;
mod handshakes;
mod memory;
mod routing;
mod server;
mod timers;
mod world;
