//! Sockets that are joined to remote ones, and how they end.

use std::io;
use std::net::SocketAddr;

use sidestream_flow::Transport;

/// A socket that is joined to a remote one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Connection {
    /// The inode of the socket, by which its holders are found.
    pub inode: u32,
    /// The kernel's own number for the socket, which is never reused.
    pub cookie: [u32; 2],
    /// Whether it carries a stream or datagrams.
    pub transport: Transport,
    /// The address at this end.
    pub local: SocketAddr,
    /// The address at the other end.
    pub remote: SocketAddr,
    /// The network interface that the socket is bound to, or 0.
    pub interface: u32,
    /// The user who made it.
    pub uid: u32,
}

/// What [`Sockets::reset`](crate::Sockets::reset) did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reset {
    /// How many sockets were ended.
    pub sockets: usize,
}

/// Why a connection could not be ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DestroyError {
    /// The caller may not.
    #[error("connections can be ended by root alone; run with CAP_NET_ADMIN")]
    Denied,
    /// The kernel did not answer as it should.
    #[error("the kernel refused to end a connection")]
    Io(#[source] io::Error),
    /// The kernel was built without the means (`CONFIG_INET_DIAG_DESTROY`).
    #[error("this kernel cannot end connections; restart the program instead")]
    Unsupported,
}

impl From<DestroyError> for io::Error {
    fn from(error: DestroyError) -> Self {
        let kind = match &error {
            DestroyError::Denied => io::ErrorKind::PermissionDenied,
            DestroyError::Io(source) => source.kind(),
            DestroyError::Unsupported => io::ErrorKind::Unsupported,
        };
        Self::new(kind, error)
    }
}
