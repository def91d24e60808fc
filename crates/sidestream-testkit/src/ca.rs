//! A certificate authority made for one test, with good leaves and bad ones.

use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};
use tempfile::NamedTempFile;
use time::{Duration, OffsetDateTime};

/// A root of trust that lives as long as a test.
#[derive(Debug)]
pub struct TestCa {
    issuer: Issuer<'static, KeyPair>,
    der: CertificateDer<'static>,
    pem: String,
    file: NamedTempFile,
}

/// A server's certificate chain and its key.
#[derive(Debug)]
pub struct Leaf {
    /// The leaf, without the root.
    pub chain: Vec<CertificateDer<'static>>,
    /// The leaf's private key, PKCS#8.
    pub key: PrivateKeyDer<'static>,
}

/// When a leaf is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// From yesterday for thirty days.
    Current,
    /// Until yesterday.
    Expired,
    /// From tomorrow on.
    Future,
}

impl TestCa {
    /// Makes a new authority with a P-256 key.
    pub fn new() -> Self {
        let key = KeyPair::generate().expect("P-256 keys can be made");
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "Sidestream test root");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        (params.not_before, params.not_after) = window(Validity::Current);
        let certificate = params.self_signed(&key).expect("the parameters are complete");
        let pem = certificate.pem();
        let file = NamedTempFile::with_suffix(".pem").expect("the temporary folder is writable");
        std::fs::write(file.path(), &pem).expect("the file was just made");
        Self { der: certificate.der().clone(), issuer: Issuer::new(params, key), pem, file }
    }

    /// Gives the root certificate as PEM text.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Gives the path of a file with the root certificate as PEM; it goes with this value.
    pub fn pem_path(&self) -> &Path {
        self.file.path()
    }

    /// Gives the root certificate as DER.
    pub fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// Issues a certificate for host names and addresses.
    ///
    /// # Panics
    ///
    /// When a name is neither a host name nor an address.
    pub fn leaf(&self, names: &[&str], validity: Validity) -> Leaf {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("names fit into a certificate");
        (params.not_before, params.not_after) = window(validity);
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().expect("P-256 keys can be made");
        let certificate = params.signed_by(&key, &self.issuer).expect("the issuer is sound");
        Leaf {
            chain: vec![certificate.der().clone()],
            key: PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
        }
    }

    /// Makes a TLS server configuration for `names`: TLS 1.2 and 1.3, no ALPN, no client certificate.
    pub fn server_config(&self, names: &[&str]) -> ServerConfig {
        self.leaf(names, Validity::Current).server_config(rustls::DEFAULT_VERSIONS)
    }

    /// Makes a TLS client configuration that trusts this authority alone.
    pub fn client_config(&self) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone()).expect("the root was made by rcgen");
        ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(rustls::DEFAULT_VERSIONS)
            .expect("the provider speaks these versions")
            .with_root_certificates(roots)
            .with_no_client_auth()
    }
}

impl Default for TestCa {
    fn default() -> Self {
        Self::new()
    }
}

impl Leaf {
    /// Makes a TLS server configuration with this certificate and the given protocol versions.
    pub fn server_config(self, versions: &[&'static SupportedProtocolVersion]) -> ServerConfig {
        ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(versions)
            .expect("the provider speaks these versions")
            .with_no_client_auth()
            .with_single_cert(self.chain, self.key)
            .expect("key and certificate belong together")
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn window(validity: Validity) -> (OffsetDateTime, OffsetDateTime) {
    let now = OffsetDateTime::now_utc();
    let (from, to) = match validity {
        Validity::Current => (-1, 30),
        Validity::Expired => (-30, -1),
        Validity::Future => (1, 30),
    };
    (now + Duration::days(from), now + Duration::days(to))
}
