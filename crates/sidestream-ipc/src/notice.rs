//! What the helper tells beside flows.

use std::net::SocketAddr;

/// Something that users may want to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What happened.
    pub kind: NoticeKind,
    /// The key of the process that it happened to.
    pub process: Option<u64>,
    /// Where that process wanted to connect to.
    pub destination: Option<SocketAddr>,
    /// How often it happened since it was last told.
    pub count: u64,
}

/// What a notice is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NoticeKind {
    /// A connection was passed, as its socket is bound to a device.
    BoundDevice,
    /// Events of the kernel were lost, so that processes may be known late.
    EventsLost,
    /// A connection was passed, as nobody listens in its network namespace.
    ForeignNamespace,
    /// A connection was passed, as there was no room to remember its destination.
    Full,
    /// A connection was passed, as its socket carries a mark, like those of VPN programs.
    Marked,
    /// A process was passed, as it belongs to another user and this capture is for one.
    OtherUser,
    /// Connections that were open before the capture were reset.
    Reset,
    /// Connections that were open before the capture could not be reset, and stay unseen.
    ResetFailed,
    /// Connections were passed, as the proxy had given no sign of life for a second.
    Stale,
    /// Accepted connections were dropped, as their destination could not be found.
    Unclaimed,
}

/// How grave a line of the log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// The helper stops.
    Error,
    /// Strange, but served.
    Warn,
    /// What the user started or stopped.
    Info,
    /// A decision.
    Debug,
    /// Every input.
    Trace,
}
