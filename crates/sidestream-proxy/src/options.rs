//! How TLS is spoken on both sides, where the user has a say.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::{KeyLog, SupportedCipherSuite};
use sidestream_proto::Config;
use sidestream_proto::tls::{ClientCerts, Versions};

use crate::{KeyLogFile, OwnCerts};

/// How TLS is spoken, beside whom to trust: by default as the other side speaks it.
#[derive(Clone, Debug, Default)]
pub struct TlsOptions {
    /// Certificates that clients are shown in place of ours.
    pub certs: OwnCerts,
    /// With clients.
    pub client: SideOptions,
    /// What servers are given that ask for a certificate.
    pub client_certs: ClientCerts,
    /// Who is told the keys of both legs.
    pub key_log: Option<Arc<KeyLogFile>>,
    /// Whether clients are asked for a certificate.
    pub request_client_cert: bool,
    /// With servers.
    pub server: SideOptions,
    /// How much of a server's certificate the leaf for its clients has.
    pub upstream: Copied,
}

/// How much of a server's certificate the leaf for its clients has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Copied {
    /// Its names and organization.
    #[default]
    Names,
    /// These, and behind the leaf the certificates that the server sent behind its own.
    NamesAndChain,
    /// Nothing: the leaf is for the name that the client asks for, or its address.
    Nothing,
}

/// What is spoken on one side.
#[derive(Clone, Debug, Default)]
pub struct SideOptions {
    /// The versions: all by default.
    pub versions: Versions,
    /// The cipher suites, if not those of the other side.
    pub ciphers: Option<Vec<SupportedCipherSuite>>,
}

impl TlsOptions {
    /// Puts them into a configuration.
    pub fn apply(&self, config: &mut Config) {
        let (client, server) = (&mut config.client_tls, &mut config.upstream_tls);
        client.versions = self.client.versions;
        client.ciphers.clone_from(&self.client.ciphers);
        client.request_certificate = self.request_client_cert;
        client.copies_names = self.upstream != Copied::Nothing;
        client.copies_chain = self.upstream == Copied::NamesAndChain;
        server.versions = self.server.versions;
        server.ciphers.clone_from(&self.server.ciphers);
        server.client_certs = self.client_certs.clone();
        if let Some(key_log) = &self.key_log {
            client.key_log = Arc::clone(key_log) as Arc<dyn KeyLog>;
            server.key_log = Arc::clone(key_log) as Arc<dyn KeyLog>;
        }
    }
}

/// A name in a list of cipher suites that is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is no cipher suite that is spoken here; there are {}", known().join(", "))]
pub struct ParseCiphersError {
    /// The name.
    pub name: String,
}

/// Reads a list of cipher suites, with colons or commas, by their names at IANA or OpenSSL.
///
/// # Errors
///
/// The first name that is not known.
pub fn parse_ciphers(list: &str) -> Result<Vec<SupportedCipherSuite>, ParseCiphersError> {
    let names = list.split([':', ',']).map(str::trim).filter(|name| !name.is_empty());
    let find = |name: &str| {
        let all = aws_lc_rs::ALL_CIPHER_SUITES.iter();
        let mut named = all.filter(|suite| {
            let iana = iana(**suite);
            name.eq_ignore_ascii_case(&iana) || name.eq_ignore_ascii_case(&openssl(&iana))
        });
        named.next().copied().ok_or_else(|| ParseCiphersError { name: name.to_owned() })
    };
    let ciphers: Vec<_> = names.map(find).collect::<Result<_, _>>()?;
    if ciphers.is_empty() { Err(ParseCiphersError { name: list.to_owned() }) } else { Ok(ciphers) }
}

fn known() -> Vec<String> {
    aws_lc_rs::ALL_CIPHER_SUITES.iter().map(|suite| iana(*suite)).collect()
}

/// The library gives those of TLS 1.3 a prefix of its own.
fn iana(suite: SupportedCipherSuite) -> String {
    suite.suite().as_str().unwrap_or_default().replacen("TLS13_", "TLS_", 1)
}

/// `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256` is `ECDHE-RSA-AES128-GCM-SHA256` there.
fn openssl(iana: &str) -> String {
    let name = iana.strip_prefix("TLS_").unwrap_or(iana);
    let name = name.replace("_WITH_", "-").replace("AES_", "AES").replace('_', "-");
    name.replace("CHACHA20-POLY1305-SHA256", "CHACHA20-POLY1305")
}
