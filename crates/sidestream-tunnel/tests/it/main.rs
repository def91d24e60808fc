//! The tunnel over TUN devices and WireGuard in network namespaces of their own, with the kernel for a client.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod conforms;
mod gone;
mod kernel;
mod place;
mod shaped;
mod wireguard;
