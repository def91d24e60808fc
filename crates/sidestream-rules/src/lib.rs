#![doc = include_str!("../README.md")]

mod error;
mod filter;
mod local;
mod replacement;
mod rules;
mod spec;

pub use error::ParseRuleError;
pub use filter::{Facts, Filter, Sender};
pub use local::{LocalRule, content_type};
pub use replacement::Replacement;
pub use rules::{Blocked, BodyRule, HeaderRule, Reach, Rules};
