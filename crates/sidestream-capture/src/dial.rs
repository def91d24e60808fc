//! Reaching servers.

use std::fmt;
use std::net::SocketAddr;

use sidestream_record::{DialFailure, Via};

use crate::{Association, BoxFuture, FlowInfo, Stream};

/// What to connect to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// An address, dialled as it is.
    Addr(SocketAddr),
    /// A name that is looked up, and a port.
    Name(String, u16),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Addr(addr) => addr.fmt(f),
            Self::Name(host, port) => write!(f, "{host}:{port}"),
        }
    }
}

/// Connects to servers on behalf of flows.
pub trait Dial: Send + Sync {
    /// Connects over TCP.
    ///
    /// # Errors
    ///
    /// Why the server could not be reached, as the client should see it.
    fn dial<'a>(
        &'a self,
        flow: &'a FlowInfo,
        target: &'a Target,
    ) -> BoxFuture<'a, Result<Dialed, DialFailure>>;

    /// Connects over TCP for requests of HTTP without TLS, which another proxy on the way may be
    /// given in its own form: then [`Via::forwards`] is set.
    ///
    /// # Errors
    ///
    /// Why the server could not be reached, as the client should see it.
    fn dial_http<'a>(
        &'a self,
        flow: &'a FlowInfo,
        target: &'a Target,
    ) -> BoxFuture<'a, Result<Dialed, DialFailure>> {
        self.dial(flow, target)
    }

    /// Makes a UDP socket that speaks to the target only.
    ///
    /// # Errors
    ///
    /// Why the server cannot be reached; that nobody listens there is seen later.
    fn associate<'a>(
        &'a self,
        flow: &'a FlowInfo,
        target: &'a Target,
    ) -> BoxFuture<'a, Result<DialedAssociation, DialFailure>>;
}

/// A connection to a server.
pub struct Dialed {
    /// The connection.
    pub stream: Box<dyn Stream>,
    /// The address that answered; unspecified where only a proxy on the way knows it.
    pub addr: SocketAddr,
    /// The other proxy that leads there, if one does.
    pub via: Option<Via>,
}

impl fmt::Debug for Dialed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialed").field("addr", &self.addr).finish_non_exhaustive()
    }
}

/// A UDP association with a server.
pub struct DialedAssociation {
    /// The association.
    pub association: Box<dyn Association>,
    /// The server's address; unspecified where only a proxy on the way knows it.
    pub addr: SocketAddr,
    /// The other proxy that leads there, if one does.
    pub via: Option<Via>,
}

impl fmt::Debug for DialedAssociation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DialedAssociation").field("addr", &self.addr).finish_non_exhaustive()
    }
}
