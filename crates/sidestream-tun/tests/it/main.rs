//! Devices in network namespaces of their own.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod ends;
mod ground;
mod persistent;
mod queues;
mod quiet;
mod refused;
mod traffic;
mod user;
