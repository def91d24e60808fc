#![doc = include_str!("../README.md")]

mod alpn;
mod asking;
mod config;
mod conn;
mod cx;
mod datagrams;
pub mod dns;
pub mod endpoint;
pub mod hpack;
mod http;
pub mod http1;
pub mod http2;
mod io;
mod leg;
mod mediated;
mod multiplexed;
mod passing;
mod raw;
mod secure;
mod sniff;
mod timers;
pub mod tls;
mod translate;
mod watch;
pub mod websocket;

pub use alpn::{HttpChoice, HttpVersions};
pub use config::{Config, Start, Timeouts};
pub use conn::Conn;
pub use io::{Input, LeafRequest, Output, SpliceEnd, Target};
pub use passing::{PassRules, RefusedHosts, RefusedUntil};
pub use sidestream_record::Event;
