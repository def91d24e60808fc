//! Answers to requests (RFC 1928 §6).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use sidestream_record::DialFailure;

use super::{Address, DecodeError, HandshakeError};

/// A version of SOCKS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// Version 4, or 4a, which adds names.
    V4,
    /// Version 5.
    V5,
}

/// What became of a request. The numbers are those of version 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[non_exhaustive]
pub enum Reply {
    /// It is done.
    Succeeded = 0,
    /// Something else went wrong.
    Failed = 1,
    /// The server's network cannot be reached.
    NetworkUnreachable = 3,
    /// The server cannot be reached, or its name has no address.
    HostUnreachable = 4,
    /// The server refused.
    Refused = 5,
    /// The server did not answer in time.
    TimedOut = 6,
    /// The command is not offered.
    Command = 7,
    /// There is no such type of address.
    AddressType = 8,
}

impl Reply {
    /// Returns the reply as it is sent, with the address that is bound for the client.
    pub fn encode(self, version: Version, bound: SocketAddr) -> Vec<u8> {
        match version {
            Version::V5 => {
                let mut bytes = vec![5, self as u8, 0];
                Address::from(bound).encode(&mut bytes);
                bytes
            }
            Version::V4 => {
                // It knows "granted" and "rejected or failed" only.
                let code = if self == Self::Succeeded { 90 } else { 91 };
                let ip = match bound.ip() {
                    IpAddr::V4(ip) => ip,
                    IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
                };
                let mut bytes = vec![0, code];
                bytes.extend_from_slice(&bound.port().to_be_bytes());
                bytes.extend_from_slice(&ip.octets());
                bytes
            }
        }
    }

    /// Returns the reply as it is sent where no address is bound, or which one is nobody's
    /// business.
    pub fn encode_unbound(self, version: Version) -> Vec<u8> {
        self.encode(version, (Ipv4Addr::UNSPECIFIED, 0).into())
    }
}

impl From<&DialFailure> for Reply {
    fn from(failure: &DialFailure) -> Self {
        match failure {
            DialFailure::Refused => Self::Refused,
            DialFailure::Unknown { .. } => Self::HostUnreachable,
            DialFailure::Unreachable => Self::NetworkUnreachable,
            DialFailure::TimedOut => Self::TimedOut,
            _ => Self::Failed,
        }
    }
}

impl From<HandshakeError> for Reply {
    fn from(error: HandshakeError) -> Self {
        match error {
            HandshakeError::Address(DecodeError::AddressType { .. }) => Self::AddressType,
            HandshakeError::Command { .. } => Self::Command,
            _ => Self::Failed,
        }
    }
}
