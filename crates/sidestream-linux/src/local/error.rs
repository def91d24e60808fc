//! Why whole-machine capture did not start.

use std::fmt;
use std::io;

/// Why the helper captures nothing. Nothing is left behind.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The helper ended; it may have said why on its standard error.
    #[error("the helper ended before it captured anything")]
    Ended,
    /// The helper sent something else than was its turn to send.
    #[error("the helper sent `{0}` out of turn, install one that fits this program")]
    OutOfTurn(&'static str),
    /// The helper cannot capture here.
    #[error("{what}{}", Remedy(.remedy.as_deref()))]
    Refused {
        /// What is missing or failed, in the helper's words.
        what: String,
        /// What to do about it.
        remedy: Option<String>,
    },
    /// The helper did not answer.
    #[error("the helper did not answer within {seconds} s, start again")]
    Silent {
        /// How long it was waited for.
        seconds: u64,
    },
    /// The system refused something ordinary, or the helper does not speak the protocol.
    #[error("cannot speak to the helper")]
    System(#[from] io::Error),
    /// The helper is of another release.
    #[error(
        "{program} speaks version {theirs} of the protocol and this program version {ours}: \
         build or install both from one release"
    )]
    Version {
        /// What the helper calls itself.
        program: String,
        /// Its version.
        theirs: u32,
        /// Ours.
        ours: u32,
    },
}

struct Remedy<'a>(Option<&'a str>);

impl fmt::Display for Remedy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |remedy| write!(f, ": {remedy}"))
    }
}
