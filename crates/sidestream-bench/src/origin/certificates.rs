//! Certificates by name, made when they are first asked for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use sidestream_testkit::{Leaf, TestCa, Validity};

use crate::Group;
use crate::client::provider;

/// The host that all connections have in common which do not ask for one of their own.
pub(crate) const HOST: &str = "bench.test";

#[derive(Debug)]
pub(crate) struct Certificates {
    ca: TestCa,
    made: Mutex<HashMap<String, Arc<CertifiedKey>>>,
}

impl Certificates {
    pub(crate) fn new(ca: TestCa) -> Self {
        Self { ca, made: Mutex::default() }
    }

    pub(super) fn ca(&self) -> &TestCa {
        &self.ca
    }

    /// Makes a configuration that accepts that key exchange.
    pub(super) fn server_config(self: &Arc<Self>, group: Group) -> anyhow::Result<ServerConfig> {
        let mut config = ServerConfig::builder_with_provider(provider(group))
            .with_protocol_versions(rustls::DEFAULT_VERSIONS)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }

    /// Gives a chain and a key for the common host as PEM.
    pub(super) fn pem(&self) -> (String, String) {
        let Leaf { chain, key } = self.ca.leaf(&[HOST], Validity::Current);
        let chain =
            chain.iter().map(|one| pem::encode(&pem::Pem::new("CERTIFICATE", one.to_vec())));
        let key = pem::Pem::new("PRIVATE KEY", key.secret_der().to_vec());
        (chain.collect(), pem::encode(&key))
    }

    fn make(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        let Leaf { chain, key } = self.ca.leaf(&[name], Validity::Current);
        let key = aws_lc_rs::sign::any_supported_type(&key).ok()?;
        Some(Arc::new(CertifiedKey::new(chain, key)))
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name()?;
        if let Some(made) = self.made.lock().unwrap_or_else(PoisonError::into_inner).get(name) {
            return Some(Arc::clone(made));
        }
        let made = self.make(name)?;
        let mut all = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(name.to_owned(), Arc::clone(&made));
        Some(made)
    }
}
