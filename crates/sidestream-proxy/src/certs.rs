//! Certificates of the user's own, with their keys: for domains, and for us as a client.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem};
use rustls::sign::CertifiedKey;

/// Why a certificate of the user's own cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// There is no certificate in the text.
    #[error("there is no certificate; put the key and the certificates into one PEM file")]
    NoCertificate,
    /// There is no private key in the text, or it is encrypted.
    #[error("there is no private key; put it, unencrypted, and the certificates into one PEM file")]
    NoKey(#[source] pem::Error),
    /// The text is not PEM.
    #[error("it is not PEM")]
    Pem(#[source] pem::Error),
    /// The key is of a kind that cannot be used, or of another certificate.
    #[error("the key cannot be used with the certificate; the certificate of the key comes first")]
    Mismatch(#[source] rustls::Error),
}

/// Reads certificates, the one that the key belongs to first, and the key, from one PEM text.
///
/// # Errors
///
/// One of them is not there, or they do not belong together.
pub fn certified_key(text: &[u8]) -> Result<Arc<CertifiedKey>, CertificateError> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(text)
        .collect::<Result<_, _>>()
        .map_err(CertificateError::Pem)?;
    if chain.is_empty() {
        return Err(CertificateError::NoCertificate);
    }
    let key = PrivateKeyDer::from_pem_slice(text).map_err(CertificateError::NoKey)?;
    let certified = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider());
    certified.map(Arc::new).map_err(CertificateError::Mismatch)
}

/// Certificates that clients are shown in place of leaves of ours, by domain.
#[derive(Clone, Default)]
pub struct OwnCerts(HashMap<String, Arc<CertifiedKey>>);

impl fmt::Debug for OwnCerts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl OwnCerts {
    /// Adds one for a domain: `a.example`, `*.example` for all below it, or `*` for all.
    pub fn insert(&mut self, domain: &str, certificate: Arc<CertifiedKey>) {
        self.0.insert(domain.to_ascii_lowercase(), certificate);
    }

    /// Returns the one of the narrowest domain that a host is in.
    pub(crate) fn of(&self, host: &str) -> Option<Arc<CertifiedKey>> {
        if self.0.is_empty() {
            return None;
        }
        let host = host.to_ascii_lowercase();
        let above = host.match_indices('.').map(|(at, _)| format!("*{}", &host[at..]));
        let mut domains = std::iter::once(host.clone()).chain(above).chain(["*".to_owned()]);
        domains.find_map(|domain| self.0.get(&domain).cloned())
    }
}
