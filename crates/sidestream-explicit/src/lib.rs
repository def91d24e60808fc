#![doc = include_str!("../README.md")]

mod backoff;
mod bind;
mod explicit;

pub use bind::BindError;
pub use explicit::{Explicit, Lookup};
