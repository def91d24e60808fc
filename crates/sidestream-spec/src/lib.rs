#![doc = include_str!("../README.md")]

mod error;
mod excerpt;
mod explain;
mod facts;
mod fields;
mod glob;
mod item;
mod matcher;
mod net;
mod parse;
mod spec;
mod verdict;

pub use error::ParseSpecError;
pub use explain::{Explained, Explanation};
pub use facts::{Container, Fact, Facts, ProcessFacts, User};
pub use fields::{Field, Fields};
pub use glob::Glob;
pub use item::Item;
pub use matcher::{Matcher, ProcessMatcher};
pub use net::Net;
pub use spec::Spec;
pub use verdict::{Truth, Verdict};
