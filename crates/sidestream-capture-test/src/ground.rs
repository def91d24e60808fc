//! Where a driver is tried: what it captures from, and who its clients are.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use sidestream_capture::{BoxFuture, Capture, Dial, Direct, Stream};

use crate::Config;

/// Where a driver is tried.
///
/// The suite runs its servers and its relay where the test is. The ground runs the clients
/// where the driver captures: in a sandbox, in another process, at the far end of a link.
pub trait Ground: Send + Sync {
    /// Returns the driver, already capturing; called once.
    fn capture(&mut self) -> Box<dyn Capture>;

    /// Connects a captured client to a server over TCP.
    ///
    /// The future's error is what the client's `connect` said. A connection that ended before
    /// the client could look at it counts as `ConnectionReset`.
    fn connect(&self, server: SocketAddr) -> BoxFuture<'static, io::Result<Connected>>;

    /// Opens a UDP socket of a captured client that may speak to any server of that family.
    fn open_udp(&self, family: Family) -> BoxFuture<'static, io::Result<Box<dyn Datagrams>>>;

    /// Returns the address on which the suite can listen and that the clients reach through
    /// the driver; `None` when the ground has no such family.
    ///
    /// Loopback by default.
    fn server_ip(&self, family: Family) -> Option<IpAddr> {
        match family {
            Family::V4 => Some(Ipv4Addr::LOCALHOST.into()),
            Family::V6 => {
                sidestream_testkit::has_ipv6_loopback().then(|| Ipv6Addr::LOCALHOST.into())
            }
        }
    }

    /// Returns how servers are reached on behalf of flows: [`Direct`] by default.
    fn dial(&self) -> Arc<dyn Dial> {
        Arc::new(Direct::default())
    }

    /// Returns the process whose sockets the clients are, where that is known.
    ///
    /// A driver whose capabilities claim attribution needs a ground that knows.
    fn process(&self) -> Option<KnownProcess> {
        None
    }

    /// Has a process of its own connect to a server and end at once; the future is ready, with
    /// who it was, when it has gone.
    ///
    /// `None` by default: the ground cannot.
    fn connect_and_exit(
        &self,
        _server: SocketAddr,
    ) -> Option<BoxFuture<'static, io::Result<KnownProcess>>> {
        None
    }

    /// Kills whatever captures, outside of the test's own process, so that it can clean nothing
    /// up; the clients live on. The future is ready when it is dead.
    ///
    /// `None` by default: there is nothing of that kind, or it takes the clients along.
    fn kill(&self) -> Option<BoxFuture<'static, io::Result<()>>> {
        None
    }

    /// Tells whether a spec of everything concerns nobody but the clients and the test, as in a
    /// network namespace of their own; `false` by default.
    fn is_alone(&self) -> bool {
        false
    }

    /// Makes the checks smaller or more patient, where the way to the clients is slow; the
    /// configuration of the environment is left alone by default.
    fn adjust(&self, _config: &mut Config) {}

    /// Returns the largest UDP payload that the ground carries over IPv4: 65,507 by default.
    fn max_datagram(&self) -> usize {
        65_507
    }
}

/// An IP version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// Returns the version of an address.
    pub const fn of(addr: SocketAddr) -> Self {
        match addr {
            SocketAddr::V4(_) => Self::V4,
            SocketAddr::V6(_) => Self::V6,
        }
    }

    /// Returns the unspecified address of this version with port 0.
    pub const fn any(self) -> SocketAddr {
        match self {
            Self::V4 => SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0),
            Self::V6 => SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), 0),
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

/// A client's connection, as the client sees it.
pub struct Connected {
    /// Its bytes: shutting down half-closes, dropping closes.
    pub stream: Box<dyn Stream>,
    /// What the client takes for its own address.
    pub local: SocketAddr,
    /// Whom the client takes itself to be connected to.
    pub peer: SocketAddr,
}

impl fmt::Debug for Connected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connected")
            .field("local", &self.local)
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}

/// A client's unconnected UDP socket, as the client sees it.
pub trait Datagrams: Send {
    /// Returns what the client takes for its own address; the IP may be unspecified.
    fn local(&self) -> SocketAddr;

    /// Sends one datagram.
    fn send_to<'a>(
        &'a mut self,
        datagram: &'a [u8],
        server: SocketAddr,
    ) -> BoxFuture<'a, io::Result<()>>;

    /// Receives one datagram with its sender.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if the future is dropped.
    fn recv_from(&mut self) -> BoxFuture<'_, io::Result<(Bytes, SocketAddr)>>;
}

/// What a driver must know of the clients' process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownProcess {
    /// The process id, as the driver's pid namespace has it.
    pub pid: u32,
    /// The executable, where the driver must know it.
    pub path: Option<PathBuf>,
    /// The process ids of its parent, of that one's parent and so on, as far as the driver must
    /// know them.
    pub parents: Vec<u32>,
}

/// Why the suite cannot run on this machine; every check is then skipped, loudly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skip(pub String);

/// What the expression in [`suite!`](crate::suite) may give: a ground, or the reason why there
/// is none here.
pub trait IntoGround {
    /// The ground.
    type Ground: Ground + 'static;

    /// Returns the ground.
    ///
    /// # Errors
    ///
    /// This machine or user cannot have it.
    fn into_ground(self) -> Result<Self::Ground, Skip>;
}

impl<G: Ground + 'static> IntoGround for G {
    type Ground = G;

    fn into_ground(self) -> Result<G, Skip> {
        Ok(self)
    }
}

impl<G: Ground + 'static> IntoGround for Result<G, Skip> {
    type Ground = G;

    fn into_ground(self) -> Self {
        self
    }
}
