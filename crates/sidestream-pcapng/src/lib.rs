#![doc = include_str!("../README.md")]

mod block;
mod connection;
mod datagrams;
mod ends;
mod writer;

pub use connection::Connection;
pub use datagrams::Datagrams;
pub use ends::{Each, End};
pub use writer::{Interface, Packet, Writer};
