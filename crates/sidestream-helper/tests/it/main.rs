//! The helper, started as it is by the proxy, within network namespaces of the tests' own.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod actor;
mod capture;
mod deeds;
mod ends;
mod ground;
mod handshake;
mod nets;
mod proxy;
mod rights;
mod server;
mod specs;
