//! Why a text is not a mode.

use sidestream::spec::ParseSpecError;
use sidestream::upstream::ParseServerError;

use super::NAMES;

/// Why a text is not a mode.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseModeError {
    /// There is no such mode.
    #[error("there is no mode {name:?}, use one of {}", NAMES.join(", "))]
    Unknown {
        /// What was given, in lower case.
        name: String,
    },
    /// Something stands behind a colon where nothing may.
    #[error("mode {mode} takes nothing after its name, write {mode} or {mode}@PORT")]
    NoData {
        /// The mode.
        mode: &'static str,
    },
    /// An address to listen on was given to a mode that does not listen.
    #[error("mode {mode} does not listen, leave out what begins with @")]
    NoListen {
        /// The mode.
        mode: &'static str,
    },
    /// A server is needed and not there.
    #[error("mode {mode} needs a server, as in {example}")]
    NoServer {
        /// The mode.
        mode: &'static str,
        /// How one is given.
        example: &'static str,
    },
    /// The server's scheme is not one that the mode takes.
    #[error("mode {mode} does not take the scheme {scheme:?}, use one of {allowed}")]
    Scheme {
        /// The mode.
        mode: &'static str,
        /// What was given.
        scheme: String,
        /// What would do.
        allowed: &'static str,
    },
    /// The server's name is missing or no name.
    #[error("{host:?} is not the name or address of a server")]
    Host {
        /// What was given.
        host: String,
    },
    /// The port is not one.
    #[error("{port:?} is not a port, use a number from 0 to 65535")]
    Port {
        /// What was given.
        port: String,
    },
    /// The address to listen on lacks its host.
    #[error("the host is missing before the port, write 0.0.0.0 for every IPv4 address")]
    NoHost,
    /// What mode `upstream` names is no proxy.
    #[error("mode upstream: {0}")]
    Upstream(#[source] ParseServerError),
    /// The spec does not parse.
    #[error("not a spec:\n{}", source.render(text))]
    Spec {
        /// The spec.
        text: String,
        /// What is wrong with it.
        source: ParseSpecError,
    },
}
