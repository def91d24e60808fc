//! Certificates as peers show them, read as far as they can be.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use sidestream_record::Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::time::ASN1Time;

/// Makes of certificates what is recorded.
pub trait Certificates: fmt::Debug + Send + Sync {
    /// Returns what is recorded of a certificate, best the same for all that are alike: flows keep
    /// it as long as they last.
    fn certificate(&self, der: &[u8]) -> Arc<Certificate>;
}

/// Reads each certificate anew, so nothing is shared.
#[derive(Clone, Copy, Debug)]
pub struct Unshared;

impl Certificates for Unshared {
    fn certificate(&self, der: &[u8]) -> Arc<Certificate> {
        Arc::new(read_certificate(Bytes::copy_from_slice(der)))
    }
}

/// Reads a certificate, as far as it can be read.
pub fn read_certificate(der: Bytes) -> Certificate {
    let sha256 = Sha256::digest(&der).into();
    let Ok((_, parsed)) = X509Certificate::from_der(&der) else {
        let (subject, issuer, serial) = Default::default();
        let (not_before, not_after) = (None, None);
        let names = Vec::new();
        return Certificate { der, sha256, subject, issuer, serial, names, not_before, not_after };
    };
    let (subject, issuer) = (parsed.subject().to_string(), parsed.issuer().to_string());
    let serial = hex(parsed.raw_serial());
    let names = names(&parsed);
    let validity = parsed.validity();
    let (not_before, not_after) = (time(validity.not_before), time(validity.not_after));
    Certificate { der, sha256, subject, issuer, serial, names, not_before, not_after }
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let alternative = certificate.extensions().iter().find_map(|it| match it.parsed_extension() {
        ParsedExtension::SubjectAlternativeName(names) => Some(&names.general_names),
        _ => None,
    });
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) | GeneralName::RFC822Name(name) | GeneralName::URI(name) => {
            Some((*name).to_owned())
        }
        GeneralName::IPAddress(address) => ip(address),
        GeneralName::DirectoryName(name) => Some(name.to_string()),
        _ => None,
    };
    alternative.into_iter().flatten().filter_map(name).collect()
}

fn ip(address: &[u8]) -> Option<String> {
    let v4 = || <[u8; 4]>::try_from(address).map(|it| std::net::IpAddr::from(it).to_string());
    let v6 = || <[u8; 16]>::try_from(address).map(|it| std::net::IpAddr::from(it).to_string());
    v4().or_else(|_| v6()).ok()
}

fn time(at: ASN1Time) -> Option<SystemTime> {
    let seconds = at.timestamp();
    let span = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(span)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(span)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
