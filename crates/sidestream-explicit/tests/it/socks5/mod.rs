//! The driver of SOCKS clients, on loopback.

mod client;
mod conforms;
mod datagrams;
mod ends;
mod flows;
