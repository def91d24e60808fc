//! How clients are answered over TLS: with what the server chose, as far as they offer it.

use std::fmt;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::server::ResolvesServerCert;
use rustls::sign::CertifiedKey;
use rustls::{
    CipherSuite, Error, KeyLog, NamedGroup, NoKeyLog, ServerConfig, SupportedCipherSuite,
    SupportedProtocolVersion,
};
use sidestream_record::TlsVersion;

use super::client_auth::AnyClient;
use super::hello::ClientHello;
use super::offer;
use super::tickets::{FlowTickets, Unresumed};
use super::versions::{Versions, offers};
use crate::LeafKind;

/// How much early data is taken off that was meant for another session than ours: it was never
/// ours to read, and the client sends it again.
const MAX_SKIPPED: u32 = 1024 * 1024;

/// How clients are answered over TLS.
#[derive(Clone)]
pub struct Downstream {
    /// What can be spoken.
    pub provider: Arc<CryptoProvider>,
    /// Of these, the client is answered with the one that the server chose; if that is not among
    /// them, with these.
    pub versions: Versions,
    /// The cipher suites of which one is chosen, whatever the server chose.
    pub ciphers: Option<Vec<SupportedCipherSuite>>,
    /// Whether clients are asked for a certificate. They need not have one.
    pub request_certificate: bool,
    /// Whether leaves have the names of the certificate that the server showed.
    pub copies_names: bool,
    /// Whether the certificates that the server sent behind its own stand behind a leaf.
    pub copies_chain: bool,
    /// Who is told the keys.
    pub key_log: Arc<dyn KeyLog>,
}

impl fmt::Debug for Downstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { versions, ciphers, request_certificate, .. } = self;
        f.debug_struct("Downstream")
            .field("versions", versions)
            .field("ciphers", ciphers)
            .field("request_certificate", request_certificate)
            .finish_non_exhaustive()
    }
}

/// What a server chose.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chosen {
    pub(crate) version: TlsVersion,
    pub(crate) suite: Option<CipherSuite>,
    pub(crate) group: Option<NamedGroup>,
    pub(crate) resumed: bool,
}

impl Downstream {
    /// Answers with what that provider can.
    pub fn new(provider: Arc<CryptoProvider>) -> Self {
        Self {
            provider,
            versions: Versions::default(),
            ciphers: None,
            request_certificate: false,
            copies_names: true,
            copies_chain: false,
            key_log: Arc::new(NoKeyLog),
        }
    }

    /// Returns the kind of key that a client's leaf needs, whose server chose that, if there is one.
    pub(crate) fn leaf_kind(&self, hello: &ClientHello, chosen: Option<Chosen>) -> LeafKind {
        let versions: Vec<_> = self.versions(hello, chosen).into_iter().map(recorded).collect();
        let suites = self.ciphers.as_ref().unwrap_or(&self.provider.cipher_suites);
        offer::kind(hello, &versions, suites).unwrap_or(LeafKind::EcdsaP256)
    }

    fn versions(
        &self,
        hello: &ClientHello,
        chosen: Option<Chosen>,
    ) -> Vec<&'static SupportedProtocolVersion> {
        self.versions.wanted(self.ciphers.as_deref(), |version| {
            offers(hello, version) && chosen.is_none_or(|chosen| chosen.version == version)
        })
    }

    /// Makes the configuration for a client, whose server chose that, if there is one.
    pub(crate) fn config(
        &self,
        hello: &ClientHello,
        chosen: Option<Chosen>,
        leaf: Arc<CertifiedKey>,
        tickets: &FlowTickets,
    ) -> Result<ServerConfig, Error> {
        let versions = self.versions(hello, chosen);
        let mut provider = CryptoProvider::clone(&self.provider);
        if let Some(ciphers) = &self.ciphers {
            provider.cipher_suites.clone_from(ciphers);
        } else if let Some(suite) = chosen.and_then(|chosen| chosen.suite) {
            provider.cipher_suites.sort_by_key(|one| !is_alike(one.suite(), suite));
        }
        if let Some(group) = chosen.and_then(|chosen| chosen.group)
            && hello.groups.contains(&u16::from(group))
            && provider.kx_groups.iter().any(|one| one.name() == group)
        {
            provider.kx_groups.retain(|one| one.name() == group);
        }
        let provider = Arc::new(provider);
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&versions)?;
        let builder = if self.request_certificate {
            builder.with_client_cert_verifier(Arc::new(AnyClient(provider)))
        } else {
            builder.with_no_client_auth()
        };
        let mut config = builder.with_cert_resolver(Arc::new(Fixed(leaf)));
        config.ignore_client_order = true;
        config.key_log = Arc::clone(&self.key_log);
        config.session_storage = Arc::clone(&tickets.client);
        if chosen.is_some_and(|chosen| !chosen.resumed) {
            config.session_storage = Arc::new(Unresumed(Arc::clone(&tickets.client)));
        }
        if hello.early_data {
            // It is refused in any case, and there is no other way to say how much is taken off.
            config.max_early_data_size = MAX_SKIPPED;
            config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        Ok(config)
    }
}

fn recorded(version: &'static SupportedProtocolVersion) -> TlsVersion {
    if version.version == rustls::ProtocolVersion::TLSv1_2 {
        TlsVersion::Tls12
    } else {
        TlsVersion::Tls13
    }
}

/// Returns whether a suite is the one that the server chose, or differs in the certificate's kind
/// alone: ours have another kind of key than the server's may have.
fn is_alike(suite: CipherSuite, chosen: CipherSuite) -> bool {
    let kind = |suite: CipherSuite| {
        suite.as_str().map(|name| name.replace("_ECDSA_", "_").replace("_RSA_", "_"))
    };
    suite == chosen || kind(suite) == kind(chosen)
}

/// Shows one leaf to whoever asks.
#[derive(Debug)]
struct Fixed(Arc<CertifiedKey>);

impl ResolvesServerCert for Fixed {
    fn resolve(&self, _: rustls::server::ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}
