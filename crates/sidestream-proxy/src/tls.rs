//! The TLS configurations of a proxy.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::{ParsedCertificate, ResolvesServerCertUsingSni};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, ServerConfig,
    SignatureScheme,
};
use rustls_platform_verifier::Verifier as PlatformVerifier;
use sidestream_proto::{Config, Timeouts, http1};
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// Which servers are trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpstreamTrust {
    /// Roots that are trusted beside those of the machine.
    pub roots: Vec<CertificateDer<'static>>,
    /// Whether certificates of servers are not verified at all.
    pub insecure: bool,
}

/// Why no TLS configuration could be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// One of the additional roots is no certificate of an authority.
    #[error("an additional root cannot be trusted; give certificates of authorities, in PEM")]
    Root(#[source] Error),
    /// The machine's own roots cannot be used.
    #[error(
        "the machine's trusted roots cannot be used; install ca-certificates, or use --insecure"
    )]
    Platform(#[source] Error),
    /// The library of cryptography lacks something.
    #[error("the cryptography provider cannot be used")]
    Provider(#[source] Error),
}

/// Makes the configuration that a proxy's machines share.
///
/// # Errors
///
/// What is trusted cannot be used.
pub fn config(trust: &UpstreamTrust) -> Result<Config, TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let upstream = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Provider)?
        .dangerous()
        .with_custom_certificate_verifier(verifier(trust, &provider)?)
        .with_no_client_auth();
    // The machine puts the leaf in, flow by flow.
    let client = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Provider)?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(ResolvesServerCertUsingSni::new()));
    Ok(Config {
        upstream_tls: Arc::new(upstream),
        client_tls: Arc::new(client),
        intercept: true,
        hold: Vec::new(),
        http1: http1::Limits::default(),
        timeouts: Timeouts::default(),
    })
}

fn verifier(
    trust: &UpstreamTrust,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
    if trust.insecure {
        return Ok(Arc::new(Anyone(Arc::clone(provider))));
    }
    let mut verifiers: Vec<Arc<dyn ServerCertVerifier>> = Vec::new();
    if !trust.roots.is_empty() {
        verifiers.push(additional(trust, provider)?);
    }
    match PlatformVerifier::new(Arc::clone(provider)) {
        Ok(platform) => verifiers.push(Arc::new(platform)),
        // A machine without roots trusts what the user gave, and that alone.
        Err(error) if verifiers.is_empty() => return Err(TlsError::Platform(error)),
        Err(error) => tracing::warn!(%error, "the machine's trusted roots cannot be used"),
    }
    Ok(match verifiers.len() {
        1 => verifiers.remove(0),
        _ => Arc::new(Either(verifiers)),
    })
}

fn additional(
    trust: &UpstreamTrust,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
    let mut roots = RootCertStore::empty();
    for root in &trust.roots {
        roots.add(root.clone()).map_err(TlsError::Root)?;
    }
    let verifier =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
            .build()
            .map_err(|error| TlsError::Root(Error::General(error.to_string())))?;
    Ok(Arc::new(Additional { verifier, given: trust.roots.clone() }))
}

/// Trusts servers of the authorities that the user gave, and servers that show one of the given
/// certificates itself: a self-signed one, as is made for a server with a single command.
#[derive(Debug)]
struct Additional {
    verifier: Arc<WebPkiServerVerifier>,
    given: Vec<CertificateDer<'static>>,
}

impl Additional {
    /// Judges a certificate that was given as it is: by its names and its time.
    fn verify_given(
        certificate: &CertificateDer<'_>,
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
        let bad = |_| Error::InvalidCertificate(CertificateError::BadEncoding);
        let (_, parsed) = X509Certificate::from_der(certificate).map_err(bad)?;
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        if now < parsed.validity().not_before.timestamp() {
            return Err(Error::InvalidCertificate(CertificateError::NotValidYet));
        }
        if now > parsed.validity().not_after.timestamp() {
            return Err(Error::InvalidCertificate(CertificateError::Expired));
        }
        Ok(ServerCertVerified::assertion())
    }
}

impl ServerCertVerifier for Additional {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.given.contains(end_entity) {
            return Self::verify_given(end_entity, server_name, now);
        }
        let verifier = &self.verifier;
        verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

/// Trusts whom one of several verifiers trusts.
#[derive(Debug)]
struct Either(Vec<Arc<dyn ServerCertVerifier>>);

impl ServerCertVerifier for Either {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let stranger = Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let mut worst = None;
        for verifier in &self.0 {
            let verified = verifier.verify_server_cert(
                end_entity,
                intermediates,
                server_name,
                ocsp_response,
                now,
            );
            match verified {
                Ok(verified) => return Ok(verified),
                // Whoever knows the issuer knows best what is wrong.
                Err(error) if error == stranger => {}
                Err(error) => worst = worst.or(Some(error)),
            }
        }
        Err(worst.unwrap_or(stranger))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0[0].verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0[0].verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0[0].supported_verify_schemes()
    }
}

/// Trusts anyone who has the key of the certificate that is shown.
struct Anyone(Arc<CryptoProvider>);

impl fmt::Debug for Anyone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Anyone")
    }
}

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
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
