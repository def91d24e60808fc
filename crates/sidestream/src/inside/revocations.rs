//! The list of revoked certificates, signed when somebody asks for it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use sidestream_ca::{Authority, CrlCache};
use tracing::debug;

/// The authority that signs the list, and the list that it signed last.
#[derive(Debug)]
pub(super) struct Revocations {
    authority: Arc<Authority>,
    cache: Mutex<CrlCache>,
}

impl Revocations {
    pub(super) fn new(authority: Arc<Authority>) -> Self {
        Self { authority, cache: Mutex::default() }
    }

    /// Returns the list of now; none if the root has ended, or does not begin yet.
    pub(super) fn list(&self) -> Option<Vec<u8>> {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        match cache.get_or_sign(&self.authority, SystemTime::now()) {
            Ok(crl) => Some(crl.der.clone()),
            Err(error) => {
                debug!(%error, "no list of revoked certificates is signed");
                None
            }
        }
    }
}
