//! Why flows were passed as they are, on disk.

use sidestream_record::{Offered, PassReason, Passed};

use super::{DecodeError, nanoseconds, time};

/// The reason is one of those that `kind` names: 1 refused, 2 spec, 3 unsupported, 4 untrusted, 5 hosts.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WirePassed {
    #[prost(uint32, tag = "1")]
    kind: u32,
    /// The host.
    #[prost(string, optional, tag = "2")]
    host: Option<String>,
    /// Nanoseconds since 1970.
    #[prost(sint64, tag = "3")]
    until: i64,
    #[prost(string, tag = "4")]
    what: String,
    #[prost(message, optional, tag = "5")]
    offered: Option<WireOffered>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireOffered {
    #[prost(string, optional, tag = "1")]
    sni: Option<String>,
    #[prost(string, repeated, tag = "2")]
    alpn: Vec<String>,
    #[prost(string, tag = "3")]
    ja4: String,
}

impl From<&Passed> for WirePassed {
    fn from(Passed { why, offered }: &Passed) -> Self {
        let offered =
            offered.clone().map(|Offered { sni, alpn, ja4 }| WireOffered { sni, alpn, ja4 });
        let wire = Self { offered, ..Self::default() };
        match why {
            PassReason::Refused { host, until } => {
                Self { kind: 1, host: Some(host.clone()), until: nanoseconds(*until), ..wire }
            }
            PassReason::Spec { host } => Self { kind: 2, host: host.clone(), ..wire },
            PassReason::Unsupported { what } => Self { kind: 3, what: what.clone(), ..wire },
            PassReason::Untrusted => Self { kind: 4, ..wire },
            PassReason::Hook { by } => Self { kind: 6, what: by.clone(), ..wire },
            PassReason::Hosts { host } => Self { kind: 5, host: host.clone(), ..wire },
            _ => wire,
        }
    }
}

impl TryFrom<WirePassed> for Passed {
    type Error = DecodeError;

    fn try_from(wire: WirePassed) -> Result<Self, DecodeError> {
        let WirePassed { kind, host, until, what, offered } = wire;
        let why = match kind {
            1 => PassReason::Refused { host: host.unwrap_or_default(), until: time(until) },
            2 => PassReason::Spec { host },
            3 => PassReason::Unsupported { what },
            4 => PassReason::Untrusted,
            5 => PassReason::Hosts { host },
            6 => PassReason::Hook { by: what },
            _ => return Err(DecodeError::Unknown),
        };
        let offered = offered.map(|WireOffered { sni, alpn, ja4 }| Offered { sni, alpn, ja4 });
        Ok(Self { why, offered })
    }
}
