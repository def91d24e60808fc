//! The one door to the certificate authority.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::SystemTime;

use rustls::sign::CertifiedKey;
use sidestream_ca::{Authority, LeafCache, LeafRequest, Name};

use crate::OwnCerts;

/// How many leaves are kept: some 3 KiB each.
const CACHED: NonZeroUsize = NonZeroUsize::new(2048).expect("it is not zero");

#[derive(Debug)]
pub(crate) struct Leaves {
    authority: Arc<Authority>,
    cache: Mutex<LeafCache>,
    own: RwLock<OwnCerts>,
}

impl Leaves {
    pub(crate) fn new(authority: Arc<Authority>) -> Self {
        Self { authority, cache: Mutex::new(LeafCache::new(CACHED)), own: RwLock::default() }
    }

    /// Shows clients those in place of leaves, from now on.
    pub(crate) fn set_own(&self, own: OwnCerts) {
        *self.own.write().unwrap_or_else(PoisonError::into_inner) = own;
    }

    /// Issues a leaf, or finds one that was issued for the same names before.
    pub(crate) fn issue(
        &self,
        request: &sidestream_proto::LeafRequest,
    ) -> Result<Arc<CertifiedKey>, String> {
        let own = self.own.read().unwrap_or_else(PoisonError::into_inner).of(&request.host);
        if let Some(own) = own {
            return Ok(own);
        }
        let now = SystemTime::now();
        let name: Option<Name> = request.host.parse().ok();
        let like =
            request.like.as_ref().map(|server| LeafRequest::like(server, name.as_ref(), now));
        let request = match (like, &name) {
            (Some(Ok(like)), _) => like,
            // A certificate that cannot be copied was trusted all the same: the name suffices.
            (_, Some(name)) => LeafRequest::new(name.clone(), now),
            (Some(Err(error)), None) => return Err(error.to_string()),
            (None, None) => return Err(format!("{} is no name for a certificate", request.host)),
        };
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let leaf = cache.get_or_issue(&self.authority, &request);
        leaf.map(|leaf| Arc::new(leaf.certified_key())).map_err(|error| error.to_string())
    }
}
