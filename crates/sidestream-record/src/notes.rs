//! What users note of flows and exchanges, and what was sent again.

use sidestream_flow::ExchangeId;

use crate::kept::MAX_KEPT;
use crate::{Empty, Part};

/// What is noted of a flow or an exchange, from some point on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Annotation {
    /// A comment, in place of that before; an empty one takes it away.
    Comment(String),
    /// A marker, in place of that before; an empty one takes it away.
    ///
    /// It is a word, or the name of an emoji as mitmproxy writes it: `:red_circle:`, or
    /// [`DEFAULT_MARKER`](Self::DEFAULT_MARKER) where none was chosen.
    Marker(String),
    /// A value of metadata, in place of that of the same key; none takes it away.
    Metadata {
        /// The key.
        key: String,
        /// The value.
        value: Option<String>,
    },
    /// A program sent it again.
    Replay(Replay),
}

impl Annotation {
    /// What marks where no other marker was chosen.
    pub const DEFAULT_MARKER: &'static str = ":default:";
}

/// What of an exchange was sent again by a program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replay {
    /// The request, to a server.
    pub request: bool,
    /// The response, to a client.
    pub response: bool,
    /// The exchange that it was sent in before, where that is known.
    pub of: Option<ExchangeId>,
}

impl Replay {
    /// Returns whether that part was sent again.
    pub const fn has(&self, part: Part) -> bool {
        match part {
            Part::Request => self.request,
            Part::Response => self.response,
        }
    }
}

/// All that is noted of a flow or an exchange.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    /// The comment, never empty.
    pub comment: Option<String>,
    /// The marker, never empty.
    pub marker: Option<String>,
    /// Keys and their values, in the order in which they came; a hundred of them.
    pub metadata: Vec<(String, String)>,
    /// What of it was sent again.
    pub replay: Option<Replay>,
}

impl Empty for Notes {
    const EMPTY: &'static Self =
        &Self { comment: None, marker: None, metadata: Vec::new(), replay: None };
}

impl Notes {
    /// Takes up what is noted.
    pub fn apply(&mut self, annotation: &Annotation) {
        let text = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        match annotation {
            Annotation::Comment(comment) => self.comment = text(comment),
            Annotation::Marker(marker) => self.marker = text(marker),
            Annotation::Metadata { key, value } => self.set(key, value.as_deref()),
            Annotation::Replay(replay) => {
                self.replay = Some(*replay).filter(|it| it.request || it.response);
            }
        }
    }

    fn set(&mut self, key: &str, value: Option<&str>) {
        let place = self.metadata.iter().position(|(known, _)| known == key);
        match (place, value) {
            (Some(place), Some(value)) => value.clone_into(&mut self.metadata[place].1),
            (Some(place), None) => _ = self.metadata.remove(place),
            (None, Some(value)) if self.metadata.len() < MAX_KEPT => {
                self.metadata.push((key.to_owned(), value.to_owned()));
            }
            (None, _) => {}
        }
    }

    /// Returns whether nothing is noted.
    pub fn is_empty(&self) -> bool {
        let Self { comment, marker, metadata, replay } = self;
        comment.is_none() && marker.is_none() && metadata.is_empty() && replay.is_none()
    }
}
