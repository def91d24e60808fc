//! TLS legs on disk.

use std::sync::Arc;

use bytes::Bytes;
use prost::Message as _;
use sidestream_record::{
    Certificate, ClientCertificate, HelloDifference, HelloPart, Tls, TlsVersion,
};

use super::{
    DecodeError, bounded, check, message, nanoseconds, peer_from, peer_to, required, time,
};

/// The field of `Tls` that names what the peer showed.
pub(crate) const TLS_CERTIFICATES: u32 = 11;

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
    /// What the peer showed, by the SHA-256 of each.
    #[prost(bytes = "bytes", repeated, tag = "11")]
    certificates: Vec<Bytes>,
}

/// A certificate, or what became of a request for one: then without digits it was not given.
#[derive(Clone, PartialEq, prost::Message)]
struct WireCertificate {
    #[prost(string, tag = "1")]
    subject: String,
    #[prost(string, optional, tag = "2")]
    sha256: Option<String>,
    #[prost(bytes = "bytes", optional, tag = "3")]
    der: Option<Bytes>,
    #[prost(string, tag = "4")]
    issuer: String,
    #[prost(string, tag = "5")]
    serial: String,
    #[prost(string, repeated, tag = "6")]
    names: Vec<String>,
    #[prost(sint64, optional, tag = "7")]
    not_before: Option<i64>,
    #[prost(sint64, optional, tag = "8")]
    not_after: Option<i64>,
    /// The CRC-32 of all that stands before it.
    #[prost(fixed32, optional, tag = "16")]
    check: Option<u32>,
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
            certificates: tls.certificates.iter().map(|it| digest(&it.sha256)).collect(),
        }
    }
}

fn digest(sha256: &[u8; 32]) -> Bytes {
    Bytes::copy_from_slice(sha256)
}

impl WireTls {
    /// Makes what was recorded, with what the peer showed.
    pub(crate) fn with_certificates(
        self,
        certificates: Vec<Arc<Certificate>>,
    ) -> Result<Tls, DecodeError> {
        let tls = self;
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
        Ok(Tls {
            peer: peer_from(tls.peer)?,
            version,
            cipher: tls.cipher,
            group: tls.group,
            resumed: tls.resumed,
            sni: tls.sni,
            alpn: tls.alpn,
            ja4: tls.ja4,
            certificates,
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
                let (subject, sha256) = (subject.clone(), Some(sha256.clone()));
                Self { subject, sha256, ..Self::default() }
            }
        }
    }
}

impl From<WireCertificate> for ClientCertificate {
    fn from(WireCertificate { subject, sha256, .. }: WireCertificate) -> Self {
        sha256.map_or(Self::Absent, |sha256| Self::Given { subject, sha256 })
    }
}

/// Encodes a certificate with all that is known of it.
pub(crate) fn certificate_to(certificate: &Certificate) -> Vec<u8> {
    let wire = WireCertificate {
        subject: certificate.subject.clone(),
        sha256: Some(certificate.fingerprint()),
        der: Some(certificate.der.clone()),
        issuer: certificate.issuer.clone(),
        serial: certificate.serial.clone(),
        names: certificate.names.clone(),
        not_before: certificate.not_before.map(nanoseconds),
        not_after: certificate.not_after.map(nanoseconds),
        check: None,
    };
    let mut payload = wire.encode_to_vec();
    check::seal(&mut payload);
    payload
}

/// Decodes a certificate that stands in the table under this SHA-256.
pub(crate) fn certificate_from(payload: Bytes, sha256: &[u8]) -> Result<Certificate, DecodeError> {
    let wire: WireCertificate = message(payload.clone())?;
    if !check::is_whole(&payload, wire.check) {
        return Err(DecodeError::Damaged("a certificate"));
    }
    Ok(Certificate {
        der: required(wire.der, "a certificate")?,
        sha256: bounded(sha256, "the hash of a certificate")?,
        subject: wire.subject,
        issuer: wire.issuer,
        serial: wire.serial,
        names: wire.names,
        not_before: wire.not_before.map(time),
        not_after: wire.not_after.map(time),
    })
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
