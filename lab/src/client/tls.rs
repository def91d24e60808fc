//! TLS of a client.

use std::io;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use sidestream_capture::Stream;
use tokio_rustls::TlsConnector;

use super::Failed;
use crate::model::Trouble;
use crate::wire::Conn;

/// Agrees on TLS with a server of that name.
pub(super) async fn handshake(
    stream: Box<dyn Stream>,
    host: &str,
    roots: Arc<RootCertStore>,
    alpn: &[&[u8]],
) -> Result<Conn, Failed> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Failed::new(Trouble::Tls, error))?;
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    let name = ServerName::try_from(host.to_owned());
    let name = name.map_err(|error| Failed::new(Trouble::Other, error))?;
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    stream.map(Conn::from).map_err(|error| {
        // An end in the middle of a handshake is no end of content.
        let is_end = error.kind() == io::ErrorKind::UnexpectedEof;
        if is_end { Failed::new(Trouble::Tls, error) } else { Failed::from(error) }
    })
}
