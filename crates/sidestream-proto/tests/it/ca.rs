//! Certificates of the plays' servers, and of the machine.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::crypto::aws_lc_rs::{default_provider, sign::any_supported_type};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use sidestream_proto::tls::Upstream;

type Versions = &'static [&'static rustls::SupportedProtocolVersion];

/// A certificate authority of the test's own, and leaves of it.
pub(crate) struct Ca {
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
    pub(crate) root: CertificateDer<'static>,
}

impl Ca {
    pub(crate) fn new() -> Self {
        Self::named("Test")
    }

    /// An authority of that name: one of another name is an unknown issuer.
    pub(crate) fn named(name: &str) -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new([]).unwrap();
        params.distinguished_name.push(rcgen::DnType::OrganizationName, name);
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let root = params.self_signed(&key).unwrap().der().clone();
        Self { issuer: rcgen::Issuer::new(params, key), root }
    }

    pub(crate) fn leaf(&self, host: &str) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new([host.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.der().clone(), PrivateKeyDer::Pkcs8(key.serialize_der().into()))
    }

    pub(crate) fn certified(&self, host: &str) -> Arc<CertifiedKey> {
        let (certificate, key) = self.leaf(host);
        Arc::new(CertifiedKey::new(vec![certificate], any_supported_type(&key).unwrap()))
    }

    /// How servers are spoken to that have certificates of this authority.
    pub(crate) fn trusted(&self) -> Upstream {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).unwrap();
        let provider = Arc::new(default_provider());
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        Upstream::new(provider, verifier.build().unwrap())
    }

    pub(crate) fn client_config(&self) -> ClientConfig {
        self.client_config_of(rustls::DEFAULT_VERSIONS)
    }

    pub(crate) fn client_config_of(&self, versions: Versions) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).unwrap();
        ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth()
    }

    pub(crate) fn server_config(&self, host: &str) -> ServerConfig {
        self.server_config_of(host, rustls::DEFAULT_VERSIONS)
    }

    pub(crate) fn server_config_of(&self, host: &str, versions: Versions) -> ServerConfig {
        let (certificate, key) = self.leaf(host);
        ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap()
    }
}
