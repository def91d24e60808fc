//! What a leaf is asked to say, and how it is copied from a server's own certificate.

use std::{
    collections::HashSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
    time::SystemTime,
};

use rustls_pki_types::CertificateDer;
use x509_parser::{
    certificate::X509Certificate,
    extensions::{GeneralName, ParsedExtension},
    prelude::FromDer as _,
    x509::AttributeTypeAndValue,
};

use crate::{Name, error::ParseServerCertificateError, leaf::fits_subject};

/// The largest certificate that [`LeafRequest::like`] reads.
pub const MAX_CERTIFICATE_BYTES: usize = 1024 * 1024;

/// How many names a leaf has at most; TLS clients refuse certificates of some 64 KiB and more.
pub const MAX_NAMES: usize = 1000;

/// How many bytes the names of a leaf take at most.
pub const MAX_NAME_BYTES: usize = 32 * 1024;

/// What a leaf has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeafRequest {
    /// The names it is for; at least one, at most [`MAX_NAMES`] of [`MAX_NAME_BYTES`] together.
    pub names: Vec<Name>,
    /// The subject's common name; left out when longer than the 64 characters that X.520 allows.
    pub common_name: Option<String>,
    /// The subject's organization; left out when longer than 64 characters.
    pub organization: Option<String>,
    /// The present: the leaf is valid from [`LEAF_BACKDATE`](crate::LEAF_BACKDATE) before it.
    pub now: SystemTime,
    /// The serial number, whose two top bits are overwritten; when absent, a hash of all the other fields.
    pub serial: Option<[u8; 16]>,
    /// Where the list of revoked certificates is found ([`Authority::crl`](crate::Authority::crl)); nowhere, when absent.
    pub crl_url: Option<Arc<str>>,
}

impl LeafRequest {
    /// Asks for a plain leaf.
    pub fn new(name: Name, now: SystemTime) -> Self {
        let common_name = Some(name.to_string());
        let names = vec![name];
        Self { names, common_name, organization: None, now, serial: None, crl_url: None }
    }

    /// Asks for a leaf like a server's certificate, that serves a client that asked for `asked`.
    ///
    /// Names, common name and organization are copied; where the server's authority says what it revoked is not, as
    /// that is signed by another.
    /// `asked` is added when no name of the certificate covers it, since a client that shall be served at all has to
    /// find it there; whether the server's certificate is right for it is for whoever verifies that to say.
    /// A name that is none is left out, and of too many names those that cover `asked` stay, then the first.
    ///
    /// # Errors
    /// When the bytes are no certificate, or more than [`MAX_CERTIFICATE_BYTES`].
    pub fn like(
        server: &CertificateDer<'_>,
        asked: Option<&Name>,
        now: SystemTime,
    ) -> Result<Self, ParseServerCertificateError> {
        if server.len() > MAX_CERTIFICATE_BYTES {
            return Err(ParseServerCertificateError::TooLarge { len_bytes: server.len() });
        }
        let (_, certificate) = X509Certificate::from_der(server).map_err(|error| {
            ParseServerCertificateError::Malformed { reason: error.to_string() }
        })?;
        let subject = certificate.subject();
        Ok(Self {
            names: choose(names(&certificate), asked),
            common_name: text(subject.iter_common_name().next()),
            organization: text(subject.iter_organization().next()),
            now,
            serial: None,
            crl_url: None,
        })
    }
}

fn text(attribute: Option<&AttributeTypeAndValue<'_>>) -> Option<String> {
    attribute?.as_str().ok().filter(|text| fits_subject(text)).map(str::to_owned)
}

fn names<'a>(certificate: &'a X509Certificate<'_>) -> impl Iterator<Item = Name> + 'a {
    let extensions = certificate.extensions().iter();
    let alternatives = extensions.filter_map(|extension| match extension.parsed_extension() {
        ParsedExtension::SubjectAlternativeName(names) => Some(&names.general_names),
        _ => None,
    });
    alternatives.flatten().filter_map(|name| match name {
        GeneralName::DNSName(text) => Name::host(text),
        GeneralName::IPAddress(octets) => address(octets).map(Name::from),
        _ => None,
    })
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(octets).map(|octets| IpAddr::from(Ipv4Addr::from(octets)));
    let v6 = <[u8; 16]>::try_from(octets).map(|octets| IpAddr::from(Ipv6Addr::from(octets)));
    v4.or(v6).ok()
}

/// Keeps what fits, once each and in order, after what the client asked for.
fn choose(names: impl Iterator<Item = Name>, asked: Option<&Name>) -> Vec<Name> {
    let names: Vec<Name> = names.collect();
    let covering = names.iter().position(|name| asked.is_some_and(|asked| name.covers(asked)));
    let first = covering.map(|at| &names[at]).or(asked);
    let (mut seen, mut len_bytes) = (HashSet::new(), 0);
    first
        .into_iter()
        .chain(&names)
        .filter(|name| seen.insert(*name))
        .take_while(|name| {
            len_bytes += name.len_bytes();
            len_bytes <= MAX_NAME_BYTES
        })
        .take(MAX_NAMES)
        .cloned()
        .collect()
}
