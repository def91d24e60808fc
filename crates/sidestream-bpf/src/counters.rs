//! What the hooks counted.

/// How many connections and datagram destinations were captured or passed, and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// TCP connections diverted.
    pub captured_tcp: u64,
    /// UDP destinations diverted: one for each pair of a socket and a destination.
    pub captured_udp: u64,
    /// Direct connections to one of the fake addresses that were denied.
    pub denied: u64,
    /// Passed, as the proxy had not given a sign of life for a second.
    pub stale: u64,
    /// Passed, as nobody listens for us in that network namespace.
    pub foreign_netns: u64,
    /// Passed, as the process is the proxy or the helper.
    pub own: u64,
    /// Passed, as the process belongs to another user.
    pub other_user: u64,
    /// Passed, as the process or the destination is not selected.
    pub not_selected: u64,
    /// Passed, as the socket has a mark.
    pub marked: u64,
    /// Passed, as the socket is bound to a device.
    pub bound_device: u64,
    /// Passed, as the destination is multicast, broadcast or local to a link.
    pub special: u64,
    /// Passed, as there is no route to the destination.
    pub no_route: u64,
    /// Passed, as no slot was free.
    pub full: u64,
    /// Events that were lost, as the ring buffer was full.
    pub lost_events: u64,
    /// Of those captured, how many while nothing was decided about the process.
    pub undecided: u64,
    /// Passed, as too many wait to be accepted.
    pub backlog: u64,
}
