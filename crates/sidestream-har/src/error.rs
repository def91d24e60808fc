//! What can be wrong with an archive.

use std::io;

/// What is wrong with one entry; the others can be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EntryError {
    /// It is no JSON.
    #[error("entry {index} is no JSON, at line {line}, column {column} of the entry: {reason}")]
    Json {
        /// Which entry, counting from 0.
        index: u64,
        /// The line within the entry, counting from 1.
        line: usize,
        /// The column in it, in bytes.
        column: usize,
        /// The parser's words.
        reason: String,
    },
    /// Something in it is missing.
    #[error("entry {index} has no {path}")]
    Missing {
        /// Which entry, counting from 0.
        index: u64,
        /// What: `request.url`.
        path: &'static str,
    },
    /// It is nested deeper than any entry.
    #[error("entry {index} is nested deeper than {limit} levels, at byte {offset}")]
    Nested {
        /// Which entry, counting from 0.
        index: u64,
        /// How many levels are read.
        limit: usize,
        /// Where in the archive.
        offset: u64,
    },
    /// It is longer than an entry may be.
    #[error("entry {index} is longer than {limit} bytes")]
    TooLong {
        /// Which entry, counting from 0.
        index: u64,
        /// How many bytes an entry may have.
        limit: usize,
    },
    /// Something in it is not what it must be.
    #[error("entry {index}: {path} is {found}, where {wanted} is due")]
    Wrong {
        /// Which entry, counting from 0.
        index: u64,
        /// What: `response.status`.
        path: &'static str,
        /// What is there, cut to some bytes.
        found: String,
        /// What is due.
        wanted: &'static str,
    },
}

/// Why an archive cannot be read, or not on from here.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// An entry is broken; the next call goes on behind it.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// The input cannot be read.
    #[error("cannot read the archive")]
    Io(#[from] io::Error),
    /// It is something else.
    #[error("not an HTTP archive: {what}")]
    NotHar {
        /// What is missing, or else.
        what: &'static str,
    },
    /// What stands around the entries is no JSON.
    #[error("the archive is no JSON at byte {offset}: {wanted} is due")]
    Syntax {
        /// Where.
        offset: u64,
        /// What should stand there.
        wanted: &'static str,
    },
    /// The file ends too early.
    #[error("the archive ends too early, within or after entry {index}")]
    Truncated {
        /// How many entries began before that.
        index: u64,
    },
}
