//! What a gateway is told, and why it is none.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sidestream_flow::{FlowKey, Process};

/// Finds the process that opened a flow from this machine.
pub type Lookup = dyn Fn(&FlowKey) -> Option<Arc<Process>> + Send + Sync;

/// Where a gateway listens, and what it takes.
#[derive(Clone)]
pub struct TransparentOptions {
    /// Where it listens, for TCP and UDP alike, at most once for each IP version; port 0 takes a
    /// free one.
    pub listen: Vec<SocketAddr>,
    /// The interfaces whose traffic to others is led to it. Without any, that is left to rules
    /// of the user's own.
    pub interfaces: Vec<String>,
    /// After how long a silence a UDP flow is over. 60 s by default.
    pub idle_timeout: Duration,
    /// Finds who opened a flow that comes from this machine; by default nobody does.
    pub lookup: Option<Arc<Lookup>>,
}

impl TransparentOptions {
    /// Listens there, and leaves it to others to lead traffic there.
    pub fn new(listen: impl IntoIterator<Item = SocketAddr>) -> Self {
        Self {
            listen: listen.into_iter().collect(),
            interfaces: Vec::new(),
            idle_timeout: Duration::from_secs(60),
            lookup: None,
        }
    }
}

impl fmt::Debug for TransparentOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { listen, interfaces, idle_timeout, lookup } = self;
        f.debug_struct("TransparentOptions")
            .field("listen", listen)
            .field("interfaces", interfaces)
            .field("idle_timeout", idle_timeout)
            .field("lookup", &lookup.is_some())
            .finish()
    }
}

/// Why a gateway does not work. Nothing of it is left behind.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransparentError {
    /// Nobody can listen there now.
    #[error("cannot listen on {addr} for TCP and UDP, give another port or address")]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Another process leads the traffic of this network to itself.
    #[error(
        "there is a gateway here already, of {holder}; end that first: sidestream gateway down"
    )]
    Held {
        /// Which process it is, and what it takes, as it says itself.
        holder: String,
    },
    /// An interface is not there.
    #[error("there is no interface {name:?}, `ip link` lists them")]
    NoInterface {
        /// What was given.
        name: String,
    },
    /// The caller may not do it.
    #[error("a gateway takes CAP_NET_ADMIN: run this as root")]
    NoRights(#[source] io::Error),
    /// The process that keeps the rights cannot be started.
    #[error("cannot start the process that keeps the rights of a gateway")]
    Keeper(#[source] io::Error),
    /// The rules cannot be made.
    #[error(
        "cannot make the rules that lead traffic here; they take Linux 5.12 with nftables \
         (tproxy, socket, fib)"
    )]
    Rules(#[source] io::Error),
    /// There is no driver for this system.
    #[error("gateways are not on this system yet, run it on Linux")]
    Unsupported,
}

/// What there is of a gateway in this network namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct GatewayStatus {
    /// The process that leads traffic to itself, and what it takes, as it says itself.
    pub holder: Option<String>,
    /// How many routing rules and routes of ours there are: those of the holder, or left-overs
    /// of one that was killed, which no packet matches.
    pub entries: usize,
}
