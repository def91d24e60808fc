//! The root as files, in the forms that systems take.

use bytes::Bytes;
use sidestream_ca::{Authority, ExportError, Pkcs12Contents};

use crate::profile;

/// What the PKCS#12 archive is encrypted with. It holds a certificate that everybody may see, but
/// many programs open none without a password.
pub const PASSWORD: &str = "sidestream";

/// What a file is called, before its ending: the name it is saved under, and a short one.
const STEMS: [&str; 2] = ["/sidestream-ca.", "/cert."];

/// A file to be taken.
pub(crate) struct Download {
    /// The ending of its name.
    ending: &'static str,
    /// What it is, as the systems that take it know it.
    pub(crate) media_type: &'static str,
    /// For whom it is.
    pub(crate) purpose: &'static str,
    /// Its content.
    pub(crate) bytes: Bytes,
}

impl Download {
    /// Returns the name under which it is saved.
    pub(crate) fn file_name(&self) -> String {
        format!("sidestream-ca.{}", self.ending)
    }

    /// Returns whether it is what a path asks for.
    pub(crate) fn is_at(&self, path: &str) -> bool {
        STEMS.iter().any(|stem| path.strip_prefix(stem) == Some(self.ending))
    }
}

/// Writes the root, without its key, in every form.
pub(crate) fn all(authority: &Authority, digest: &[u8; 32]) -> Result<Vec<Download>, ExportError> {
    const X509: &str = "application/x-x509-ca-cert";
    let pem = Bytes::from(authority.certificate_pem());
    let der = Bytes::copy_from_slice(authority.certificate_der());
    let archive = authority.to_pkcs12(PASSWORD, Pkcs12Contents::Certificate)?.into();
    let profile = profile::write(authority, digest).into();
    let download = |ending, media_type, purpose, bytes: &Bytes| Download {
        ending,
        media_type,
        purpose,
        bytes: bytes.clone(),
    };
    Ok(vec![
        download("pem", "application/x-pem-file", "Linux, macOS, Firefox, programs", &pem),
        // Android knows a certificate by its ending, and by no other as surely.
        download("crt", X509, "Android", &der),
        download("cer", X509, "Windows, macOS", &der),
        download("der", X509, "programs that want DER", &der),
        download("p12", "application/x-pkcs12", "PKCS#12, password sidestream", &archive),
        download(
            "mobileconfig",
            "application/x-apple-aspen-config",
            "iPhone, iPad, macOS",
            &profile,
        ),
    ])
}
