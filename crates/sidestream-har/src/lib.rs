#![doc = include_str!("../README.md")]

mod date;
mod entry;
mod error;
mod query;
mod read;
mod record;
mod write;

pub use entry::{
    Body, Direction, Entry, Field, Param, Process, Request, Response, SocketMessage, Timings,
};
pub use error::{EntryError, ReadError};
pub use read::{Reader, looks_like_har};
pub use record::{Recorded, entry};
pub use write::{Creator, Writer};
