//! Why a text is not a spec, and where.

use std::ops::Range;

use thiserror::Error;

use crate::excerpt::Excerpt;

/// A text that is not a spec; places are bytes of the text, counted from 0.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ParseSpecError {
    /// An item is excluded twice.
    #[error("the item is excluded twice: remove this `!`")]
    DoubleExclusion {
        /// Where the second `!` stands.
        index: usize,
    },
    /// Nothing stands before, between or after commas.
    #[error("an item is missing: write one here or remove the comma")]
    Empty {
        /// Where the item should begin.
        index: usize,
    },
    /// A `!` stands alone.
    #[error("this `!` excludes nothing: write what to exclude after it")]
    Exclusion {
        /// Where the `!` stands.
        index: usize,
    },
    /// The address of a `net:` is none.
    #[error("not an IP address: write a range such as 192.0.2.0/24 or 2001:db8::/32")]
    NetAddr {
        /// Where the address stands.
        span: Range<usize>,
    },
    /// The prefix length of a `net:` is none, or too long for the address.
    #[error("not a prefix length: write a number from 0 to {max}")]
    NetPrefixLen {
        /// Where the prefix length stands.
        span: Range<usize>,
        /// The longest prefix that the address allows.
        max: u8,
    },
    /// A process id is no number, or too large a one.
    #[error("not a process id: write a number from 0 to {}", u32::MAX)]
    Pid {
        /// Where the id stands.
        span: Range<usize>,
    },
    /// A port is no number, or too large a one.
    #[error("not a port: write a number from 0 to {}", u16::MAX)]
    Port {
        /// Where the port stands.
        span: Range<usize>,
    },
    /// What stands behind `tree:` is not an item on a process.
    #[error(
        "`tree:` takes an item on a process: write `tree:NAME`, and `!` only in front of `tree:`"
    )]
    Tree {
        /// Where that item stands.
        span: Range<usize>,
    },
    /// Nothing stands behind a prefix.
    #[error("`{prefix}:` has no value: write one after the colon")]
    Value {
        /// The prefix, without its colon.
        prefix: &'static str,
        /// Where the prefix stands, with its colon.
        span: Range<usize>,
    },
}

impl ParseSpecError {
    /// Returns the place as a range of bytes; what is missing has an empty one.
    pub fn span(&self) -> Range<usize> {
        match self {
            Self::Empty { index } => *index..*index,
            Self::DoubleExclusion { index } | Self::Exclusion { index } => *index..index + 1,
            Self::NetAddr { span }
            | Self::NetPrefixLen { span, .. }
            | Self::Pid { span }
            | Self::Port { span }
            | Self::Tree { span }
            | Self::Value { span, .. } => span.clone(),
        }
    }

    /// Returns the byte at which the place begins.
    pub fn index(&self) -> usize {
        self.span().start
    }

    /// Renders the error for people: the line of `source`, carets under the place, the message.
    ///
    /// `source` is the text that did not parse. A long line is cut around the place.
    pub fn render(&self, source: &str) -> String {
        let Excerpt { line, carets } = Excerpt::new(source, self.span());
        format!("{line}\n{carets} {self}")
    }
}
