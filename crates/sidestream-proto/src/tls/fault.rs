//! What is wrong with a server's certificate, where the library does not say it.

use std::error::Error as StdError;
use std::sync::Arc;

use rustls::{AlertDescription, CertificateError, OtherError};

/// What is wrong with a server's certificate, and what the user can do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateFault {
    /// It is from an issuer that is not known, and neither was the issuer's certificate sent.
    #[error(
        "its certificate is from an unknown issuer, {issuer}, whose certificate was not sent \
         (have the server send its chain, or trust the issuer with --ca FILE)"
    )]
    MissingChain {
        /// The issuer's name.
        issuer: String,
    },
    /// It is signed with its own key, and not trusted itself.
    #[error(
        "its certificate is from an unknown issuer, itself: it is self-signed \
         (trust this very one with --ca FILE)"
    )]
    SelfSigned,
    /// It, or one between it and the root, is signed in a way that can be forged.
    #[error("its certificate is signed with {algorithm}, which can be forged")]
    WeakSignature {
        /// The algorithm, such as `SHA-1`.
        algorithm: &'static str,
    },
}

impl From<CertificateFault> for rustls::Error {
    fn from(fault: CertificateFault) -> Self {
        CertificateError::Other(OtherError(Arc::new(fault))).into()
    }
}

impl CertificateFault {
    /// Returns the fault that a verifier told.
    pub(crate) fn of(error: &CertificateError) -> Option<&Self> {
        let CertificateError::Other(OtherError(error)) = error else { return None };
        let error: &(dyn StdError + 'static) = &**error;
        error.downcast_ref()
    }

    /// Returns by which alert a client is told of it.
    pub(crate) const fn alert(&self) -> AlertDescription {
        match self {
            Self::MissingChain { .. } | Self::SelfSigned => AlertDescription::UnknownCA,
            Self::WeakSignature { .. } => AlertDescription::BadCertificate,
        }
    }
}
