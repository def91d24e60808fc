#![doc = include_str!("../README.md")]
#![warn(clippy::wildcard_enum_match_arm)]

mod answers;
mod config;
mod core;
mod counters;
mod echo;
mod fragment;
mod hash;
mod id;
mod netstack;
mod output;
mod port;
mod seal;
mod slab;
mod tcp;
mod timers;
mod udp;

pub use config::Config;
pub use counters::{Counters, Usage};
pub use id::{AssociationId, EchoId, StreamId};
pub use netstack::Netstack;
pub use output::{Output, Refusal};
