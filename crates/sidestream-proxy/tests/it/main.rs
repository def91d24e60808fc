//! The engine between real sockets: what the client sees, and what is recorded.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod faults;
mod flows;
mod hostile;
mod load;
mod memory;
mod passing;
mod regular;
mod stage;
mod trust;
mod udp;
