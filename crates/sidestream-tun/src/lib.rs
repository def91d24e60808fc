#![doc = include_str!("../README.md")]

mod builder;
mod error;
mod losses;
mod sys;
mod tun;

pub use builder::Builder;
pub use error::{NameError, OpenError, Setting};
pub use losses::Losses;
pub use tun::{Queue, Tun};
