//! Certificates of clients: those that servers are given, and those that clients are asked for.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustls::client::ResolvesClientCert;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

/// The certificates that servers are given that ask for one.
#[derive(Clone, Default)]
pub struct ClientCerts {
    /// For servers that have none of their own.
    pub any: Option<Arc<CertifiedKey>>,
    /// By the server's name, in lower case, or its address.
    pub hosts: HashMap<String, Arc<CertifiedKey>>,
}

impl ClientCerts {
    fn of(&self, server: &ServerName<'_>) -> Option<Arc<CertifiedKey>> {
        let host = server.to_str().to_ascii_lowercase();
        self.hosts.get(&host).or(self.any.as_ref()).cloned()
    }
}

impl fmt::Debug for ClientCerts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCerts")
            .field("any", &self.any.is_some())
            .field("hosts", &self.hosts.len())
            .finish()
    }
}

/// Gives a server the certificate that is meant for it, and remembers that it asked.
#[derive(Debug)]
pub(crate) struct Asked {
    server: ServerName<'static>,
    given: Option<Arc<CertifiedKey>>,
    asked: AtomicBool,
    suits: AtomicBool,
}

impl Asked {
    pub(crate) fn new(certs: &ClientCerts, server: &ServerName<'_>) -> Self {
        let (asked, suits) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { server: server.to_owned(), given: certs.of(server), asked, suits }
    }

    /// Returns whether it is meant for that server: others are not to have its certificate.
    pub(crate) fn is_for(&self, server: &ServerName<'_>) -> bool {
        self.server == *server
    }

    /// Returns whether both give the same certificate.
    pub(crate) fn gives_like(&self, other: &Self) -> bool {
        let first = |asked: &Self| asked.given.as_ref().map(|key| key.cert.clone());
        first(self) == first(other)
    }

    /// Begins anew, with another connection.
    pub(crate) fn forget(&self) {
        self.asked.store(false, Ordering::Relaxed);
        self.suits.store(false, Ordering::Relaxed);
    }

    /// Returns whether the server asked, and what it was given.
    pub(crate) fn answer(&self) -> Option<Option<&CertificateDer<'static>>> {
        let suits = self.suits.load(Ordering::Relaxed);
        let given = self.given.as_ref().filter(|_| suits);
        let given = given.and_then(|key| key.cert.first());
        self.asked.load(Ordering::Relaxed).then_some(given)
    }
}

impl ResolvesClientCert for Asked {
    fn resolve(&self, _: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked.store(true, Ordering::Relaxed);
        let suiting = |key: &&Arc<CertifiedKey>| key.key.choose_scheme(schemes).is_some();
        let given = self.given.as_ref().filter(suiting)?;
        self.suits.store(true, Ordering::Relaxed);
        Some(Arc::clone(given))
    }

    fn has_certs(&self) -> bool {
        self.given.is_some()
    }
}

/// Asks clients for a certificate and takes any, or none: what it is worth is not ours to judge.
/// That the client has its key is verified.
#[derive(Debug)]
pub(crate) struct AnyClient(pub(crate) Arc<CryptoProvider>);

impl ClientCertVerifier for AnyClient {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
