#![doc = include_str!("../README.md")]

mod listener;
mod sys;

pub use listener::{Holding, Listener};
pub use sys::{Holders, Sockets, Table, tree};
