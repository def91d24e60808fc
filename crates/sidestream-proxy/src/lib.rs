#![doc = include_str!("../README.md")]

mod flow;
mod leaves;
mod names;
mod passing;
mod proxy;
mod refusals;
mod side;
mod splice;
mod stop;
mod tcp;
mod tls;
mod udp;
mod verifier;

pub use sidestream_proto::{HttpChoice, HttpVersions};

pub use passing::Passing;
pub use proxy::{Proxy, ServeError, Served};
pub use stop::{Stop, Stopper};
pub use tls::{TlsError, UpstreamTrust, config};
