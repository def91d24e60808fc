#![doc = include_str!("../README.md")]

mod config;
mod conn;
mod cx;
mod datagrams;
pub mod dns;
mod http;
pub mod http1;
mod io;
mod leg;
mod raw;
mod secure;
mod sniff;
mod timers;
pub mod tls;
mod watch;

pub use config::{Config, Start, Timeouts};
pub use conn::Conn;
pub use io::{Input, LeafRequest, Output, Target};
pub use sidestream_record::Event;
