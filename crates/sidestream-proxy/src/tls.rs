//! The TLS configurations of a proxy.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::server::ResolvesServerCertUsingSni;
use rustls::{ClientConfig, Error, ServerConfig};
use sidestream_proto::Config;

use crate::verifier::Verifier;

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
        .with_custom_certificate_verifier(Arc::new(Verifier::new(trust, &provider)?))
        .with_no_client_auth();
    // The machine puts the leaf in, flow by flow.
    let client = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Provider)?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(ResolvesServerCertUsingSni::new()));
    Ok(Config::new(upstream, client))
}
