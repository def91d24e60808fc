//! What becomes of datagrams that the proxy on the way does not carry.

use std::str::FromStr;

use clap::ValueEnum;
use sidestream::upstream::Datagrams;

/// What becomes of datagrams that the proxy on the way does not carry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Udp {
    /// All go past it.
    Direct,
    /// DNS goes past it, all else is refused.
    #[default]
    Dns,
    /// All are refused.
    Refuse,
}

/// It is nothing that can become of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("use direct, dns or refuse")]
pub struct ParseUdpError;

impl FromStr for Udp {
    type Err = ParseUdpError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "direct" => Ok(Self::Direct),
            "dns" => Ok(Self::Dns),
            "refuse" => Ok(Self::Refuse),
            _ => Err(ParseUdpError),
        }
    }
}

impl From<Udp> for Datagrams {
    fn from(udp: Udp) -> Self {
        match udp {
            Udp::Direct => Self::Direct,
            Udp::Dns => Self::Dns,
            Udp::Refuse => Self::Refuse,
        }
    }
}
