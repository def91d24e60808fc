//! Why the keys of WireGuard cannot be had.

use std::io;
use std::path::PathBuf;

use sidestream::wireguard::{GenerateKeyError, ParseConfigError};

/// Why the keys of WireGuard cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WireguardError {
    /// Neither HOME nor XDG_DATA_HOME says where.
    #[error("no folder is known for WireGuard's keys, name one: --confdir DIR")]
    NoFolder,
    /// Something cannot be written.
    #[error("cannot write {}, name another folder: --confdir DIR", path.display())]
    NotWritable {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    NotReadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file holds something else.
    #[error("{}:{}: {source}", path.display(), source.line)]
    NotAConfig {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ParseConfigError,
    },
    /// A client's file knows another server than ours, or several.
    #[error("{} is not a client of server.conf beside it, move it away", path.display())]
    NotAClient {
        /// The file.
        path: PathBuf,
    },
    /// Two clients have the same key or address.
    #[error("{} and {} have the same {what}, remove one", one.display(), other.display())]
    Twins {
        /// The one file.
        one: PathBuf,
        /// The other.
        other: PathBuf,
        /// What they have in common.
        what: &'static str,
    },
    /// No client can be called so.
    #[error(
        "{name:?} cannot be the name of a client, use up to 15 letters, digits and any of _=+.-, \
         but not `server`"
    )]
    Name {
        /// The name.
        name: String,
    },
    /// There is a client of that name.
    #[error("there is a client {name:?} already, choose another name or remove that one")]
    Taken {
        /// The name.
        name: String,
    },
    /// There is no client of that name.
    #[error("there is no client {name:?}, see `sidestream wireguard list`")]
    Unknown {
        /// The name.
        name: String,
    },
    /// The server's range has no address left.
    #[error("no address is left for another client, give {} a larger range", path.display())]
    Full {
        /// The server's file.
        path: PathBuf,
    },
    /// The server has no address.
    #[error("{} has no Address, add one", path.display())]
    NoAddress {
        /// The server's file.
        path: PathBuf,
    },
    /// What should be an endpoint is none.
    #[error("{text:?} is not an endpoint, write HOST or HOST:PORT, [ADDRESS]:PORT for IPv6")]
    Endpoint {
        /// What was given.
        text: String,
    },
    /// This machine has no address that others could reach.
    #[error("this machine has no way to a network, say where clients find it: {option} HOST")]
    NoOwnAddress {
        /// The option that says so.
        option: &'static str,
    },
    /// It does not fit.
    #[error("the configuration is too long to be drawn, copy the file instead")]
    TooLong,
    /// The system gives no randomness.
    #[error(transparent)]
    Random(#[from] GenerateKeyError),
}
