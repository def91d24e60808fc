#![doc = include_str!("../README.md")]

mod connection;
mod facts;
mod listener;
mod scope;
mod sighting;
mod sys;

pub use connection::{Connection, DestroyError, Reset};
pub use facts::{Lineage, decide, facts, residual};
pub use listener::{Holding, Listener};
pub use scope::Scope;
pub use sighting::Sighting;
pub use sys::{Owners, Packages, Sockets, Table, same_start, scan, tree};
