#![doc = include_str!("../README.md")]

mod association;
mod engine;
mod outputs;
mod ping;
mod state;
mod stream;
mod tally;
mod tunnel;

pub use sidestream_netstack::{Config, Counters};

pub use ping::{Echo, Ping, by_sockets};
pub use tally::Tally;
pub use tunnel::{Lookup, Settings, Tunnel};
