//! The format of entries on disk: protobuf messages of its own, apart from the types in memory.

mod advice;
pub(crate) mod check;
mod dns;
mod edit;
mod event;
mod failure;
mod fields;
mod http;
mod notes;
mod passed;
mod peer;
mod process;
mod tls;
mod websocket;
mod wired;

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use prost::Message;

pub(crate) use event::{Context, decode, encode};
pub(crate) use fields::{FieldReader, Head, Value, unzigzag, zigzag};
pub(crate) use http::version_to;
pub(crate) use notes::{notes_from, notes_to};
pub(crate) use peer::{peer_from, peer_to};
pub(crate) use process::ProcessFields;
pub(crate) use tls::{TLS_CERTIFICATES, certificate_from, certificate_to};
pub(crate) use websocket::web_socket_exchange;

/// Fields of the message of a body's stretch, beside those of every part.
pub(crate) mod body {
    /// The content.
    pub(crate) const DATA: u32 = 3;
    /// Where it begins in the body.
    pub(crate) const OFFSET: u32 = 4;
    /// How much there is elsewhere, or was dropped.
    pub(crate) const SIZE: u32 = 5;
    /// Whether it was dropped.
    pub(crate) const DROPPED: u32 = 6;
    /// The CRC-32 of what is elsewhere.
    pub(crate) const CHECK: u32 = 7;
}

/// The field of `Data` that is its content.
pub(crate) const DATA_DATA: u32 = 3;

/// The field of `WebSocket` that is its content.
pub(crate) const WEBSOCKET_DATA: u32 = 13;

/// The field of `Wire` that is its content.
pub(crate) const WIRE_DATA: u32 = 4;

/// Why a stored value could not be turned back into what was recorded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DecodeError {
    /// A newer version wrote something that this one has no word for.
    #[error("written by a newer version")]
    Unknown,
    /// The bytes are not what the schema says.
    #[error("{0} is damaged")]
    Damaged(&'static str),
    /// The bytes are not protobuf.
    #[error("the payload is not a protobuf message")]
    NotProtobuf,
}

impl From<prost::DecodeError> for DecodeError {
    fn from(_: prost::DecodeError) -> Self {
        Self::NotProtobuf
    }
}

/// Returns nanoseconds since 1970, as far as 64 bits reach: from 1677 to 2262.
pub(crate) fn nanoseconds(at: SystemTime) -> i64 {
    let bounded = |span: Duration| i64::try_from(span.as_nanos()).unwrap_or(i64::MAX);
    match at.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => bounded(since),
        Err(before) => -bounded(before.duration()),
    }
}

/// Returns the time that is so many nanoseconds after 1970.
pub(crate) fn time(nanoseconds: i64) -> SystemTime {
    let span = Duration::from_nanos(nanoseconds.unsigned_abs());
    let moved = if nanoseconds < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(span)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(span)
    };
    moved.unwrap_or(SystemTime::UNIX_EPOCH)
}

/// Decodes a message that shares the memory of its payload.
fn message<M: Message + Default>(payload: Bytes) -> Result<M, DecodeError> {
    Ok(M::decode(payload)?)
}

/// Takes a part that the schema requires.
fn required<T>(part: Option<T>, name: &'static str) -> Result<T, DecodeError> {
    part.ok_or(DecodeError::Damaged(name))
}

/// Converts a number that the schema bounds.
fn bounded<T>(value: impl TryInto<T>, name: &'static str) -> Result<T, DecodeError> {
    value.try_into().map_err(|_too_large| DecodeError::Damaged(name))
}

#[cfg(test)]
mod tests;
