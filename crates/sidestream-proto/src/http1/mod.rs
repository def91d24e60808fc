//! The HTTP/1 codec (RFC 9112): heads and bodies in pieces that add up to the bytes that were sent.
//!
//! A connection alternates between the two readers, which take from the front of one buffer:
//! [`HeadReader`] yields a [`Parsed`] head, [`request_framing`] or [`response_framing`] says where
//! its body ends, and [`BodyReader`] yields the body's [`Piece`]s. `raw` of a head and `wire` of a
//! piece are the bytes as they were sent, and slices of the buffer: a message that nobody changes
//! is passed on by writing these, so that names, case, order, white space, chunk sizes,
//! extensions and trailers arrive as they were.
//!
//! Each byte is looked at once, however the input is cut, and what is held is bounded by
//! [`Limits`]. Every error leaves the bytes that caused it in the buffer, so that the caller may
//! still pass them on as they are.
//!
//! # What is passed, and what is refused
//!
//! A peer that departs from the standard is passed as it is, and the [`Defect`] is recorded,
//! wherever every recipient finds the end of the message where this codec finds it, or turns the
//! message down. What recipients are known to frame differently is refused with a [`Smuggling`]
//! reason. Requests are held to more than responses: behind a request, others' requests may wait
//! on the same connection, while a response whose end is in doubt can be read until the
//! connection closes. The first column names the bytes of each case in `fixtures/http1`; the tests
//! hold the table to them, and hold real servers to the table.
//!
#![doc = include_str!("cases.md")]

mod body;
mod bytes_of;
mod chunked;
mod connection;
mod defect;
mod edit;
mod encode;
mod error;
mod fields;
mod framing;
mod head;
mod limits;
mod lines;
mod sniff;
mod start_line;
mod survey;

pub use body::{BodyReader, Piece};
pub(crate) use bytes_of::is_token;
pub use connection::{expects_continue, persists, upgrade};
pub use defect::Defect;
pub use edit::Edit;
pub use encode::{encode_chunk, encode_last_chunk, encode_request, encode_response};
pub use error::{BodyError, HeadError, Smuggling};
pub use framing::{Framing, request_framing, response_framing};
pub use head::{HeadReader, Parsed};
pub use limits::Limits;
pub use sniff::{Sniff, looks_like_request};
