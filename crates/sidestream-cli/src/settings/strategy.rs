//! When servers are connected with.

use std::str::FromStr;

use clap::ValueEnum;

/// When servers are connected with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Strategy {
    /// When the client connects, which is answered as the server answers.
    #[default]
    Eager,
    /// When something is to be sent there; the client is answered before.
    Lazy,
}

/// It is no time at which servers are connected with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("use eager or lazy")]
pub struct ParseStrategyError;

impl FromStr for Strategy {
    type Err = ParseStrategyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "eager" => Ok(Self::Eager),
            "lazy" => Ok(Self::Lazy),
            _ => Err(ParseStrategyError),
        }
    }
}
