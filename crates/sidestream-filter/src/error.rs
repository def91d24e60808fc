//! Why a text is no filter, and where.

use std::ops::Range;

use thiserror::Error;

use crate::excerpt::excerpt;

/// A text that is no filter; places are bytes of the text, counted from 0.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ParseFilterError {
    /// What should be a status code is none.
    #[error("a status code is expected, such as ~c 404")]
    Code {
        /// Where it stands.
        span: Range<usize>,
    },
    /// Something follows that belongs to nothing.
    #[error("an end is expected")]
    End {
        /// Where it stands.
        span: Range<usize>,
    },
    /// A filter should begin, and does not.
    #[error("a filter is expected here, such as ~m POST")]
    Missing {
        /// Where it should stand.
        span: Range<usize>,
    },
    /// What should be a process id is none.
    #[error("a process id is expected, such as ~pid 4711")]
    Pid {
        /// Where it stands.
        span: Range<usize>,
    },
    /// A quote that is not closed.
    #[error("a quote that is not closed")]
    Quote {
        /// Where it stands.
        span: Range<usize>,
    },
    /// A regular expression that is none.
    #[error("not a regular expression: {what}")]
    Regex {
        /// What is wrong with it.
        what: String,
        /// Where it stands.
        span: Range<usize>,
    },
    /// What should be a time is none.
    #[error("a time is expected: 10m ago, or one such as 2026-01-31T12:00:00Z")]
    Since {
        /// Where it stands.
        span: Range<usize>,
    },
    /// What should be a size is none.
    #[error("a size is expected after one of > >= < <= =, such as ~size>1M")]
    Size {
        /// Where it stands.
        span: Range<usize>,
    },
    /// What should be a duration is none.
    #[error("a duration is expected after one of > >= < <= =, such as ~time>500ms")]
    Time {
        /// Where it stands.
        span: Range<usize>,
    },
    /// Parentheses and `!` stand in each other too often.
    #[error("nested too deep, {limit} levels are allowed")]
    TooDeep {
        /// How often they may.
        limit: usize,
        /// Where it is once too often.
        span: Range<usize>,
    },
    /// The text is too long.
    #[error("too long, {limit} bytes are allowed")]
    TooLong {
        /// How long it may be, in bytes.
        limit: usize,
    },
    /// There are too many operators.
    #[error("too many operators, {limit} are allowed")]
    TooMany {
        /// How many there may be.
        limit: usize,
        /// Where the first that is too much stands.
        span: Range<usize>,
    },
    /// A parenthesis that is not closed.
    #[error("a parenthesis that is not closed")]
    Unclosed {
        /// Where it stands.
        span: Range<usize>,
    },
    /// An operator that is none.
    #[error("~{name} is not known: see docs/filter.md for all operators")]
    Unknown {
        /// What it calls itself.
        name: String,
        /// Where it stands.
        span: Range<usize>,
    },
    /// A parenthesis that was not opened.
    #[error("a parenthesis that was not opened")]
    Unopened {
        /// Where it stands.
        span: Range<usize>,
    },
    /// An operator that takes a word has none.
    #[error("a word is expected here")]
    Word {
        /// Where it should stand.
        span: Range<usize>,
    },
}

impl ParseFilterError {
    /// Returns the place as a range of bytes; what is missing has an empty one.
    pub fn span(&self) -> Range<usize> {
        match self {
            Self::TooLong { limit } => *limit..*limit,
            Self::Code { span }
            | Self::End { span }
            | Self::Missing { span }
            | Self::Pid { span }
            | Self::Quote { span }
            | Self::Regex { span, .. }
            | Self::Since { span }
            | Self::Size { span }
            | Self::Time { span }
            | Self::TooDeep { span, .. }
            | Self::TooMany { span, .. }
            | Self::Unclosed { span }
            | Self::Unknown { span, .. }
            | Self::Unopened { span }
            | Self::Word { span } => span.clone(),
        }
    }

    /// Renders the error for people: the text, carets under the place, the message.
    ///
    /// `source` is the text that did not parse. A long one is cut around the place.
    pub fn render(&self, source: &str) -> String {
        format!("{} {self}", excerpt(source, self.span()))
    }
}
