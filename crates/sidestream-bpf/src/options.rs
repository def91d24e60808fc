//! What the hooks are loaded with.

use crate::Verdict;

/// What the hooks are loaded with.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LoadOptions {
    /// Leaves alone every process whose real user is another one.
    pub uid: Option<u32>,
    /// The verdict of a process without an entry; `Undecided` unless said.
    pub default: Verdict,
    /// How many destinations are diverted at once, up to the next power of two; 65,536 unless said.
    ///
    /// Each takes 200 bytes, whether or not it is in use.
    pub slots: u32,
    /// How many processes have an entry at once; 32,768 unless said.
    pub processes: u32,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self { uid: None, default: Verdict::Undecided, slots: 65_536, processes: 32_768 }
    }
}

/// The ports on which diverted connections arrive in a network namespace; 0 where nobody listens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ports {
    /// TCP over IPv4.
    pub tcp4: u16,
    /// UDP over IPv4.
    pub udp4: u16,
    /// TCP over IPv6.
    pub tcp6: u16,
    /// UDP over IPv6.
    pub udp6: u16,
    /// How many connections of one family may wait to be accepted, in all network namespaces
    /// together, before more are left alone; 0 for any number.
    pub backlog: u32,
    /// The number under which [its routes](crate::Hooks::set_routes) are set.
    pub net: u32,
}
