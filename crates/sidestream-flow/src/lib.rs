#![doc = include_str!("../README.md")]

mod id;
mod key;
mod process;
mod redacted;

pub use id::{ExchangeId, FlowId, Ids, MessageId};
pub use key::{FlowKey, Peer, Transport};
pub use process::{Container, Process, User};
pub use redacted::Redacted;
