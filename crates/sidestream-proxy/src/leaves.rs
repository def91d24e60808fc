//! The one door to the certificate authority.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::SystemTime;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::sign::CertifiedKey;
use sidestream_ca::{Authority, LeafCache, LeafKey, LeafRequest, Name};
use sidestream_proto::LeafKind;

use crate::{CrlUrl, OwnCerts};

/// How many leaves are kept: some 3 KiB each.
const CACHED: NonZeroUsize = NonZeroUsize::new(2048).expect("it is not zero");

/// How many are kept whose key is RSA, which few clients need.
const CACHED_RSA: NonZeroUsize = NonZeroUsize::new(256).expect("it is not zero");

#[derive(Debug)]
pub(crate) struct Leaves {
    authority: Arc<Authority>,
    cache: Mutex<LeafCache>,
    own: RwLock<OwnCerts>,
    crl: RwLock<Option<CrlUrl>>,
    /// Made when a client takes no other: that takes some tenths of a second.
    rsa: OnceLock<Result<LeafKey, String>>,
    rsa_cache: Mutex<LeafCache>,
}

impl Leaves {
    pub(crate) fn new(authority: Arc<Authority>) -> Self {
        Self {
            authority,
            cache: Mutex::new(LeafCache::new(CACHED)),
            own: RwLock::default(),
            crl: RwLock::default(),
            rsa: OnceLock::new(),
            rsa_cache: Mutex::new(LeafCache::new(CACHED_RSA)),
        }
    }

    /// Shows clients those in place of leaves, from now on.
    pub(crate) fn set_own(&self, own: OwnCerts) {
        *self.own.write().unwrap_or_else(PoisonError::into_inner) = own;
    }

    /// Tells clients where the list of revoked certificates is, from now on.
    pub(crate) fn set_crl(&self, crl: Option<CrlUrl>) {
        *self.crl.write().unwrap_or_else(PoisonError::into_inner) = crl;
    }

    /// Returns whether a leaf is issued at once, without a key that takes long to make.
    pub(crate) fn is_quick(&self, request: &sidestream_proto::LeafRequest) -> bool {
        request.key != LeafKind::Rsa2048
            || self.rsa.get().is_some()
            || self.own(&request.host).is_some()
    }

    /// Issues a leaf, or finds one that was issued for the same names before, for a client that
    /// leaves names to us or does not.
    pub(crate) fn issue(
        &self,
        request: &sidestream_proto::LeafRequest,
        is_naming: bool,
    ) -> Result<Arc<CertifiedKey>, String> {
        if let Some(own) = self.own(&request.host) {
            return Ok(own);
        }
        let now = SystemTime::now();
        let name: Option<Name> = request.host.parse().ok();
        let like =
            request.like.as_ref().map(|server| LeafRequest::like(server, name.as_ref(), now));
        let mut asked = match (like, &name) {
            (Some(Ok(like)), _) => like,
            // A certificate that cannot be copied was trusted all the same: the name suffices.
            (_, Some(name)) => LeafRequest::new(name.clone(), now),
            (Some(Err(error)), None) => return Err(error.to_string()),
            (None, None) => return Err(format!("{} is no name for a certificate", request.host)),
        };
        asked.crl_url = self.crl_url(is_naming);
        let leaf = match request.key {
            LeafKind::Rsa2048 => {
                let key = self.rsa.get_or_init(make_rsa).as_ref().map_err(Clone::clone)?;
                let mut cache = self.rsa_cache.lock().unwrap_or_else(PoisonError::into_inner);
                cache.get_or_issue_for(&self.authority, &asked, key)
            }
            _ => {
                let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
                cache.get_or_issue(&self.authority, &asked)
            }
        };
        let mut certified = leaf.map_err(|error| error.to_string())?.certified_key();
        certified.cert.extend(request.chain.iter().cloned());
        Ok(Arc::new(certified))
    }

    fn crl_url(&self, is_naming: bool) -> Option<Arc<str>> {
        let crl = self.crl.read().unwrap_or_else(PoisonError::into_inner);
        crl.as_ref()?.told(is_naming).cloned()
    }

    fn own(&self, host: &str) -> Option<Arc<CertifiedKey>> {
        self.own.read().unwrap_or_else(PoisonError::into_inner).of(host)
    }
}

fn make_rsa() -> Result<LeafKey, String> {
    let failed = "no RSA key could be made for a client that takes no other";
    let key = KeyPair::generate(KeySize::Rsa2048).map_err(|_unspecified| failed)?;
    let der = key.as_der().map_err(|_unspecified| failed)?;
    let der = PrivatePkcs8KeyDer::from(der.as_ref().to_vec()).into();
    LeafKey::from_der(der, &default_provider()).map_err(|error| error.to_string())
}
