//! What `session mark` is told.

use std::convert::Infallible;
use std::str::FromStr;

use clap::Args as ClapArgs;

/// What is noted of exchanges.
#[derive(Debug, ClapArgs)]
pub struct Noted {
    /// A marker: a word, or an emoji's name such as ":red_circle:" (by itself ":default:", unless
    /// something else is noted).
    #[arg(long, value_name = "MARKER")]
    pub marker: Option<String>,

    /// Take the marker away.
    #[arg(long, conflicts_with = "marker")]
    pub none: bool,

    /// A comment, in place of the one before; an empty one takes it away.
    #[arg(long, value_name = "TEXT")]
    pub comment: Option<String>,

    /// A value of metadata; without "=" the key is taken away (repeatable).
    #[arg(long = "meta", value_name = "KEY=VALUE")]
    pub metadata: Vec<Metadata>,
}

/// A value of metadata, or a key without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// The key.
    pub key: String,
    /// The value.
    pub value: Option<String>,
}

impl FromStr for Metadata {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text.split_once('=') {
            Some((key, value)) => Self { key: key.into(), value: Some(value.into()) },
            None => Self { key: text.into(), value: None },
        })
    }
}
