//! The root that is to be trusted.

use std::fmt;

use pem::{EncodeConfig, LineEnding, Pem};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::der;

const LABEL: &str = "CERTIFICATE";

/// A certificate to add, checked far enough to be put into every kind of store.
#[derive(Clone, PartialEq, Eq)]
pub struct RootCertificate {
    der: Vec<u8>,
    pem: String,
    subject_hash: u32,
}

/// A text or its bytes are not one certificate.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseRootError {
    /// The bytes do not have the outer shape of an X.509 certificate.
    #[error(
        "the root is not an X.509 certificate in DER; give the certificate itself, not its key or a bundle"
    )]
    Certificate,
    /// The text holds no certificate in PEM.
    #[error("the root holds no `BEGIN CERTIFICATE` block that can be read; give it as PEM")]
    Pem,
}

impl RootCertificate {
    /// Reads the first certificate of a PEM text.
    ///
    /// # Errors
    /// [`ParseRootError::Pem`] when there is none, [`ParseRootError::Certificate`] when it is no certificate.
    pub fn from_pem(text: &str) -> Result<Self, ParseRootError> {
        let blocks = pem::parse_many(text).ok().unwrap_or_default();
        let block = blocks.iter().find(|block| block.tag() == LABEL).ok_or(ParseRootError::Pem)?;
        Self::from_der(block.contents())
    }

    /// Takes a certificate in DER.
    ///
    /// # Errors
    /// [`ParseRootError::Certificate`] when it is none.
    pub fn from_der(der: &[u8]) -> Result<Self, ParseRootError> {
        let subject_hash =
            der::subject(der).and_then(der::subject_hash).ok_or(ParseRootError::Certificate)?;
        let lines = EncodeConfig::new().set_line_ending(LineEnding::LF);
        Ok(Self {
            der: der.to_vec(),
            pem: pem::encode_config(&Pem::new(LABEL, der), lines),
            subject_hash,
        })
    }

    /// The certificate in DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The certificate in PEM, with a line end at its end.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// The SHA-256 of the certificate, in hexadecimal: by which it is found again, whatever it is called.
    pub fn fingerprint(&self) -> String {
        Sha256::digest(&self.der).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// OpenSSL's hash of the subject, the `xxxxxxxx` of `xxxxxxxx.0` in a hashed directory.
    pub fn subject_hash(&self) -> u32 {
        self.subject_hash
    }
}

impl fmt::Debug for RootCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RootCertificate")
            .field("subject_hash", &format_args!("{:08x}", self.subject_hash))
            .finish_non_exhaustive()
    }
}
