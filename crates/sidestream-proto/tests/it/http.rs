//! HTTP/1 between a client and its servers.

mod fidelity;
mod origin;
mod proxy;
