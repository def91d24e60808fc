//! Advice on disk.

use bytes::Bytes;
use sidestream_record::{Advice, Advised};

use super::{DecodeError, peer_from, peer_to};

/// Advice; `kind` is the type of its frame at IANA: 10 ALTSVC, 12 ORIGIN, 16 PRIORITY_UPDATE.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct WireAdvised {
    #[prost(uint64, tag = "1")]
    from: u64,
    #[prost(uint32, tag = "2")]
    kind: u32,
    /// Of which PRIORITY_UPDATE speaks.
    #[prost(uint32, tag = "3")]
    stream: u32,
    /// Of which ALTSVC or ORIGIN speaks.
    #[prost(bytes = "bytes", repeated, tag = "4")]
    origins: Vec<Bytes>,
    #[prost(bytes = "bytes", tag = "5")]
    value: Bytes,
}

impl From<&Advised> for WireAdvised {
    fn from(Advised { from, advice }: &Advised) -> Self {
        let wire = Self { from: peer_to(*from), ..Self::default() };
        match advice.clone() {
            Advice::Alternative { origin, value } => {
                Self { kind: 10, origins: origin.into_iter().collect(), value, ..wire }
            }
            Advice::Origins(origins) => Self { kind: 12, origins, ..wire },
            Advice::Priority { stream, value } => Self { kind: 16, stream, value, ..wire },
            _ => wire,
        }
    }
}

impl TryFrom<WireAdvised> for Advised {
    type Error = DecodeError;

    fn try_from(wire: WireAdvised) -> Result<Self, DecodeError> {
        let WireAdvised { from, kind, stream, origins, value } = wire;
        let advice = match kind {
            10 => Advice::Alternative { origin: origins.into_iter().next(), value },
            12 => Advice::Origins(origins),
            16 => Advice::Priority { stream, value },
            _ => return Err(DecodeError::Unknown),
        };
        Ok(Self { from: peer_from(from)?, advice })
    }
}
