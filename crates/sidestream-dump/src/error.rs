//! What can be wrong with a dump.

use std::io;

/// What is wrong with a tnetstring.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TnetError {
    /// It has more values than are read.
    #[error("it has more than {limit} values")]
    Crowded {
        /// How many are read.
        limit: usize,
    },
    /// A length is none, or leads beyond the end.
    #[error("a length is missing, or leads beyond the end, at byte {offset}")]
    Length {
        /// Where, from the beginning of the flow.
        offset: usize,
    },
    /// What stands in it is not of the type that it is said to be.
    #[error("{what} is none, at byte {offset}")]
    Literal {
        /// The type: `a number`.
        what: &'static str,
        /// Where, from the beginning of the flow.
        offset: usize,
    },
    /// It is nested too deep.
    #[error("it is nested deeper than {limit} levels, at byte {offset}")]
    Nested {
        /// How many levels are read.
        limit: usize,
        /// Where, from the beginning of the flow.
        offset: usize,
    },
    /// There is no such type.
    #[error("there is no type {found:?}, at byte {offset}")]
    Type {
        /// What stands in its place.
        found: char,
        /// Where, from the beginning of the flow.
        offset: usize,
    },
}

/// What is wrong with one flow; the others can be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FlowError {
    /// Something is missing, or of another type.
    #[error("flow {index}: {path} is missing, or not of its type")]
    Member {
        /// Which flow, counting from 0.
        index: u64,
        /// What: `request.host`.
        path: &'static str,
    },
    /// It is no tnetstring.
    #[error("flow {index} is broken")]
    Tnet {
        /// Which flow, counting from 0.
        index: u64,
        /// How.
        source: TnetError,
    },
    /// It is longer than a flow may be.
    #[error("flow {index} has {bytes} bytes, more than the {limit} that are read")]
    TooLong {
        /// Which flow, counting from 0.
        index: u64,
        /// How long it is.
        bytes: u64,
        /// How long it may be.
        limit: u64,
    },
    /// It is of a kind that is not known.
    #[error("flow {index} is of the kind {kind:?}, which is not known")]
    Kind {
        /// Which flow, counting from 0.
        index: u64,
        /// What it calls itself, cut to some characters.
        kind: String,
    },
    /// It is written in a version that is not known.
    #[error("flow {index} is of version {version}, and 0.11 to 21 are read")]
    Version {
        /// Which flow, counting from 0.
        index: u64,
        /// Which it is.
        version: String,
    },
}

/// Why a dump cannot be read, or not on from here.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// A flow is broken; the next call goes on behind it.
    #[error(transparent)]
    Flow(#[from] FlowError),
    /// The input cannot be read.
    #[error("cannot read the dump")]
    Io(#[from] io::Error),
    /// It is something else, or was written over.
    #[error("no flow begins at byte {offset}")]
    NotADump {
        /// Where one is due.
        offset: u64,
    },
    /// The file ends too early.
    #[error("the dump ends too early, within flow {index}")]
    Truncated {
        /// Which flow, counting from 0.
        index: u64,
    },
}
