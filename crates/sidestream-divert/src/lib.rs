#![doc = include_str!("../README.md")]
#![warn(clippy::wildcard_enum_match_arm)]

mod address;
mod config;
mod counters;
mod event;
mod exempt;
pub mod filter;
mod flows;
mod gather;
mod machine;
mod output;
mod seen;
mod sockets;

pub use address::Address;
pub use config::Config;
pub use counters::{Counters, Usage};
pub use event::{
    Answer, Endpoint, Operation, Owner, Question, QuestionId, SocketEvent, Ticks, Verdict,
};
pub use exempt::Exemption;
pub use machine::Diverter;
pub use output::{FlowNumber, Note, Output, Tag, Way};
