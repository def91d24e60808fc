//! A leaf, and what goes into it.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use rcgen::{
    CertificateParams, CrlDistributionPoint, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, KeyIdMethod, KeyUsagePurpose, SanType, SerialNumber, string::Ia5String,
};
use rustls::sign::{CertifiedKey, SigningKey};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest as _, Sha256};

use crate::{
    LeafRequest, MAX_NAME_BYTES, MAX_NAMES, Name,
    error::IssueError,
    key::Key,
    time::{DAY, encode},
};

/// How long a leaf is valid; browsers refuse those that live much longer.
pub const LEAF_LIFETIME: Duration = Duration::from_secs(197 * DAY.as_secs());

/// How long before it was issued a leaf's validity begins, for clients whose clock is slow.
pub const LEAF_BACKDATE: Duration = Duration::from_secs(2 * DAY.as_secs());

/// A certificate for a server's names, with its key.
pub struct Leaf {
    /// What a server sends: the leaf alone, since the client has the root.
    pub chain: Vec<CertificateDer<'static>>,
    /// The private key, the same for all leaves of one authority object that name no other.
    pub key: PrivateKeyDer<'static>,
    /// The last moment at which the leaf is valid.
    pub not_after: SystemTime,
    pub(crate) signing: Arc<dyn SigningKey>,
}

impl Leaf {
    /// The leaf as a rustls server takes it, without parsing the key again.
    pub fn certified_key(&self) -> CertifiedKey {
        CertifiedKey::new(self.chain.clone(), Arc::clone(&self.signing))
    }
}

impl fmt::Debug for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leaf")
            .field("chain", &self.chain)
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

/// What the encoder is told about a leaf; `validity` counts from 1970.
pub(crate) fn params(
    request: &LeafRequest,
    issuer_identifier: &[u8],
    key: &Key,
    validity: (Duration, Duration),
) -> Result<CertificateParams, IssueError> {
    let len_bytes = request.names.iter().map(Name::len_bytes).sum();
    if request.names.is_empty() {
        return Err(IssueError::NoName);
    }
    if request.names.len() > MAX_NAMES || len_bytes > MAX_NAME_BYTES {
        return Err(IssueError::TooManyNames { count: request.names.len(), len_bytes });
    }
    let mut params = CertificateParams::default();
    (params.not_before, params.not_after) = (encode(validity.0), encode(validity.1));
    params.serial_number = Some(serial(request, issuer_identifier, key));
    params.subject_alt_names =
        request.names.iter().map(subject_alt_name).collect::<Result<_, _>>()?;
    params.distinguished_name = subject(request);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    if let Some(url) = &request.crl_url {
        check_url(url)?;
        params.crl_distribution_points = vec![CrlDistributionPoint { uris: vec![url.to_string()] }];
    }
    params.key_identifier_method = KeyIdMethod::PreSpecified(key.identifier());
    Ok(params)
}

fn subject_alt_name(name: &Name) -> Result<SanType, IssueError> {
    match (name.dns(), name.ip()) {
        (Some(dns), _) => Ia5String::try_from(dns).map(SanType::DnsName).map_err(IssueError::Make),
        (None, Some(ip)) => Ok(SanType::IpAddress(ip)),
        (None, None) => Err(IssueError::NoName),
    }
}

/// The encoder takes any text, and clients only an IA5String (RFC 5280 §4.2.1.6).
fn check_url(url: &str) -> Result<(), IssueError> {
    Ia5String::try_from(url).map(drop).map_err(IssueError::Make)
}

fn subject(request: &LeafRequest) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    let fields = [
        (DnType::OrganizationName, &request.organization),
        (DnType::CommonName, &request.common_name),
    ];
    for (kind, value) in fields {
        if let Some(value) = value.as_deref().filter(|value| fits_subject(value)) {
            subject.push(kind, value);
        }
    }
    subject
}

/// X.520 bounds both fields at 64 characters; what is longer, or would confuse a reader, is left out.
pub(crate) fn fits_subject(value: &str) -> bool {
    (1..=64).contains(&value.chars().count()) && !value.chars().any(char::is_control)
}

/// A serial that depends on all that the leaf says, so that no two different leaves share one.
fn serial(request: &LeafRequest, issuer_identifier: &[u8], key: &Key) -> SerialNumber {
    let mut serial = request.serial.unwrap_or_else(|| {
        let said = format!(
            "{:?}",
            (
                &request.names,
                &request.common_name,
                &request.organization,
                request.now,
                &request.crl_url
            )
        );
        let hash = Sha256::new()
            .chain_update(issuer_identifier)
            .chain_update(key.spki())
            .chain_update(said)
            .finalize();
        hash[..16].try_into().expect("a SHA-256 has 32 bytes")
    });
    // Positive, of constant length, and never zero (RFC 5280 §4.1.2.2).
    serial[0] = serial[0] & 0x7f | 0x40;
    SerialNumber::from_slice(&serial)
}
