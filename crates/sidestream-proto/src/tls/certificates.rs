//! Certificates as peers show them, read once and shared by all flows that are shown the same.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use rustls::pki_types::CertificateDer;
use sha2::{Digest as _, Sha256};
use sidestream_record::Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::time::ASN1Time;

/// How much is remembered before it is started anew: the certificates of some hundred servers.
const KNOWN_BYTES: usize = 1024 * 1024;

/// Above this size a certificate is none that many flows are shown.
const MAX_SHARED: usize = 16 * 1024;

/// The certificates that peers showed lately, each once.
#[derive(Default)]
pub struct Certificates(Mutex<Known>);

#[derive(Default)]
struct Known {
    by_der: HashMap<Bytes, Arc<Certificate>>,
    bytes: usize,
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates").finish_non_exhaustive()
    }
}

impl Certificates {
    /// Returns a chain as it is recorded.
    pub(crate) fn share(&self, chain: &[CertificateDer<'_>]) -> Vec<Arc<Certificate>> {
        chain.iter().map(|der| self.one(der)).collect()
    }

    fn one(&self, der: &[u8]) -> Arc<Certificate> {
        // Whoever panicked left it in order: it is only ever added to, or emptied.
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lock().by_der.get(der) {
            return Arc::clone(known);
        }
        let certificate = Arc::new(read_certificate(Bytes::copy_from_slice(der)));
        if der.len() <= MAX_SHARED {
            let mut known = lock();
            if known.bytes + der.len() > KNOWN_BYTES {
                *known = Known::default();
            }
            known.bytes += der.len();
            known.by_der.insert(certificate.der.clone(), Arc::clone(&certificate));
        }
        certificate
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

#[cfg(test)]
mod tests;
