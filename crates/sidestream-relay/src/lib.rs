#![doc = include_str!("../README.md")]

mod end;
mod relay;
mod sys;
mod way;

pub use end::End;
pub use relay::{Ending, Relay, Relayed, Which, relay};
