//! TLS: reading what a client offers, and speaking to both peers.

pub mod hello;
pub mod ja4;
pub(crate) mod session;
