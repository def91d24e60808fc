//! What went wrong in TLS, in words.

use rustls::{CertificateError, InvalidMessage};

use super::CertificateFault;

/// Says what is wrong with a server's certificate, and what the user can do.
pub(crate) fn explain(error: &rustls::Error) -> String {
    use CertificateError as Bad;
    let bad = match error {
        rustls::Error::InvalidCertificate(bad) => bad,
        rustls::Error::InvalidMessage(
            InvalidMessage::CertificatePayloadTooLarge | InvalidMessage::HandshakePayloadTooLarge,
        ) => {
            return "its certificates take more than the 64 KiB that are read".into();
        }
        error => return error.to_string(),
    };
    if let Some(fault) = CertificateFault::of(bad) {
        return fault.to_string();
    }
    match bad {
        Bad::Expired | Bad::ExpiredContext { .. } => "its certificate has expired".into(),
        Bad::NotValidYet | Bad::NotValidYetContext { .. } => {
            "its certificate is not valid yet".into()
        }
        Bad::NotValidForName | Bad::NotValidForNameContext { .. } => {
            "its certificate is for another name".into()
        }
        Bad::UnknownIssuer => {
            "its certificate is from an unknown issuer (trust it with --ca FILE)".into()
        }
        // The library has no name of its own for it.
        bad if format!("{bad:?}").contains("CaUsedAsEndEntity") => {
            "its certificate is an authority's own (trust this very one with --ca FILE)".into()
        }
        bad => format!("its certificate is not valid: {bad}"),
    }
}
