//! TLS legs on disk.

use sidestream_record::{Tls, TlsVersion};

use super::{DecodeError, peer_from, peer_to};

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireTls {
    #[prost(uint64, tag = "1")]
    peer: u64,
    /// The number of the version in the handshake: 0x0303, 0x0304.
    #[prost(uint32, tag = "2")]
    version: u32,
    #[prost(string, tag = "3")]
    cipher: String,
    #[prost(string, optional, tag = "4")]
    sni: Option<String>,
    #[prost(string, optional, tag = "5")]
    alpn: Option<String>,
    #[prost(string, optional, tag = "6")]
    ja4: Option<String>,
}

impl From<&Tls> for WireTls {
    fn from(tls: &Tls) -> Self {
        let version = match tls.version {
            TlsVersion::Tls12 => 0x0303,
            TlsVersion::Tls13 => 0x0304,
            _ => 0,
        };
        Self {
            peer: peer_to(tls.peer),
            version,
            cipher: tls.cipher.clone(),
            sni: tls.sni.clone(),
            alpn: tls.alpn.clone(),
            ja4: tls.ja4.clone(),
        }
    }
}

impl TryFrom<WireTls> for Tls {
    type Error = DecodeError;

    fn try_from(tls: WireTls) -> Result<Self, DecodeError> {
        let version = match tls.version {
            0x0303 => TlsVersion::Tls12,
            0x0304 => TlsVersion::Tls13,
            _ => return Err(DecodeError::Unknown),
        };
        Ok(Self {
            peer: peer_from(tls.peer)?,
            version,
            cipher: tls.cipher,
            sni: tls.sni,
            alpn: tls.alpn,
            ja4: tls.ja4,
        })
    }
}
