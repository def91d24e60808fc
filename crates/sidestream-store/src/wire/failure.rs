//! Failures on disk.

use std::time::Duration;

use sidestream_flow::Peer;
use sidestream_record::{DialFailure, Failure, ProxyFailure};

use super::{DecodeError, peer_from, peer_to};

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireFailure {
    #[prost(enumeration = "Kind", tag = "1")]
    kind: i32,
    #[prost(uint64, tag = "2")]
    peer: u64,
    #[prost(uint64, optional, tag = "3")]
    missing: Option<u64>,
    /// The limit, reason, host or name that the kind calls for.
    #[prost(string, tag = "4")]
    what: String,
    /// How the failure reads, for versions that do not know its kind.
    #[prost(string, tag = "5")]
    text: String,
    /// The peer's own error code.
    #[prost(uint32, tag = "6")]
    code: u32,
    /// The alert with which a client refused a certificate.
    #[prost(string, optional, tag = "7")]
    alert: Option<String>,
    /// For how many seconds it is not shown one again.
    #[prost(uint64, optional, tag = "8")]
    passed_seconds: Option<u64>,
    /// The proxy that did not lead to the server.
    #[prost(string, tag = "9")]
    proxy: String,
}

/// What kind of failure it is; the numbers are part of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
enum Kind {
    Unspecified = 0,
    CutShort = 1,
    DialRefused = 2,
    DialUnknown = 3,
    DialUnreachable = 4,
    DialTimedOut = 5,
    DialOther = 6,
    Limit = 7,
    Malformed = 8,
    Reset = 9,
    Stopped = 10,
    TimedOut = 11,
    Tls = 12,
    Unanswered = 13,
    Unsupported = 14,
    Internal = 15,
    GoneAway = 16,
    StreamReset = 17,
    CertificateRefused = 18,
    Blocked = 24,
    DialProxyBroken = 30,
    DialProxyNoDatagrams = 31,
    DialProxyRefused = 32,
    DialProxyTimedOut = 33,
    DialProxyTls = 34,
    DialProxyUnauthorized = 35,
    DialProxyUnreached = 36,
    Reported = 38,
    Unauthorized = 37,
}

impl From<&Failure> for WireFailure {
    fn from(failure: &Failure) -> Self {
        let text = failure.to_string();
        let make = |kind: Kind, peer: Peer, what: &str| Self {
            kind: kind.into(),
            peer: peer_to(peer),
            missing: None,
            what: what.to_owned(),
            text: text.clone(),
            code: 0,
            alert: None,
            passed_seconds: None,
            proxy: String::new(),
        };
        let plain = |kind| make(kind, Peer::Client, "");
        match failure {
            Failure::Blocked { by } => make(Kind::Blocked, Peer::Client, by),
            Failure::CertificateRefused { host, alert, passed_for } => Self {
                alert: alert.clone(),
                passed_seconds: passed_for.map(|period| period.as_secs()),
                ..make(Kind::CertificateRefused, Peer::Client, host)
            },
            Failure::CutShort { peer, missing } => {
                Self { missing: *missing, ..make(Kind::CutShort, *peer, "") }
            }
            Failure::Dial(DialFailure::Proxy { proxy, failure }) => {
                let (kind, what) = proxy_to(failure);
                Self { proxy: proxy.clone(), ..make(kind, Peer::Client, what) }
            }
            Failure::Dial(dial) => {
                let (kind, what) = dial_to(dial);
                make(kind, Peer::Client, what)
            }
            Failure::GoneAway { peer, code } => {
                Self { code: *code, ..make(Kind::GoneAway, *peer, "") }
            }
            Failure::Limit { peer, what } => make(Kind::Limit, *peer, what),
            Failure::Malformed { peer, reason } => make(Kind::Malformed, *peer, reason),
            Failure::Reported { reason } => make(Kind::Reported, Peer::Client, reason),
            Failure::Reset(peer) => make(Kind::Reset, *peer, ""),
            Failure::StreamReset { peer, code } => {
                Self { code: *code, ..make(Kind::StreamReset, *peer, "") }
            }
            Failure::Stopped => plain(Kind::Stopped),
            Failure::TimedOut { peer, what } => make(Kind::TimedOut, *peer, what),
            Failure::Tls { peer, reason } => make(Kind::Tls, *peer, reason),
            Failure::Unauthorized => plain(Kind::Unauthorized),
            Failure::Unanswered => plain(Kind::Unanswered),
            Failure::Unsupported { what } => make(Kind::Unsupported, Peer::Client, what),
            Failure::Internal { reason } => make(Kind::Internal, Peer::Client, reason),
            _ => plain(Kind::Unspecified),
        }
    }
}

fn dial_to(failure: &DialFailure) -> (Kind, &str) {
    match failure {
        DialFailure::Refused => (Kind::DialRefused, ""),
        DialFailure::Unknown { host } => (Kind::DialUnknown, host),
        DialFailure::Unreachable => (Kind::DialUnreachable, ""),
        DialFailure::TimedOut => (Kind::DialTimedOut, ""),
        DialFailure::Other { reason } => (Kind::DialOther, reason),
        _ => (Kind::Unspecified, ""),
    }
}

fn proxy_to(failure: &ProxyFailure) -> (Kind, &str) {
    match failure {
        ProxyFailure::Broken { reason } => (Kind::DialProxyBroken, reason),
        ProxyFailure::NoDatagrams => (Kind::DialProxyNoDatagrams, ""),
        ProxyFailure::Refused { reason } => (Kind::DialProxyRefused, reason),
        ProxyFailure::TimedOut => (Kind::DialProxyTimedOut, ""),
        ProxyFailure::Tls { reason } => (Kind::DialProxyTls, reason),
        ProxyFailure::Unauthorized => (Kind::DialProxyUnauthorized, ""),
        ProxyFailure::Unreached { reason } => (Kind::DialProxyUnreached, reason),
        _ => (Kind::Unspecified, ""),
    }
}

impl TryFrom<WireFailure> for Failure {
    type Error = DecodeError;

    fn try_from(failure: WireFailure) -> Result<Self, DecodeError> {
        let peer = peer_from(failure.peer)?;
        let what = failure.what;
        let proxy = failure.proxy;
        let by_proxy = |failure| Self::Dial(DialFailure::Proxy { proxy, failure });
        // The end of an exchange or flow is told even when its reason has no word here.
        let kind = Kind::try_from(failure.kind).unwrap_or(Kind::Unspecified);
        Ok(match kind {
            Kind::Unspecified => Self::Unsupported {
                what: format!("a failure that a newer version recorded: {}", failure.text),
            },
            Kind::Blocked => Self::Blocked { by: what },
            Kind::CertificateRefused => Self::CertificateRefused {
                host: what,
                alert: failure.alert,
                passed_for: failure.passed_seconds.map(Duration::from_secs),
            },
            Kind::CutShort => Self::CutShort { peer, missing: failure.missing },
            Kind::DialRefused => Self::Dial(DialFailure::Refused),
            Kind::DialUnknown => Self::Dial(DialFailure::Unknown { host: what }),
            Kind::DialUnreachable => Self::Dial(DialFailure::Unreachable),
            Kind::DialTimedOut => Self::Dial(DialFailure::TimedOut),
            Kind::DialOther => Self::Dial(DialFailure::Other { reason: what }),
            Kind::DialProxyBroken => by_proxy(ProxyFailure::Broken { reason: what }),
            Kind::DialProxyNoDatagrams => by_proxy(ProxyFailure::NoDatagrams),
            Kind::DialProxyRefused => by_proxy(ProxyFailure::Refused { reason: what }),
            Kind::DialProxyTimedOut => by_proxy(ProxyFailure::TimedOut),
            Kind::DialProxyTls => by_proxy(ProxyFailure::Tls { reason: what }),
            Kind::DialProxyUnauthorized => by_proxy(ProxyFailure::Unauthorized),
            Kind::DialProxyUnreached => by_proxy(ProxyFailure::Unreached { reason: what }),
            Kind::GoneAway => Self::GoneAway { peer, code: failure.code },
            Kind::Limit => Self::Limit { peer, what },
            Kind::Malformed => Self::Malformed { peer, reason: what },
            Kind::Reported => Self::Reported { reason: what },
            Kind::Reset => Self::Reset(peer),
            Kind::StreamReset => Self::StreamReset { peer, code: failure.code },
            Kind::Stopped => Self::Stopped,
            Kind::TimedOut => Self::TimedOut { peer, what: what.into() },
            Kind::Tls => Self::Tls { peer, reason: what },
            Kind::Unauthorized => Self::Unauthorized,
            Kind::Unanswered => Self::Unanswered,
            Kind::Unsupported => Self::Unsupported { what },
            Kind::Internal => Self::Internal { reason: what },
        })
    }
}
