//! TLS legs on disk.

use sidestream_record::{ClientCertificate, HelloDifference, HelloPart, Tls, TlsVersion};

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
    #[prost(string, optional, tag = "7")]
    group: Option<String>,
    #[prost(bool, tag = "8")]
    resumed: bool,
    #[prost(message, optional, tag = "9")]
    client_certificate: Option<WireCertificate>,
    #[prost(message, optional, tag = "10")]
    differences: Option<WireDifferences>,
}

/// What became of a request for a client certificate: one without digits was not given.
#[derive(Clone, PartialEq, prost::Message)]
struct WireCertificate {
    #[prost(string, tag = "1")]
    subject: String,
    #[prost(string, optional, tag = "2")]
    sha256: Option<String>,
}

/// A list that may be there and empty.
#[derive(Clone, PartialEq, prost::Message)]
struct WireDifferences {
    #[prost(message, repeated, tag = "1")]
    list: Vec<WireDifference>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireDifference {
    #[prost(uint32, tag = "1")]
    part: u32,
    #[prost(string, repeated, tag = "2")]
    withheld: Vec<String>,
    #[prost(string, repeated, tag = "3")]
    added: Vec<String>,
    #[prost(bool, tag = "4")]
    reordered: bool,
}

/// The parts of a ClientHello, by their numbers.
const PARTS: [(u32, HelloPart); 9] = [
    (1, HelloPart::Versions),
    (2, HelloPart::Ciphers),
    (3, HelloPart::Extensions),
    (4, HelloPart::Sni),
    (5, HelloPart::Alpn),
    (6, HelloPart::Groups),
    (7, HelloPart::KeyShares),
    (8, HelloPart::SignatureAlgorithms),
    (9, HelloPart::Grease),
];

impl From<&Tls> for WireTls {
    fn from(tls: &Tls) -> Self {
        let version = match tls.version {
            TlsVersion::Tls12 => 0x0303,
            TlsVersion::Tls13 => 0x0304,
            _ => 0,
        };
        let differences = tls.differences.as_ref();
        Self {
            peer: peer_to(tls.peer),
            version,
            cipher: tls.cipher.clone(),
            sni: tls.sni.clone(),
            alpn: tls.alpn.clone(),
            ja4: tls.ja4.clone(),
            group: tls.group.clone(),
            resumed: tls.resumed,
            client_certificate: tls.client_certificate.as_ref().map(Into::into),
            differences: differences
                .map(|list| WireDifferences { list: list.iter().map(Into::into).collect() }),
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
        // A part that is not known does not make the rest unreadable.
        let differences = tls.differences.map(|differences| {
            let list = differences.list.into_iter();
            list.filter_map(WireDifference::known).collect()
        });
        Ok(Self {
            peer: peer_from(tls.peer)?,
            version,
            cipher: tls.cipher,
            group: tls.group,
            resumed: tls.resumed,
            sni: tls.sni,
            alpn: tls.alpn,
            ja4: tls.ja4,
            client_certificate: tls.client_certificate.map(Into::into),
            differences,
        })
    }
}

impl From<&ClientCertificate> for WireCertificate {
    fn from(certificate: &ClientCertificate) -> Self {
        match certificate {
            ClientCertificate::Absent => Self::default(),
            ClientCertificate::Given { subject, sha256 } => {
                Self { subject: subject.clone(), sha256: Some(sha256.clone()) }
            }
        }
    }
}

impl From<WireCertificate> for ClientCertificate {
    fn from(WireCertificate { subject, sha256 }: WireCertificate) -> Self {
        sha256.map_or(Self::Absent, |sha256| Self::Given { subject, sha256 })
    }
}

impl From<&HelloDifference> for WireDifference {
    fn from(difference: &HelloDifference) -> Self {
        let part = PARTS.iter().find(|(_, part)| *part == difference.part);
        Self {
            part: part.map_or(0, |(number, _)| *number),
            withheld: difference.withheld.clone(),
            added: difference.added.clone(),
            reordered: difference.reordered,
        }
    }
}

impl WireDifference {
    fn known(self) -> Option<HelloDifference> {
        let Self { part, withheld, added, reordered } = self;
        let (_, part) = *PARTS.iter().find(|(number, _)| *number == part)?;
        Some(HelloDifference { part, withheld, added, reordered })
    }
}
