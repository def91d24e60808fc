//! A small HTTPS client that trusts what the machine's bundle of roots has.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::root::provider;

/// Where systems keep their bundle of roots, the variable that OpenSSL reads apart.
const BUNDLES: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
];

/// The most of an answer that is read.
const MAX_ANSWER: u64 = 1024 * 1024;

/// Fetches an `https` URL with a port, and returns the answer's first line.
///
/// # Errors
///
/// The server cannot be reached, is not trusted, or does not answer with 200.
pub fn fetch(url: &str) -> anyhow::Result<String> {
    let rest = url.strip_prefix("https://").context("the URL has to begin with https://")?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (host, port) = authority.rsplit_once(':').context("the URL has to have a port")?;
    let config = ClientConfig::builder_with_provider(Arc::new(provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots()?)
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned())?;
    let stream = TcpStream::connect((host, port.parse()?))?;
    let tls = ClientConnection::new(Arc::new(config), name)?;
    let mut stream = StreamOwned::new(tls, stream);
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let first = answer.lines().next().unwrap_or_default();
    if !first.contains(" 200 ") {
        bail!("the server answered {first:?}");
    }
    Ok(first.to_owned())
}

fn roots() -> anyhow::Result<RootCertStore> {
    let named = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    let bundle = named.into_iter().chain(BUNDLES.map(PathBuf::from)).find(|path| path.is_file());
    let bundle = bundle.context("this machine has no bundle of trusted roots")?;
    let certificates = CertificateDer::pem_file_iter(bundle)?;
    let mut roots = RootCertStore::empty();
    // Bundles have some that are too old to be understood.
    roots.add_parsable_certificates(certificates.filter_map(Result::ok));
    Ok(roots)
}
