//! Messages of ICMP (RFC 792, RFC 4443).

use std::fmt;
use std::net::IpAddr;

use super::{Quote, verify};
use crate::bytes::{be16, be32};
use crate::ip::Header;
use crate::sum::ICMP_CHECKSUM;
use crate::{Checksum, Defect};

/// The length of a header.
const LEN: usize = 8;

/// A message of ICMP, for either family.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum IcmpMessage<'a> {
    /// An answer to an echo request.
    EchoReply {
        /// Which program asked.
        id: u16,
        /// Which of its requests is answered.
        sequence: u16,
        /// What came with the request.
        payload: &'a [u8],
    },
    /// A request for an answer, as `ping` sends.
    EchoRequest {
        /// Which program asks.
        id: u16,
        /// Which of its requests it is.
        sequence: u16,
        /// What is to come back.
        payload: &'a [u8],
    },
    /// Any other, by its numbers.
    Other {
        /// The type, of the family's registry.
        kind: u8,
        /// The code.
        code: u8,
    },
    /// A packet did not fit a link on its way (RFC 1191 §4, RFC 4443 §3.2).
    PacketTooBig {
        /// The longest that fits; zero where an old router does not say.
        mtu: u32,
        /// The packet.
        quote: Option<Quote<'a>>,
    },
    /// A packet was forwarded too often, or its fragments came too late.
    TimeExceeded {
        /// 0 for the hop limit, 1 for fragments.
        code: u8,
        /// The packet.
        quote: Option<Quote<'a>>,
    },
    /// A packet was not delivered.
    Unreachable {
        /// What was not reached.
        reason: Unreachable,
        /// The packet.
        quote: Option<Quote<'a>>,
    },
}

impl<'a> IcmpMessage<'a> {
    pub(super) fn read(
        header: &Header,
        bytes: &'a [u8],
        checksum: Checksum,
    ) -> Result<Self, Defect> {
        if bytes.len() < LEN {
            return Err(Defect::Truncated);
        }
        verify(header, bytes, checksum, ICMP_CHECKSUM)?;
        let (kind, code, rest) = (bytes[0], bytes[1], &bytes[LEN..]);
        let (id, sequence) = (be16(bytes, 4), be16(bytes, 6));
        let v4 = header.source.is_ipv4();
        Ok(match (v4, kind, code) {
            (true, 8, 0) | (false, 128, 0) => Self::EchoRequest { id, sequence, payload: rest },
            (true, 0, 0) | (false, 129, 0) => Self::EchoReply { id, sequence, payload: rest },
            (true, 3, 4) => Self::PacketTooBig { mtu: sequence.into(), quote: Quote::read(rest) },
            (false, 2, _) => Self::PacketTooBig { mtu: be32(bytes, 4), quote: Quote::read(rest) },
            (true, 11, _) | (false, 3, _) => Self::TimeExceeded { code, quote: Quote::read(rest) },
            (true, 3, _) | (false, 1, _) | (false, 4, 1) => Self::Unreachable {
                reason: Unreachable::from_wire(v4, kind, code),
                quote: Quote::read(rest),
            },
            _ => Self::Other { kind, code },
        })
    }
}

impl fmt::Debug for IcmpMessage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EchoReply { id, sequence, payload } => {
                write!(
                    f,
                    "EchoReply {{ id: {id}, sequence: {sequence}, payload_len: {} }}",
                    payload.len()
                )
            }
            Self::EchoRequest { id, sequence, payload } => {
                write!(
                    f,
                    "EchoRequest {{ id: {id}, sequence: {sequence}, payload_len: {} }}",
                    payload.len()
                )
            }
            Self::Other { kind, code } => write!(f, "Other {{ kind: {kind}, code: {code} }}"),
            Self::PacketTooBig { mtu, quote } => {
                write!(f, "PacketTooBig {{ mtu: {mtu}, quote: {quote:?} }}")
            }
            Self::TimeExceeded { code, quote } => {
                write!(f, "TimeExceeded {{ code: {code}, quote: {quote:?} }}")
            }
            Self::Unreachable { reason, quote } => {
                write!(f, "Unreachable {{ reason: {reason:?}, quote: {quote:?} }}")
            }
        }
    }
}

/// What was not reached, in words that both families have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unreachable {
    /// The host does not answer.
    Host,
    /// There is no way to its network.
    Network,
    /// Another reason, by its code.
    Other(u8),
    /// Nobody listens on the port.
    Port,
    /// Somebody on the way forbids it.
    Prohibited,
    /// The host does not speak the protocol.
    Protocol,
}

impl Unreachable {
    const fn from_wire(v4: bool, kind: u8, code: u8) -> Self {
        match (v4, kind, code) {
            (true, _, 0) | (false, 1, 0) => Self::Network,
            (true, _, 1) | (false, 1, 3) => Self::Host,
            (true, _, 2) | (false, 4, 1) => Self::Protocol,
            (true, _, 3) | (false, 1, 4) => Self::Port,
            (true, _, 9 | 10 | 13) | (false, 1, 1) => Self::Prohibited,
            _ => Self::Other(code),
        }
    }

    /// Returns type and code for a family.
    pub(crate) const fn to_wire(self, family: IpAddr) -> (u8, u8) {
        match (self, family) {
            (Self::Network, IpAddr::V4(_)) => (3, 0),
            (Self::Host, IpAddr::V4(_)) => (3, 1),
            (Self::Protocol, IpAddr::V4(_)) => (3, 2),
            (Self::Port, IpAddr::V4(_)) => (3, 3),
            (Self::Prohibited, IpAddr::V4(_)) => (3, 13),
            (Self::Other(code), IpAddr::V4(_)) => (3, code),
            (Self::Network, IpAddr::V6(_)) => (1, 0),
            (Self::Prohibited, IpAddr::V6(_)) => (1, 1),
            (Self::Host, IpAddr::V6(_)) => (1, 3),
            (Self::Port, IpAddr::V6(_)) => (1, 4),
            // RFC 4443 §3.4: an unrecognized next header is a problem of parameters.
            (Self::Protocol, IpAddr::V6(_)) => (4, 1),
            (Self::Other(code), IpAddr::V6(_)) => (1, code),
        }
    }
}
