//! TLS as the load generator speaks it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, ensure};
use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::Group;

/// Where programs on Debian and its kin find whom to trust.
const SYSTEM_BUNDLE: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Who is trusted.
pub type Roots = Arc<RootCertStore>;

/// Reads whom to trust, as programs do: `SSL_CERT_FILE` or else the system's bundle, and the given files.
///
/// # Errors
///
/// A file cannot be read, or a certificate in a given file is no authority's.
pub fn roots(given: &[PathBuf]) -> anyhow::Result<Roots> {
    let mut roots = RootCertStore::empty();
    let bundle = std::env::var_os("SSL_CERT_FILE").unwrap_or_else(|| SYSTEM_BUNDLE.into());
    let bundle = PathBuf::from(bundle);
    if bundle.is_file() {
        roots.add_parsable_certificates(read(&bundle)?);
    }
    for file in given {
        for root in read(file)? {
            roots.add(root).with_context(|| format!("trusting {}", file.display()))?;
        }
    }
    ensure!(!roots.is_empty(), "there is nobody to trust, give --ca FILE");
    Ok(Arc::new(roots))
}

fn read(file: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let all = CertificateDer::pem_file_iter(file).and_then(Iterator::collect);
    all.with_context(|| format!("reading certificates from {}", file.display()))
}

/// Makes a configuration that offers HTTP/2 or not, and never resumes a session.
pub(super) fn config(roots: &Roots, group: Group, http2: bool) -> anyhow::Result<ClientConfig> {
    let mut config = ClientConfig::builder_with_provider(provider(group))
        .with_protocol_versions(rustls::DEFAULT_VERSIONS)?
        .with_root_certificates(Arc::clone(roots))
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    let offered: &[&[u8]] = if http2 { &[b"h2", b"http/1.1"] } else { &[b"http/1.1"] };
    config.alpn_protocols = offered.iter().map(|name| name.to_vec()).collect();
    Ok(config)
}

/// Makes cryptography that exchanges keys by that group.
pub(crate) fn provider(group: Group) -> Arc<CryptoProvider> {
    use aws_lc_rs::kx_group::{X25519, X25519MLKEM768};

    let kx_groups = match group {
        Group::X25519 => vec![X25519],
        Group::X25519MLKEM768 => vec![X25519MLKEM768, X25519],
    };
    Arc::new(CryptoProvider { kx_groups, ..aws_lc_rs::default_provider() })
}
