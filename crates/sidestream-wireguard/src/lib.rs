#![doc = include_str!("../README.md")]

mod config;
mod counters;
mod hub;
mod key;
mod routes;
mod server;
mod sys;

pub use config::{
    Config, ConfigDefect, DEFAULT_MTU, DEFAULT_PORT, Endpoint, Interface, ParseConfigError,
    ParseEndpointError, ParsePrefixError, Peer, Prefix,
};
pub use counters::{Drop, Handle, PeerStatus};
pub use hub::{Hub, Path, PeerId, Reply};
pub use key::{GenerateKeyError, ParseKeyError, PresharedKey, PrivateKey, PublicKey};
pub use server::{BindError, Server};
