//! Who judges the certificates of servers.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
};
use sidestream_proto::tls::CertificateFault;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::{TlsError, UpstreamTrust};

/// Trusts a server that one of its judges trusts. That the server has the certificate's key is
/// verified in any case.
pub(crate) struct Verifier {
    judges: Vec<Judge>,
    provider: Arc<CryptoProvider>,
}

enum Judge {
    /// Trusts anyone.
    Anyone,
    /// Trusts those very certificates, such as a self-signed one that a single command makes.
    Given(Vec<CertificateDer<'static>>),
    /// Trusts whom an authority vouches for: one that the user gave, or one of the machine's.
    Authorities(Arc<dyn ServerCertVerifier>),
}

impl Verifier {
    pub(crate) fn new(
        trust: &UpstreamTrust,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, TlsError> {
        let judges =
            if trust.insecure { vec![Judge::Anyone] } else { Judge::all(trust, provider)? };
        Ok(Self { judges, provider: Arc::clone(provider) })
    }
}

impl Judge {
    fn all(trust: &UpstreamTrust, provider: &Arc<CryptoProvider>) -> Result<Vec<Self>, TlsError> {
        let mut judges = Vec::new();
        if !trust.roots.is_empty() {
            judges.push(Self::Given(trust.roots.clone()));
            judges.push(Self::Authorities(additional(trust, provider)?));
        }
        match rustls_platform_verifier::Verifier::new(Arc::clone(provider)) {
            Ok(platform) => judges.push(Self::Authorities(Arc::new(platform))),
            // A machine without roots trusts what the user gave, and that alone.
            Err(error) => tracing::warn!(%error, "the machine's trusted roots cannot be used"),
        }
        Ok(judges)
    }

    fn judge(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match self {
            Self::Anyone => Ok(ServerCertVerified::assertion()),
            Self::Given(given) if given.contains(end_entity) => verify_given(end_entity, name, now),
            Self::Given(_) => Err(CertificateError::UnknownIssuer.into()),
            Self::Authorities(verifier) => {
                verifier.verify_server_cert(end_entity, intermediates, name, ocsp, now)
            }
        }
    }
}

fn additional(
    trust: &UpstreamTrust,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
    let mut roots = RootCertStore::empty();
    for root in &trust.roots {
        roots.add(root.clone()).map_err(TlsError::Root)?;
    }
    let builder =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    let built = builder.build();
    Ok(built.map_err(|error| TlsError::Root(Error::Other(OtherError(Arc::new(error)))))?)
}

/// Says more closely what is wrong with a certificate that nobody vouches for.
fn fault(
    error: &Error,
    end_entity: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
) -> Option<CertificateFault> {
    use CertificateError as Bad;
    let is_strange = match error {
        Error::InvalidCertificate(Bad::UnknownIssuer) => true,
        Error::InvalidCertificate(bad) if is_of_signature(bad) => false,
        _ => return None,
    };
    let (_, leaf) = X509Certificate::from_der(end_entity).ok()?;
    let is_self_signed = leaf.issuer() == leaf.subject();
    if is_strange && is_self_signed {
        return Some(CertificateFault::SelfSigned);
    }
    let sent = std::iter::once(end_entity).chain(intermediates);
    let weak = sent.filter_map(|certificate| weak_algorithm(certificate)).next();
    if let Some(algorithm) = weak {
        return Some(CertificateFault::WeakSignature { algorithm });
    }
    let has_issuer = intermediates.iter().any(|certificate| {
        X509Certificate::from_der(certificate)
            .is_ok_and(|(_, sent)| sent.subject() == leaf.issuer())
    });
    let issuer = || leaf.issuer().to_string();
    (is_strange && !has_issuer).then(|| CertificateFault::MissingChain { issuer: issuer() })
}

/// Returns whether what is wrong is how a certificate is signed.
fn is_of_signature(error: &CertificateError) -> bool {
    #[expect(deprecated, reason = "a verifier may still say so")]
    let plain = matches!(error, CertificateError::UnsupportedSignatureAlgorithm);
    plain
        || matches!(
            error,
            CertificateError::UnsupportedSignatureAlgorithmContext { .. }
                | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. }
        )
}

fn weak_algorithm(certificate: &CertificateDer<'_>) -> Option<&'static str> {
    const WEAK: [(&str, &str); 3] = [
        ("1.2.840.113549.1.1.4", "MD5"),
        ("1.2.840.113549.1.1.5", "SHA-1"),
        ("1.2.840.10045.4.1", "SHA-1"),
    ];
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let algorithm = parsed.signature_algorithm.algorithm.to_id_string();
    WEAK.iter().find(|(id, _)| *id == algorithm).map(|(_, name)| *name)
}

/// Judges a certificate that was given as it is: by its names and its time.
fn verify_given(
    certificate: &CertificateDer<'_>,
    name: &ServerName<'_>,
    now: UnixTime,
) -> Result<ServerCertVerified, Error> {
    verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else {
        return Err(CertificateError::BadEncoding.into());
    };
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    if now < parsed.validity().not_before.timestamp() {
        return Err(CertificateError::NotValidYet.into());
    }
    if now > parsed.validity().not_after.timestamp() {
        return Err(CertificateError::Expired.into());
    }
    Ok(ServerCertVerified::assertion())
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("judges", &self.judges.len()).finish_non_exhaustive()
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let stranger = Error::from(CertificateError::UnknownIssuer);
        let mut worst = None;
        for judge in &self.judges {
            match judge.judge(end_entity, intermediates, server_name, ocsp_response, now) {
                Ok(verified) => return Ok(verified),
                // Whoever knows the issuer knows best what is wrong.
                Err(error) if error == stranger => {}
                Err(error) => worst = worst.or(Some(error)),
            }
        }
        let error = worst.unwrap_or(stranger);
        Err(fault(&error, end_entity, intermediates).map_or(error, Error::from))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
