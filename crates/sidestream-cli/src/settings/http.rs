//! Which version of HTTP one side speaks.

use std::str::FromStr;

use clap::ValueEnum;
use serde::{Deserialize, Deserializer};
use sidestream::proxy::HttpChoice;

/// A version of HTTP, or whichever the other side speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Http {
    /// What the other side speaks, if it can be.
    #[default]
    Mirror,
    /// HTTP/1.1.
    #[value(name = "1")]
    Http1,
    /// HTTP/2.
    #[value(name = "2")]
    Http2,
}

/// It is no version that can be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("use mirror, 1 or 2")]
pub struct ParseHttpError;

impl FromStr for Http {
    type Err = ParseHttpError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "mirror" => Ok(Self::Mirror),
            "1" => Ok(Self::Http1),
            "2" => Ok(Self::Http2),
            _ => Err(ParseHttpError),
        }
    }
}

impl<'de> Deserialize<'de> for Http {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Word {
            Number(u8),
            Text(String),
        }
        let text = match Word::deserialize(from)? {
            Word::Number(number) => number.to_string(),
            Word::Text(text) => text,
        };
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl From<Http> for HttpChoice {
    fn from(http: Http) -> Self {
        match http {
            Http::Mirror => Self::Mirror,
            Http::Http1 => Self::Http1,
            Http::Http2 => Self::Http2,
        }
    }
}
