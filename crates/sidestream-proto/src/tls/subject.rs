//! Whose a certificate is, for people.

use rustls::pki_types::CertificateDer;
use sha2::{Digest as _, Sha256};
use sidestream_record::ClientCertificate;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// Describes a certificate that was given.
pub(crate) fn describe(certificate: &CertificateDer<'_>) -> ClientCertificate {
    let parsed = X509Certificate::from_der(certificate).ok();
    let subject = parsed.map(|(_, parsed)| parsed.subject().to_string());
    let sha256 = Sha256::digest(certificate).iter().map(|byte| format!("{byte:02x}")).collect();
    ClientCertificate::Given { subject: subject.unwrap_or_default(), sha256 }
}
