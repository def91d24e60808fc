//! Certificates that peers showed, read once and shared by all flows that are shown the same.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use sidestream_proto::tls::{Certificates, read_certificate};
use sidestream_record::Certificate;

/// How much is remembered before it is started anew: the certificates of some hundred servers.
const KNOWN_BYTES: usize = 1024 * 1024;

/// Above this size a certificate is none that many flows are shown.
const MAX_SHARED: usize = 16 * 1024;

/// The certificates that peers showed lately, each once.
#[derive(Default)]
pub(crate) struct Shown(Mutex<Known>);

#[derive(Default)]
struct Known {
    by_der: HashMap<Bytes, Arc<Certificate>>,
    bytes: usize,
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shown").finish_non_exhaustive()
    }
}

impl Certificates for Shown {
    fn certificate(&self, der: &[u8]) -> Arc<Certificate> {
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

#[cfg(test)]
mod tests;
