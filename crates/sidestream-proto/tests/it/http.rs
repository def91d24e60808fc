//! HTTP/1 between a client and its servers.

mod auth;
mod fidelity;
mod forward;
mod origin;
mod proxy;
mod reverse;
mod reverse_auth;
mod smuggling;
mod talk;
