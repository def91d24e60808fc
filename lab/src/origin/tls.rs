//! The TLS of origins, and its faults.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::version::{TLS12, TLS13};
use rustls::{ProtocolVersion, SupportedProtocolVersion};
use serde::{Deserialize, Serialize};
use sidestream_capture::Stream;
use sidestream_testkit::{Leaf, TestCa, Validity};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;

use super::Record;
use crate::model::ServeTls;
use crate::wire::Conn;

/// The alert `handshake_failure`, fatal, in a record of its own (RFC 8446 §6).
const REFUSAL: [u8; 7] = [21, 3, 3, 0, 2, 2, 40];

/// A certificate and its key, as plain bytes that can be sent to where the origin is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The certificate, DER.
    pub certificate: Vec<u8>,
    /// Its key, PKCS#8.
    pub key: Vec<u8>,
}

/// What a connection has to pass first.
pub(super) struct Gate {
    acceptor: TlsAcceptor,
    refuses: bool,
}

impl Identity {
    /// Issues what such an origin shows; `names` are the host's name and its addresses.
    ///
    /// # Errors
    ///
    /// When one of them fits into no certificate.
    pub fn issue(ca: &TestCa, tls: ServeTls, names: &[&str]) -> Result<Self> {
        let leaf = match tls {
            ServeTls::Good | ServeTls::Refuses | ServeTls::Old => ca.leaf(names, Validity::Current),
            ServeTls::Expired => ca.leaf(names, Validity::Expired),
            ServeTls::OtherName => ca.leaf(&["elsewhere.test"], Validity::Current),
            ServeTls::SelfSigned => return Self::self_signed(names),
        };
        let certificate = leaf.chain.first().context("a leaf has a certificate")?.to_vec();
        Ok(Self { certificate, key: leaf.key.secret_der().to_vec() })
    }

    fn self_signed(names: &[&str]) -> Result<Self> {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(names)?.self_signed(&key)?;
        Ok(Self { certificate: certificate.der().to_vec(), key: key.serialize_der() })
    }

    fn leaf(&self) -> Leaf {
        Leaf {
            chain: vec![CertificateDer::from(self.certificate.clone())],
            key: PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.clone())),
        }
    }
}

impl Gate {
    pub(super) fn new(tls: ServeTls, identity: &Identity, alpn: &[&[u8]]) -> Result<Self> {
        let versions: &[&SupportedProtocolVersion] =
            if tls == ServeTls::Old { &[&TLS12] } else { &[&TLS13, &TLS12] };
        let mut config = identity.leaf().server_config(versions);
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        // Tickets would be one more thing that is written, or not yet, when a client closes.
        config.send_tls13_tickets = 0;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Ok(Self { acceptor, refuses: tls == ServeTls::Refuses })
    }

    /// Agrees on TLS, if it can be.
    pub(super) async fn handshake(&self, stream: Box<dyn Stream>, record: &Record) -> Option<Conn> {
        if self.refuses {
            _ = refuse(stream).await;
            return None;
        }
        let stream = self.acceptor.accept(stream).await.ok()?;
        let (_, agreed) = stream.get_ref();
        let version = match agreed.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => "TLS 1.3",
            Some(ProtocolVersion::TLSv1_2) => "TLS 1.2",
            _ => "TLS",
        };
        let alpn = agreed.alpn_protocol().map(String::from_utf8_lossy).unwrap_or_default();
        let name = agreed.server_name().unwrap_or("-");
        record.tls(format!("{version} {name} {alpn}").trim_end().to_owned());
        Some(Conn::from(stream))
    }
}

/// Answers a ClientHello with an alert, and waits for the client to go.
async fn refuse(mut stream: Box<dyn Stream>) -> std::io::Result<()> {
    let mut head = [0; 5];
    stream.read_exact(&mut head).await?;
    let mut hello = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
    stream.read_exact(&mut hello).await?;
    stream.write_all(&REFUSAL).await?;
    stream.shutdown().await?;
    tokio::io::copy(&mut stream, &mut tokio::io::sink()).await.map(drop)
}
