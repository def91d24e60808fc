//! The engine between real sockets: what the client sees, and what is recorded.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod counted;
mod fates;
mod faults;
mod flows;
mod hooks;
mod hostile;
mod last_words;
mod load;
mod memory;
mod openssl;
mod passing;
mod raw;
mod regular;
mod stage;
mod tls;
mod trust;
mod udp;
