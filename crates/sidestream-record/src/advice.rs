//! What peers of HTTP/2 advise each other of beside their exchanges.

use bytes::Bytes;
use sidestream_flow::Peer;

/// Advice that a peer of HTTP/2 gave in a frame of its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Advice {
    /// Where else the same is to be had: ALTSVC (RFC 7838 §4).
    Alternative {
        /// The origin that it is about; `None` where that is the origin of the request in whose
        /// stream the frame stood.
        origin: Option<Bytes>,
        /// The alternatives, as in the field `Alt-Svc`.
        value: Bytes,
    },
    /// For which origins the server takes requests on this connection: ORIGIN (RFC 8336 §2).
    Origins(Vec<Bytes>),
    /// How urgent the client holds a response to be: PRIORITY_UPDATE (RFC 9218 §7.1).
    Priority {
        /// The stream that it is about, which need not have begun yet.
        stream: u32,
        /// The parameters, as in the field `Priority`.
        value: Bytes,
    },
}

impl Advice {
    /// Returns the name of the frame in its standard.
    pub const fn frame(&self) -> &'static str {
        match self {
            Self::Alternative { .. } => "ALTSVC",
            Self::Origins(_) => "ORIGIN",
            Self::Priority { .. } => "PRIORITY_UPDATE",
        }
    }

    /// Returns about how many bytes it takes.
    pub fn bytes(&self) -> usize {
        let content = match self {
            Self::Alternative { origin, value } => {
                origin.as_ref().map_or(0, Bytes::len) + value.len()
            }
            Self::Origins(origins) => {
                origins.iter().map(|origin| origin.len() + size_of::<Bytes>()).sum()
            }
            Self::Priority { value, .. } => value.len(),
        };
        size_of::<Self>() + content
    }
}

/// Advice, with who gave it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Advised {
    /// Who gave it.
    pub from: Peer,
    /// What it says.
    pub advice: Advice,
}
