//! What several targets need to run a machine.

use std::sync::Arc;

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use sidestream_proto::Config;

/// Makes a configuration with which no TLS can be agreed on.
pub fn config() -> Config {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let upstream = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("the provider has the usual versions")
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let client = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has the usual versions")
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Nobody));
    Config::new(upstream, client)
}

/// Has no certificate for anyone.
#[derive(Debug)]
struct Nobody;

impl ResolvesServerCert for Nobody {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        None
    }
}
