//! What of a specification on destinations is decided in the kernel.

use std::net::IpAddr;

/// How many rules a set can have.
pub const MAX_RULES: usize = 32;
/// How many sets there are.
pub const MAX_RULE_SETS: u16 = 256;

/// A set of rules on destinations, of which the last one that matches decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Whether a destination that no rule matches is intercepted.
    pub default: bool,
    /// The rules.
    pub rules: Vec<Rule>,
}

/// One rule on destinations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Whether what matches is left alone, not intercepted.
    pub exclude: bool,
    /// What matches.
    pub kind: RuleKind,
}

/// What a rule matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleKind {
    /// A host name, which is not known at connect: the connection is diverted if it could matter.
    Host,
    /// A network.
    Net {
        /// An address of the network.
        addr: IpAddr,
        /// How many of its leading bits name the network.
        prefix_len: u8,
    },
    /// A port.
    Port(u16),
}
