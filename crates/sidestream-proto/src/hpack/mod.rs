//! HPACK: header compression for HTTP/2 (RFC 7541).
//!
//! A [`Decoder`] reads the field blocks of one direction of a connection, in their order, and an
//! [`Encoder`] writes them. Each holds a [`Table`] of what came before, which changes with every
//! block: leave one block out, and what follows means something else.
//!
//! What a block says beside its fields is kept in [`Decoded`]: which fields their sender kept out
//! of the table, and how it sized the table. An encoder told so writes a block that says the same.
//!
//! A decoder is strict: whatever RFC 7541 calls a decoding error is a [`DecodeError`], and the
//! decoder is of no use after one. What is held is bounded by [`Limits`]; no length is believed
//! before its bytes are there.
//!
//! ```
//! use bytes::BytesMut;
//! use sidestream_proto::hpack::{Decoder, Encoder, Limits};
//! use sidestream_record::Fields;
//!
//! let mut fields = Fields::default();
//! fields.push(":method", "GET");
//! fields.push("authorization", "secret");
//!
//! let mut block = BytesMut::new();
//! Encoder::new(4096).encode(&fields, &[], &mut block);
//!
//! let decoded = Decoder::new(Limits::default()).decode(&block.freeze())?;
//! assert_eq!(decoded.fields, fields);
//! # Ok::<(), sidestream_proto::hpack::DecodeError>(())
//! ```

mod decoded;
mod decoder;
mod encoder;
mod error;
mod hash;
mod huffman;
mod integer;
mod limits;
mod matches;
mod statics;
mod table;

pub use decoded::{Decoded, Indexing};
pub use decoder::Decoder;
pub use encoder::Encoder;
pub use error::DecodeError;
pub use limits::Limits;
pub use table::Table;

/// The size of a dynamic table before anybody changes it (RFC 9113 §6.5.2).
const DEFAULT_TABLE_BYTES: usize = 4096;
