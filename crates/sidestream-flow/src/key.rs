//! The five-tuple of a flow and the ends of it.

use std::fmt;
use std::net::SocketAddr;

/// Names the transport protocol of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// TCP (RFC 9293): a flow is one connection.
    Tcp,
    /// UDP (RFC 768): a flow is all datagrams between two endpoints until they fall silent.
    Udp,
}

impl Transport {
    /// Returns `tcp` or `udp`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A five-tuple: the transport, the captured program's endpoint, and the one it meant to reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowKey {
    /// The transport protocol.
    pub transport: Transport,
    /// Where the captured program sends from.
    pub client: SocketAddr,
    /// The destination that the captured program gave to the kernel.
    pub server: SocketAddr,
}

impl fmt::Display for FlowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} > {}", self.transport, self.client, self.server)
    }
}

/// One end of a flow, as seen from the proxy in the middle.
///
/// A flow has one client. It has as many servers as the client's requests have targets: a
/// forward proxy's client may name another one in each request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Peer {
    /// The captured program.
    Client,
    /// The server with that number, counting from 0 in the order of opening.
    Server(u32),
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client => f.write_str("client"),
            Self::Server(0) => f.write_str("server"),
            Self::Server(n) => write!(f, "server {n}"),
        }
    }
}
