//! What is noted, on disk: as it comes, and as it stands.

use bytes::Bytes;
use prost::Message;
use sidestream_flow::ExchangeId;
use sidestream_record::{Annotation, Notes, Replay};

use super::{DecodeError, message};

/// What was noted, of which one thing is there; of an exchange or a flow, all that is.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct WireAnnotated {
    #[prost(string, optional, tag = "1")]
    comment: Option<String>,
    #[prost(string, optional, tag = "2")]
    marker: Option<String>,
    #[prost(message, repeated, tag = "3")]
    metadata: Vec<WireMetadata>,
    #[prost(message, optional, tag = "4")]
    replay: Option<WireReplay>,
}

/// Without a value, there is none any more.
#[derive(Clone, PartialEq, prost::Message)]
struct WireMetadata {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(string, optional, tag = "2")]
    value: Option<String>,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
struct WireReplay {
    #[prost(bool, tag = "1")]
    request: bool,
    #[prost(bool, tag = "2")]
    response: bool,
    #[prost(uint64, optional, tag = "3")]
    of: Option<u64>,
}

impl From<&Annotation> for WireAnnotated {
    fn from(annotation: &Annotation) -> Self {
        let none = Self::default();
        match annotation.clone() {
            Annotation::Comment(comment) => Self { comment: Some(comment), ..none },
            Annotation::Marker(marker) => Self { marker: Some(marker), ..none },
            Annotation::Metadata { key, value } => {
                Self { metadata: vec![WireMetadata { key, value }], ..none }
            }
            Annotation::Replay(replay) => Self { replay: Some(replay.into()), ..none },
            _ => none,
        }
    }
}

impl TryFrom<WireAnnotated> for Annotation {
    type Error = DecodeError;

    fn try_from(wire: WireAnnotated) -> Result<Self, DecodeError> {
        let WireAnnotated { comment, marker, metadata, replay } = wire;
        let of_metadata = || metadata.into_iter().next();
        Ok(match (comment, marker, replay) {
            (Some(comment), _, _) => Self::Comment(comment),
            (None, Some(marker), _) => Self::Marker(marker),
            (None, None, Some(replay)) => Self::Replay(replay.into()),
            (None, None, None) => {
                let WireMetadata { key, value } = of_metadata().ok_or(DecodeError::Unknown)?;
                Self::Metadata { key, value }
            }
        })
    }
}

impl From<Replay> for WireReplay {
    fn from(Replay { request, response, of }: Replay) -> Self {
        Self { request, response, of: of.map(|id| id.0) }
    }
}

impl From<WireReplay> for Replay {
    fn from(WireReplay { request, response, of }: WireReplay) -> Self {
        Self { request, response, of: of.map(ExchangeId) }
    }
}

/// Puts all that is noted into a column.
pub(crate) fn notes_to(notes: &Notes) -> Vec<u8> {
    let Notes { comment, marker, metadata, replay } = notes.clone();
    let pair = |(key, value)| WireMetadata { key, value: Some(value) };
    let metadata = metadata.into_iter().map(pair).collect();
    WireAnnotated { comment, marker, metadata, replay: replay.map(Into::into) }.encode_to_vec()
}

/// Reads what [`notes_to`] has put there.
pub(crate) fn notes_from(column: Vec<u8>) -> Result<Notes, DecodeError> {
    let WireAnnotated { comment, marker, metadata, replay } = message(Bytes::from(column))?;
    let mut notes = Notes::default();
    let texts = [comment.map(Annotation::Comment), marker.map(Annotation::Marker)];
    let metadata = metadata.into_iter().map(|WireMetadata { key, value }| (key, value));
    let metadata = metadata.map(|(key, value)| Annotation::Metadata { key, value });
    let replay = replay.map(|replay| Annotation::Replay(replay.into()));
    texts.into_iter().flatten().chain(metadata).chain(replay).for_each(|it| notes.apply(&it));
    Ok(notes)
}
