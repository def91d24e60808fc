//! Why a text is not a configuration.

use super::endpoint::ParseEndpointError;
use super::prefix::{ParsePrefixError, Prefix};
use crate::key::{ParseKeyError, PublicKey};

/// Why a text is not a configuration, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{defect}")]
pub struct ParseConfigError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub defect: ConfigDefect,
}

/// What is wrong with a line of a configuration. No value that may be a secret is repeated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigDefect {
    /// A range was given to two peers.
    #[error("{prefix} is another peer's already, give each range to one peer")]
    AllowedIpTwice {
        /// The range.
        prefix: Prefix,
    },
    /// A setting that would run a command.
    #[error("{key} runs a command, which is not done here, take the line out")]
    Command {
        /// The setting.
        key: &'static str,
    },
    /// An endpoint that is none.
    #[error("{key}: {source}")]
    Endpoint {
        /// The setting.
        key: &'static str,
        /// Why.
        source: ParseEndpointError,
    },
    /// A setting that concerns the system's routes.
    #[error("{key} concerns the system's routes, which are left alone, take the line out")]
    Foreign {
        /// The setting.
        key: &'static str,
    },
    /// A key that is none.
    #[error("{key}: {source}")]
    Key {
        /// The setting.
        key: &'static str,
        /// Why.
        source: ParseKeyError,
    },
    /// A setting is missing.
    #[error("the section begun here has no {key}, add it")]
    Missing {
        /// The setting.
        key: &'static str,
    },
    /// A line that is neither a section, a setting, nor a comment.
    #[error("neither a section in brackets nor a setting, which is written `Key = value`")]
    NoSetting,
    /// A number that is none, or not in its range.
    #[error("{key} takes a number from {min} to {max}")]
    Number {
        /// The setting.
        key: &'static str,
        /// The least.
        min: u16,
        /// The most.
        max: u16,
    },
    /// There is no section `[Interface]`.
    #[error("there is no section [Interface], begin with it")]
    NoInterface,
    /// A setting stands before any section.
    #[error("a setting stands before any section, begin with [Interface]")]
    NoSection,
    /// A peer is given twice.
    #[error("the peer {key} is given twice, join the two sections")]
    PeerTwice {
        /// Its key.
        key: PublicKey,
    },
    /// A range that is none.
    #[error("{key}: {source}")]
    Prefix {
        /// The setting.
        key: &'static str,
        /// Why.
        source: ParsePrefixError,
    },
    /// A peer has the key of the interface.
    #[error("this is the key of the interface itself, put the peer's own there")]
    SelfPeer,
    /// There are too many peers for a server.
    #[error("more peers than a server can tell apart, which is {max}")]
    TooMany {
        /// The most there may be.
        max: usize,
    },
    /// A setting or section is given twice.
    #[error("{key} is given twice, keep one")]
    Twice {
        /// The setting or section.
        key: &'static str,
    },
    /// A setting that nobody knows in that section.
    #[error("no setting of [{section}] has that name, the settings are {}", known.join(", "))]
    UnknownKey {
        /// The section.
        section: &'static str,
        /// Those that there are.
        known: &'static [&'static str],
    },
    /// A section that nobody knows.
    #[error("no section has that name, write [Interface] or [Peer]")]
    UnknownSection,
}
