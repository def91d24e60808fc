//! The TLS configurations of a proxy.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, Error};
use sidestream_proto::Config;
use sidestream_proto::tls::{Downstream, Upstream};

use crate::shown::Shown;
use crate::tickets::SharedTickets;
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
    let provider = Arc::new(CryptoProvider {
        // A client may offer more than most do.
        kx_groups: aws_lc_rs::ALL_KX_GROUPS.to_vec(),
        ..aws_lc_rs::default_provider()
    });
    let verifier = Arc::new(Verifier::new(trust, &provider)?);
    let upstream = Upstream::new(Arc::clone(&provider), verifier);
    let tickets = Arc::new(SharedTickets::default());
    let certificates = Arc::new(Shown::default());
    Ok(Config { tickets, certificates, ..Config::new(upstream, Downstream::new(provider)) })
}

/// Makes the configuration for a server that no client asks for, as another proxy on the way.
///
/// # Errors
///
/// What is trusted cannot be used.
pub fn own_client(trust: &UpstreamTrust) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = Arc::new(Verifier::new(trust, &provider)?);
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Provider)?;
    Ok(config.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}
