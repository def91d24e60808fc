//! What sockets do, whose they are, and what is asked about them.

use std::net::SocketAddr;

use sidestream_flow::Transport;

/// WinDivert's own number of a socket (`Socket.EndpointId`); Windows uses them again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint(pub u64);

/// A moment of the clock that WinDivert stamps events with (`QueryPerformanceCounter`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticks(pub i64);

/// What a program did with a socket: the events of the SOCKET layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Somebody else began to speak to it.
    Accept,
    /// It got its local address, asked for or not.
    Bind,
    /// It ended, or gave up its address; Windows may say so twice.
    Close,
    /// It names a peer; UDP also without `connect`, for each new peer.
    Connect,
    /// It waits for connections.
    Listen,
}

/// An event of the SOCKET layer.
///
/// Addresses may be IPv4-mapped, as WinDivert has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketEvent {
    /// What was done.
    pub operation: Operation,
    /// With which socket.
    pub endpoint: Endpoint,
    /// By which process.
    pub pid: u32,
    /// What it speaks.
    pub transport: Transport,
    /// Its own address, unspecified where it takes all of them.
    pub local: SocketAddr,
    /// The peer's address, unspecified where there is none.
    pub remote: SocketAddr,
    /// When it happened.
    pub at: Ticks,
}

/// Whether a socket's packets go to the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// They do.
    Divert,
    /// They are left alone.
    Pass,
}

/// Names a question; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QuestionId(pub u64);

/// Whose is this socket, and what becomes of its packets? Asked once for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// How to answer.
    pub id: QuestionId,
    /// The process that used the socket.
    pub pid: u32,
    /// When it did: a process that began later has only the same number.
    pub at: Ticks,
    /// What the socket speaks.
    pub transport: Transport,
    /// Its own address.
    pub local: SocketAddr,
    /// The peer's, where there is one already. A UDP socket may speak to others later.
    pub remote: Option<SocketAddr>,
}

/// The answer to a [`Question`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// When the process began, in the clock of events; `None` if it is gone or cannot be read.
    pub started: Option<Ticks>,
    /// What becomes of the socket's packets.
    pub verdict: Verdict,
}

/// A process that cannot be mistaken for another with the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Owner {
    /// Its number.
    pub pid: u32,
    /// When it began, where that is known.
    pub started: Option<Ticks>,
}
