//! Which hosts are passed as they are, and which are treated as bytes, by regular expressions.

use regex::{RegexSet, RegexSetBuilder};
use sidestream_flow::Transport;
use thiserror::Error;

/// What the user says of hosts, as regular expressions.
///
/// Each is searched for, in any case, in `host:port`: of the address, of the name that it was
/// looked up by, and of the name that the client asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostPatterns {
    /// What one of these matches is passed as it is.
    pub ignore: Vec<String>,
    /// What none of these matches is passed as it is, if there is one.
    pub allow: Vec<String>,
    /// What one of these matches is decrypted and not looked into, over TCP.
    pub tcp: Vec<String>,
    /// What one of these matches is not looked into, over UDP.
    pub udp: Vec<String>,
}

/// Why there are no rules to be made of patterns.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum HostsError {
    /// Both are given: leave one out.
    #[error("hosts are either ignored or allowed, not both; leave one out")]
    Both,
    /// It is no regular expression: mend it.
    #[error("{pattern:?} is no regular expression")]
    Pattern {
        /// What was given.
        pattern: String,
        /// What is wrong with it.
        source: regex::Error,
    },
}

/// Patterns that are ready to be searched for; without any, they match nothing.
#[derive(Clone, Debug, Default)]
pub struct HostRules {
    ignore: RegexSet,
    allow: RegexSet,
    tcp: RegexSet,
    udp: RegexSet,
}

impl HostRules {
    /// Makes rules of what the user says.
    ///
    /// # Errors
    /// Hosts are both ignored and allowed, or a pattern is none.
    pub fn new(patterns: &HostPatterns) -> Result<Self, HostsError> {
        let HostPatterns { ignore, allow, tcp, udp } = patterns;
        if !ignore.is_empty() && !allow.is_empty() {
            return Err(HostsError::Both);
        }
        Ok(Self { ignore: set(ignore)?, allow: set(allow)?, tcp: set(tcp)?, udp: set(udp)? })
    }

    /// Returns whether it depends on the host if a flow is passed.
    pub(crate) fn decide(&self) -> bool {
        !self.ignore.is_empty() || !self.allow.is_empty()
    }

    /// Returns whether a flow is passed that leads to these places, which are one.
    pub(crate) fn pass(&self, places: &[String]) -> bool {
        any(&self.ignore, places) || !self.allow.is_empty() && !any(&self.allow, places)
    }

    /// Returns whether a flow that leads there is not looked into.
    pub(crate) fn close(&self, transport: Transport, places: &[String]) -> bool {
        let patterns = match transport {
            Transport::Tcp => &self.tcp,
            Transport::Udp => &self.udp,
        };
        any(patterns, places)
    }

    /// Returns whether there may be flows that are not looked into.
    pub(crate) fn may_close(&self) -> bool {
        !self.tcp.is_empty() || !self.udp.is_empty()
    }
}

fn any(patterns: &RegexSet, places: &[String]) -> bool {
    !patterns.is_empty() && places.iter().any(|place| patterns.is_match(place))
}

fn set(patterns: &[String]) -> Result<RegexSet, HostsError> {
    let one = |pattern: &String| RegexSetBuilder::new([pattern]).case_insensitive(true).build();
    for pattern in patterns {
        one(pattern).map_err(|source| HostsError::Pattern { pattern: pattern.clone(), source })?;
    }
    let all = RegexSetBuilder::new(patterns).case_insensitive(true).build();
    all.map_err(|source| HostsError::Pattern { pattern: patterns.join(" "), source })
}
