#![doc = include_str!("../README.md")]

mod brotli;
mod codings;
mod decoder;
mod deflate;
mod error;
mod gzip;
mod limits;
mod stage;
mod whole;
mod zstd;

pub use codings::{Coding, Codings};
pub use decoder::Decoder;
pub use error::DecodeError;
pub use limits::Limits;
pub use whole::{Decoded, decode};
