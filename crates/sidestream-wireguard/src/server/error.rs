//! Why a server does not listen.

use std::io;
use std::net::SocketAddr;

use crate::config::Endpoint;
use crate::key::GenerateKeyError;

/// Why a server does not listen. Nothing of it is left behind.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// Somebody listens there already.
    #[error("{addr} (UDP) is in use, give another port")]
    InUse {
        /// The address.
        addr: SocketAddr,
    },
    /// The system does not let us listen there.
    #[error("cannot listen on {addr} (UDP)")]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// There is nothing to listen on.
    #[error("no address to listen on, give one")]
    Nowhere,
    /// The endpoint of a peer has a name that is not found.
    #[error("the endpoint {endpoint} is not found, give an address or leave it out")]
    Endpoint {
        /// The endpoint.
        endpoint: Endpoint,
        /// What the system said.
        source: io::Error,
    },
    /// The system gives no randomness.
    #[error(transparent)]
    Random(#[from] GenerateKeyError),
}
