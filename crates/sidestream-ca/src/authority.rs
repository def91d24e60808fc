//! The authority: a root, and the leaves that it issues.

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use pem::{EncodeConfig, LineEnding, Pem};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyIdMethod,
    KeyUsagePurpose, SerialNumber,
};
use rustls::crypto::CryptoProvider;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use x509_parser::{certificate::X509Certificate, prelude::FromDer as _};

use crate::{
    LEAF_BACKDATE, LEAF_LIFETIME, Leaf, LeafRequest,
    error::{GenerateError, ImportError, IssueError},
    imported,
    key::{Key, LeafKey},
    leaf,
    time::{DAY, encode, since_epoch},
};

/// How long a root lives: ten years, leap days not counted.
const ROOT_LIFETIME: Duration = Duration::from_secs(3650 * DAY.as_secs());

/// A certificate authority: its root with the private key, and one key that all its leaves share.
///
/// The key of the leaves is new in every object and never written anywhere.
pub struct Authority {
    certificate: CertificateDer<'static>,
    key: Key,
    leaf_key: Key,
    pub(crate) issuer: Issuer<'static, Key>,
    identifier: Vec<u8>,
    name: String,
    pub(crate) validity: (Duration, Duration),
    pub(crate) signs_crls: bool,
}

impl Authority {
    /// Makes a new root of this name (`Sidestream CA (user@host)`), valid from two days before `now` for ten years.
    ///
    /// Keys and signatures are the provider's, and so is the randomness.
    ///
    /// # Errors
    /// When the name does not fit into a certificate, the time is absurd, or the provider cannot make P-256 keys.
    pub fn generate(
        name: &str,
        now: SystemTime,
        provider: &CryptoProvider,
    ) -> Result<Self, GenerateError> {
        if !leaf::fits_subject(name) {
            return Err(GenerateError::Name);
        }
        let now = since_epoch(now).ok_or(GenerateError::Time)?;
        let validity =
            (now.saturating_sub(LEAF_BACKDATE), now.saturating_sub(LEAF_BACKDATE) + ROOT_LIFETIME);
        let (key, leaf_key) = (Key::generate(provider)?, Key::generate(provider)?);
        let identifier = key.identifier();

        let mut params = CertificateParams::default();
        (params.not_before, params.not_after) = (encode(validity.0), encode(validity.1));
        params.serial_number = Some(root_serial(&identifier));
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.key_identifier_method = KeyIdMethod::PreSpecified(identifier.clone());
        let certificate = params.self_signed(&key).map_err(GenerateError::Certificate)?.into();
        let issuer = Issuer::new(params, key.clone());
        let (name, signs_crls) = (name.to_owned(), true);
        Ok(Self { certificate, key, leaf_key, issuer, identifier, name, validity, signs_crls })
    }

    /// Takes a root and its private key from two PEM texts, or twice from one that holds both.
    ///
    /// # Errors
    /// When either cannot be read, they do not belong together, or the certificate is not an authority's.
    pub fn from_pem(
        certificate: &str,
        key: &str,
        provider: &CryptoProvider,
    ) -> Result<Self, ImportError> {
        let certificate = CertificateDer::from_pem_slice(certificate.as_bytes())
            .map_err(|error| ImportError::Certificate { reason: error.to_string() })?;
        let Ok(key) = PrivateKeyDer::from_pem_slice(key.as_bytes()) else {
            return Err(ImportError::Key);
        };
        Self::from_der(certificate, key, provider)
    }

    /// Takes a root and its private key: EC P-256, EC P-384 or RSA.
    ///
    /// # Errors
    /// As [`from_pem`](Self::from_pem).
    pub fn from_der(
        certificate: CertificateDer<'static>,
        key: PrivateKeyDer<'static>,
        provider: &CryptoProvider,
    ) -> Result<Self, ImportError> {
        let key = Key::import(key, provider)?;
        let leaf_key = Key::generate(provider).map_err(ImportError::LeafKey)?;
        let (_, root) = X509Certificate::from_der(&certificate)
            .map_err(|error| ImportError::Certificate { reason: error.to_string() })?;
        if root.public_key().raw != key.spki() {
            return Err(ImportError::Mismatch);
        }
        let imported = imported::Root::check(&root)?;
        let identifier = imported.identifier.unwrap_or_else(|| key.identifier());
        let issuer = imported::issuer(&root, &key, identifier.clone())?;
        let imported::Root { name, validity, signs_crls, .. } = imported;
        Ok(Self { certificate, key, leaf_key, issuer, identifier, name, validity, signs_crls })
    }

    /// Issues a leaf.
    ///
    /// It is valid for [`LEAF_LIFETIME`] from [`LEAF_BACKDATE`] before the request's time, at most until the root ends.
    ///
    /// # Errors
    /// When the request has no name or too many, or the root is not valid at its time.
    pub fn issue(&self, request: &LeafRequest) -> Result<Leaf, IssueError> {
        self.issue_with(request, &self.leaf_key)
    }

    /// Issues a leaf for another key than that which the others share.
    ///
    /// # Errors
    /// As [`issue`](Self::issue).
    pub fn issue_for(&self, request: &LeafRequest, key: &LeafKey) -> Result<Leaf, IssueError> {
        self.issue_with(request, &key.0)
    }

    fn issue_with(&self, request: &LeafRequest, key: &Key) -> Result<Leaf, IssueError> {
        let now = since_epoch(request.now).ok_or(IssueError::Time)?;
        if now < self.validity.0 || now >= self.validity.1 {
            return Err(IssueError::Expired);
        }
        let from = now.saturating_sub(LEAF_BACKDATE);
        // The last second counts, so that the time from first to last is the lifetime (RFC 5280 §4.1.2.5).
        let until = (from + LEAF_LIFETIME - Duration::from_secs(1)).min(self.validity.1);
        let params = leaf::params(request, &self.identifier, key, (from, until))?;
        let certificate = params.signed_by(key, &self.issuer).map_err(IssueError::Make)?;
        Ok(Leaf {
            chain: vec![certificate.into()],
            key: key.private().clone_key(),
            not_after: UNIX_EPOCH + Duration::from_secs(until.as_secs()),
            signing: key.signing(),
        })
    }

    /// The root's common name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The root in DER.
    pub fn certificate_der(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// The root in PEM.
    pub fn certificate_pem(&self) -> String {
        to_pem("CERTIFICATE", &self.certificate)
    }

    /// The root's private key in DER: keep it from every other eye.
    pub fn key_der(&self) -> &PrivateKeyDer<'static> {
        self.key.private()
    }

    /// The root's private key in PEM: write it with mode 0600, or not at all.
    pub fn key_pem(&self) -> String {
        let label = match self.key.private() {
            PrivateKeyDer::Pkcs1(_) => "RSA PRIVATE KEY",
            PrivateKeyDer::Sec1(_) => "EC PRIVATE KEY",
            _ => "PRIVATE KEY",
        };
        to_pem(label, self.key.private().secret_der())
    }

    /// The last moment at which the root is valid.
    pub fn not_after(&self) -> SystemTime {
        UNIX_EPOCH + self.validity.1
    }

    /// The root's subject key identifier.
    pub(crate) fn key_identifier(&self) -> &[u8] {
        &self.identifier
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The root's serial is made of its key's identifier: a new key has a new serial.
fn root_serial(identifier: &[u8]) -> SerialNumber {
    let mut serial = identifier[..16].to_vec();
    serial[0] = serial[0] & 0x7f | 0x40;
    serial.into()
}

fn to_pem(label: &str, der: &[u8]) -> String {
    pem::encode_config(&Pem::new(label, der), EncodeConfig::new().set_line_ending(LineEnding::LF))
}
