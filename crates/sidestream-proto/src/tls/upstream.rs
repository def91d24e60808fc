//! How servers are spoken to over TLS: with what the client offers, as far as it can be spoken.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::ServerCertVerifier;
use rustls::client::{Resumption, Tls12Resumption};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::pki_types::ServerName;
use rustls::{
    ClientConfig, Error, KeyLog, NamedGroup, NoKeyLog, SignatureScheme, SupportedCipherSuite,
    SupportedProtocolVersion,
};

use super::client_auth::{Asked, ClientCerts};
use super::hello::ClientHello;
use super::tickets::{FlowTickets, Hinted};
use super::verifiers::{Mirrored, Nobody};
use super::versions::{Versions, offers};

/// The extension by which a client asks for tickets of TLS 1.2 (RFC 5077 §3.2).
const SESSION_TICKET: u16 = 35;

/// How servers are spoken to over TLS.
#[derive(Clone)]
pub struct Upstream {
    /// What can be spoken: of its suites and groups a server is offered those that the client
    /// offers, in the client's order.
    pub provider: Arc<CryptoProvider>,
    /// Who judges the certificates of servers.
    pub verifier: Arc<dyn ServerCertVerifier>,
    /// Of these, a server is offered those that the client offers; if there are none, these.
    pub versions: Versions,
    /// The cipher suites that every server is offered, whatever the client offers.
    pub ciphers: Option<Vec<SupportedCipherSuite>>,
    /// What servers are given that ask for a certificate.
    pub client_certs: ClientCerts,
    /// Who is told the keys.
    pub key_log: Arc<dyn KeyLog>,
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { versions, ciphers, client_certs, .. } = self;
        f.debug_struct("Upstream")
            .field("versions", versions)
            .field("ciphers", ciphers)
            .field("client_certs", client_certs)
            .finish_non_exhaustive()
    }
}

impl Upstream {
    /// Speaks what that provider can to servers that this verifier trusts, and gives them no
    /// certificate.
    pub fn new(provider: Arc<CryptoProvider>, verifier: Arc<dyn ServerCertVerifier>) -> Self {
        Self {
            provider,
            verifier,
            versions: Versions::default(),
            ciphers: None,
            client_certs: ClientCerts::default(),
            key_log: Arc::new(NoKeyLog),
        }
    }

    /// Speaks what that provider can, and trusts no server.
    pub fn trusting_nobody(provider: Arc<CryptoProvider>) -> Self {
        Self::new(provider, Arc::new(Nobody))
    }

    /// Makes with what a server is spoken to whose client offered that.
    pub(crate) fn credentials(
        &self,
        hello: Option<&ClientHello>,
        server: &ServerName<'_>,
    ) -> Credentials {
        let schemes = self.schemes(hello);
        let verifier = Arc::clone(&self.verifier);
        let verifier = Arc::new(Mirrored { verifier, schemes: schemes.clone() });
        let asked = Arc::new(Asked::new(&self.client_certs, server));
        Credentials { verifier, schemes, asked }
    }

    /// Makes the configuration for a server: with what the client offered, if there is one.
    pub(crate) fn config(
        &self,
        hello: Option<&ClientHello>,
        tickets: &FlowTickets,
    ) -> Result<Offered, Error> {
        let versions = self.versions.wanted(self.ciphers.as_deref(), |version| {
            hello.is_none_or(|hello| offers(hello, version))
        });
        let groups = self.groups(hello);
        let hint = hello.and_then(|hello| hint(hello, &groups));
        let provider = CryptoProvider {
            cipher_suites: self.ciphers(hello, &versions),
            kx_groups: groups,
            ..CryptoProvider::clone(&self.provider)
        };
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&versions)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&tickets.credentials.verifier))
            .with_client_cert_resolver(Arc::clone(&tickets.credentials.asked) as _);
        let by_ticket = hello.is_none_or(|hello| hello.extensions.contains(&SESSION_TICKET));
        let store = Hinted { hint, store: Arc::clone(&tickets.upstream) };
        config.resumption = Resumption::store(Arc::new(store)).tls12_resumption(if by_ticket {
            Tls12Resumption::SessionIdOrTickets
        } else {
            Tls12Resumption::SessionIdOnly
        });
        config.key_log = Arc::clone(&self.key_log);
        Ok((config, Arc::clone(&tickets.credentials.asked)))
    }

    fn ciphers(
        &self,
        hello: Option<&ClientHello>,
        versions: &[&SupportedProtocolVersion],
    ) -> Vec<SupportedCipherSuite> {
        if let Some(ciphers) = &self.ciphers {
            return ciphers.clone();
        }
        let all = &self.provider.cipher_suites;
        let offered = hello.map_or(&[][..], |hello| &hello.ciphers);
        let known = |number: &u16| all.iter().find(|one| u16::from(one.suite()) == *number);
        let offered = or_all(offered.iter().filter_map(known).copied(), all);
        let is_spoken = |suite: &SupportedCipherSuite| versions.contains(&suite.version());
        // The client may have none of the only version that the user allows.
        if offered.iter().any(is_spoken) { offered } else { all.clone() }
    }

    fn groups(&self, hello: Option<&ClientHello>) -> Vec<&'static dyn SupportedKxGroup> {
        let all = &self.provider.kx_groups;
        let offered = hello.map_or(&[][..], |hello| &hello.groups);
        let known = |number: &u16| all.iter().find(|one| u16::from(one.name()) == *number);
        or_all(offered.iter().filter_map(known).copied(), all)
    }

    /// Lets the server choose a certificate that suits the client's signature algorithms.
    fn schemes(&self, hello: Option<&ClientHello>) -> Vec<SignatureScheme> {
        let all = self.verifier.supported_verify_schemes();
        let offered = hello.map_or(&[][..], |hello| &hello.signature_algorithms);
        let known = |number: &u16| all.iter().find(|one| u16::from(**one) == *number);
        or_all(offered.iter().filter_map(known).copied(), &all)
    }
}

/// What a server is offered, and who is asked for a certificate.
pub(crate) type Offered = (ClientConfig, Arc<Asked>);

/// With what a server is spoken to: the library resumes a session with the very same alone.
#[derive(Clone)]
pub struct Credentials {
    verifier: Arc<dyn ServerCertVerifier>,
    schemes: Vec<SignatureScheme>,
    asked: Arc<Asked>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

impl Credentials {
    /// Returns whether a server sees no difference between the two.
    pub fn is_like(&self, other: &Self) -> bool {
        self.schemes == other.schemes && self.asked.gives_like(&other.asked)
    }
}

/// What cannot be mirrored at all is offered in full: someone else has to say that it fails.
fn or_all<T: Clone>(some: impl Iterator<Item = T>, all: &[T]) -> Vec<T> {
    let some: Vec<T> = some.collect();
    if some.is_empty() { all.to_vec() } else { some }
}

/// Returns the group for which a key is sent: the first for which the client sends one.
fn hint(hello: &ClientHello, groups: &[&'static dyn SupportedKxGroup]) -> Option<NamedGroup> {
    let offered = |number: &u16| groups.iter().any(|group| u16::from(group.name()) == *number);
    hello.key_share_groups.iter().copied().find(offered).map(NamedGroup::from)
}
