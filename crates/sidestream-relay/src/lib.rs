#![doc = include_str!("../README.md")]

mod ends;
mod relay;
mod sys;
mod way;

pub use ends::Ends;
pub use relay::{Ending, Relay, Relayed, Which, relay};
