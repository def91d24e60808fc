//! Why a flow or an exchange did not end well, and whose doing it was.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use sidestream_flow::Peer;

use crate::wording;

/// Whose doing a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Blame {
    /// One end of the flow misbehaved, or ended it.
    Peer(Peer),
    /// The user asked for what cannot be.
    Caller,
    /// The machine lacks something.
    Machine,
    /// An error of ours.
    Bug,
}

/// Why a server could not be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DialFailure {
    /// The server's machine answered that nobody listens there.
    Refused,
    /// The name has no address.
    Unknown {
        /// The name that was looked up.
        host: String,
    },
    /// No route leads there.
    Unreachable,
    /// Nobody answered in time.
    TimedOut,
    /// The proxy through which servers are to be reached did not lead there.
    Proxy {
        /// The proxy, as `scheme://host:port`.
        proxy: String,
        /// What became of it.
        failure: ProxyFailure,
    },
    /// The system gave another reason.
    Other {
        /// The system's words.
        reason: String,
    },
}

/// Why a proxy did not lead to a server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProxyFailure {
    /// It ended the connection, or what it said makes no sense.
    Broken {
        /// What happened.
        reason: String,
    },
    /// It carries no datagrams.
    NoDatagrams,
    /// It will not, or cannot, connect to the server.
    Refused {
        /// Its own words.
        reason: String,
    },
    /// It did not answer in time.
    TimedOut,
    /// TLS with itself could not be agreed on.
    Tls {
        /// Why.
        reason: String,
    },
    /// It asks for a user and password, or for others than it was given.
    Unauthorized,
    /// It could not be reached itself.
    Unreached {
        /// Why.
        reason: String,
    },
}

/// Why a flow or an exchange did not end well.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// A hook of the user's ended it.
    Blocked {
        /// Which: the rule, as the user wrote it.
        by: String,
    },
    /// The client did not take the certificate that it was shown for the server.
    CertificateRefused {
        /// The server's name.
        host: String,
        /// The client's alert; a client that sent none closed the connection at that point.
        alert: Option<String>,
        /// For how long the program's next connections to that host are passed as they are.
        passed_for: Option<Duration>,
    },
    /// The flow ended while the exchange was under way.
    CutShort {
        /// Who ended it.
        peer: Peer,
        /// How many announced bytes did not come, where a length was announced.
        missing: Option<u64>,
    },
    /// The server could not be reached.
    Dial(DialFailure),
    /// A peer said that it takes no more requests on this connection, this one among them
    /// (RFC 9113 §6.8).
    GoneAway {
        /// Who said so.
        peer: Peer,
        /// Its error code (RFC 9113 §7).
        code: u32,
    },
    /// What a peer sent goes beyond a limit.
    Limit {
        /// Who sent it.
        peer: Peer,
        /// Which limit.
        what: String,
    },
    /// A peer did not speak its protocol, or ambiguously.
    Malformed {
        /// Who sent it.
        peer: Peer,
        /// What is wrong with it.
        reason: String,
    },
    /// What was imported ended so, in the words of the program that recorded it.
    Reported {
        /// Its words.
        reason: String,
    },
    /// A peer reset the connection.
    Reset(Peer),
    /// A peer ended one stream of a connection before its time (RFC 9113 §6.4).
    StreamReset {
        /// Who ended it.
        peer: Peer,
        /// Its error code (RFC 9113 §7).
        code: u32,
    },
    /// The proxy was stopped.
    Stopped,
    /// A peer was silent for too long.
    TimedOut {
        /// Who was waited for.
        peer: Peer,
        /// What was waited for.
        what: Cow<'static, str>,
    },
    /// TLS could not be agreed on with a peer.
    Tls {
        /// With whom.
        peer: Peer,
        /// Why.
        reason: String,
    },
    /// The client of the proxy did not say who it is, or said so wrongly.
    Unauthorized,
    /// No answer came to a query before its flow fell silent.
    Unanswered,
    /// The protocol or option is not served.
    Unsupported {
        /// What was asked for.
        what: String,
    },
    /// Something of ours failed.
    Internal {
        /// What.
        reason: String,
    },
}

impl Failure {
    /// Returns whose doing the failure is.
    pub const fn blame(&self) -> Blame {
        match self {
            Self::CutShort { peer, .. }
            | Self::GoneAway { peer, .. }
            | Self::Limit { peer, .. }
            | Self::Malformed { peer, .. }
            | Self::Reset(peer)
            | Self::StreamReset { peer, .. }
            | Self::TimedOut { peer, .. }
            | Self::Tls { peer, .. } => Blame::Peer(*peer),
            // What the system refused without asking the server.
            Self::Dial(DialFailure::Other { .. }) | Self::Reported { .. } => Blame::Machine,
            Self::Dial(DialFailure::Proxy { failure: ProxyFailure::Unauthorized, .. }) => {
                Blame::Caller
            }
            // The user's proxy belongs to the way, not to the server.
            Self::Dial(DialFailure::Proxy { .. }) => Blame::Machine,
            Self::Dial(_) | Self::Unanswered => Blame::Peer(Peer::Server(0)),
            Self::CertificateRefused { .. } | Self::Unauthorized => Blame::Peer(Peer::Client),
            Self::Blocked { .. } | Self::Stopped | Self::Unsupported { .. } => Blame::Caller,
            Self::Internal { .. } => Blame::Bug,
        }
    }
}

impl Failure {
    /// Returns whether the failure is that nobody answered in time.
    pub const fn is_timeout(&self) -> bool {
        match self {
            Self::TimedOut { .. } | Self::Dial(DialFailure::TimedOut) => true,
            Self::Dial(DialFailure::Proxy { failure, .. }) => {
                matches!(failure, ProxyFailure::TimedOut)
            }
            _ => false,
        }
    }
}

impl From<std::io::Error> for DialFailure {
    fn from(error: std::io::Error) -> Self {
        use std::io::ErrorKind as Kind;
        match error.kind() {
            Kind::ConnectionRefused => Self::Refused,
            Kind::HostUnreachable | Kind::NetworkUnreachable => Self::Unreachable,
            Kind::TimedOut => Self::TimedOut,
            _ => Self::Other { reason: error.to_string() },
        }
    }
}

impl fmt::Display for DialFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("the server refused the connection"),
            Self::Unknown { host } => write!(f, "no address is known for {host}"),
            Self::Unreachable => f.write_str("no route to the server"),
            Self::TimedOut => f.write_str("the server did not answer the connection in time"),
            Self::Proxy { proxy, failure } => write!(f, "the proxy {proxy} {failure}"),
            Self::Other { reason } => write!(f, "cannot connect to the server: {reason}"),
        }
    }
}

impl fmt::Display for ProxyFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken { reason } => write!(f, "does not speak its protocol: {reason}"),
            Self::NoDatagrams => f.write_str("carries no UDP"),
            Self::Refused { reason } => write!(f, "did not connect to the server: {reason}"),
            Self::TimedOut => f.write_str("did not answer in time"),
            Self::Tls { reason } => write!(f, "cannot be spoken to by TLS: {reason}"),
            Self::Unauthorized => {
                f.write_str("wants a user and password, or others (give them by --upstream-auth)")
            }
            Self::Unreached { reason } => write!(f, "cannot be reached: {reason}"),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blocked { by } => write!(f, "blocked by {by}"),
            Self::CertificateRefused { host, alert, passed_for } => {
                match alert {
                    Some(alert) => write!(
                        f,
                        "the client refused our certificate for {host}: it does not trust our \
                         root, or trusts only certificates of its own choice ({alert})"
                    )?,
                    None => write!(
                        f,
                        "the client closed the connection right after our certificate for {host}"
                    )?,
                }
                match passed_for {
                    None => Ok(()),
                    Some(time) => {
                        let time = wording::period(*time);
                        write!(f, "; its next connections to {host} are passed for {time}")
                    }
                }
            }
            Self::CutShort { peer, missing: None } => write!(f, "cut short by the {peer}"),
            Self::CutShort { peer, missing: Some(missing) } => {
                write!(f, "cut short by the {peer}, {missing} bytes missing")
            }
            Self::Dial(failure) => failure.fmt(f),
            Self::GoneAway { peer, code } => {
                write!(f, "not taken by the {peer}, which is going away: {}", error_code(*code))
            }
            Self::Limit { peer, what } => write!(f, "the {peer} exceeded a limit: {what}"),
            Self::Malformed { peer, reason } => write!(f, "malformed by the {peer}: {reason}"),
            Self::Reported { reason } => f.write_str(reason),
            Self::Reset(peer) => write!(f, "reset by the {peer}"),
            Self::StreamReset { peer, code } => {
                write!(f, "stream reset by the {peer}: {}", error_code(*code))
            }
            Self::Stopped => f.write_str("the proxy was stopped"),
            Self::TimedOut { peer, what } => write!(f, "timed out waiting for the {peer}: {what}"),
            Self::Tls { peer, reason } => write!(f, "no TLS with the {peer}: {reason}"),
            Self::Unauthorized => {
                f.write_str("this proxy asks for a user and password, which are missing or wrong")
            }
            Self::Unanswered => f.write_str("no answer came"),
            Self::Unsupported { what } => write!(f, "not supported: {what}"),
            Self::Internal { reason } => write!(f, "internal error: {reason}"),
        }
    }
}

/// Returns the name of an HTTP/2 error code (RFC 9113 §7), or its number.
fn error_code(code: u32) -> Cow<'static, str> {
    const NAMES: [&str; 14] = [
        "NO_ERROR",
        "PROTOCOL_ERROR",
        "INTERNAL_ERROR",
        "FLOW_CONTROL_ERROR",
        "SETTINGS_TIMEOUT",
        "STREAM_CLOSED",
        "FRAME_SIZE_ERROR",
        "REFUSED_STREAM",
        "CANCEL",
        "COMPRESSION_ERROR",
        "CONNECT_ERROR",
        "ENHANCE_YOUR_CALM",
        "INADEQUATE_SECURITY",
        "HTTP_1_1_REQUIRED",
    ];
    match NAMES.get(code as usize) {
        Some(name) => Cow::Borrowed(name),
        None => Cow::Owned(format!("error {code}")),
    }
}
