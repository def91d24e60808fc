#![doc = include_str!("../README.md")]

mod ends;
mod relay;
mod sent;
mod sys;
mod way;

pub use ends::Ends;
pub use relay::{Ending, Relay, Relayed, Which, relay};
pub use sent::{Farewell, Sent};
