//! PKCS#12 (RFC 7292), the archive in which browsers and phones take a root.

use p12_keystore::{
    Certificate, KeyStore, KeyStoreEntry, LocalKeyId, Pkcs12Archive, PrivateKey, PrivateKeyChain,
};
use rustls::crypto::CryptoProvider;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::{
    Authority,
    error::{ExportError, ImportError},
};

/// What a PKCS#12 archive shall hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pkcs12Contents {
    /// The root alone, marked as trusted: for those who shall trust it.
    Certificate,
    /// The root and its private key: for moving the authority, and nobody else.
    CertificateAndKey,
}

impl Authority {
    /// Writes the root as PKCS#12, encrypted with AES-256 under `password`.
    ///
    /// # Errors
    /// When the archive cannot be encoded.
    pub fn to_pkcs12(
        &self,
        password: &str,
        contents: Pkcs12Contents,
    ) -> Result<Vec<u8>, ExportError> {
        let certificate = Certificate::from_der(self.certificate_der())?;
        let entry = match contents {
            Pkcs12Contents::Certificate => KeyStoreEntry::Certificate(certificate),
            Pkcs12Contents::CertificateAndKey => {
                let key = PrivateKey::from_der(self.key_der().secret_der())?;
                let id = LocalKeyId::from(self.key_identifier());
                KeyStoreEntry::PrivateKeyChain(PrivateKeyChain::new(id, key, [certificate]))
            }
        };
        let mut store = KeyStore::new();
        // The archive's names are of sixteen-bit characters.
        let alias: String = self.name().chars().filter(|&c| u32::from(c) <= 0xffff).collect();
        store.add_entry(&alias, entry);
        Ok(store.writer(password).write()?)
    }

    /// Takes the root and its key out of a PKCS#12 archive, also of one that other programs wrote.
    ///
    /// # Errors
    /// When the archive does not open with `password`, has no key with its certificate, or they cannot be used.
    pub fn from_pkcs12(
        archive: &[u8],
        password: &str,
        provider: &CryptoProvider,
    ) -> Result<Self, ImportError> {
        let archive = Pkcs12Archive::from_pkcs12(archive, password).map_err(ImportError::Pkcs12)?;
        let [key] = archive.keys.as_slice() else { return Err(ImportError::Pkcs12Contents) };
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.key.as_der().to_vec()));
        // The certificate is found by the key itself: not every program writes the identifier that links them.
        let mut outcome = Err(ImportError::Pkcs12Contents);
        for bag in archive.certs {
            let certificate = CertificateDer::from(bag.cert.as_der().to_vec());
            outcome = Self::from_der(certificate, key.clone_key(), provider);
            if !matches!(outcome, Err(ImportError::Mismatch)) {
                break;
            }
        }
        outcome
    }
}
