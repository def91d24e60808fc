//! Proxies that behave, and such that do not.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod http;
mod server;
mod socks5;
mod stage;
