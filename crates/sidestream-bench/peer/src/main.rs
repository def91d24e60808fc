//! hudsucker as a program: `sidestream-bench-peer LISTEN ORIGIN TRUSTED-PEM ROOT-PEM`.
//!
//! It intercepts as it does when a program uses it without handlers, with a root of its own, which
//! it writes to ROOT-PEM. Whatever name is asked for is connected to at the address of ORIGIN, and
//! at its port where the request names none.
#![forbid(unsafe_code)]

use std::env;
use std::fs;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use anyhow::{Context as _, bail};
use hudsucker::certificate_authority::RcgenAuthority;
use hudsucker::hyper::Uri;
use hudsucker::rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use hudsucker::rustls::crypto::CryptoProvider;
use hudsucker::rustls::crypto::aws_lc_rs::{self, kx_group};
use hudsucker::rustls::pki_types::CertificateDer;
use hudsucker::rustls::pki_types::pem::PemObject;
use hudsucker::rustls::{ClientConfig, DEFAULT_VERSIONS, RootCertStore};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tower_service::Service;

/// How many leaves are kept, as in hudsucker's own examples.
const LEAVES: u64 = 1_000;

type Pending<T> = Pin<Box<dyn Future<Output = std::io::Result<T>> + Send>>;

/// Connects to the origin, whatever the name is.
#[derive(Clone, Debug)]
struct ToOrigin(SocketAddr);

impl Service<Uri> for ToOrigin {
    type Response = TokioIo<TcpStream>;
    type Error = std::io::Error;
    type Future = Pending<Self::Response>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let Self(mut to) = *self;
        if let Some(port) = uri.port_u16() {
            to.set_port(port);
        }
        Box::pin(async move {
            let stream = TcpStream::connect(to).await?;
            stream.set_nodelay(true)?;
            Ok(TokioIo::new(stream))
        })
    }
}

fn main() -> anyhow::Result<()> {
    let words: Vec<String> = env::args().skip(1).collect();
    let [listen, origin, trusted, root] = &words[..] else {
        bail!("say sidestream-bench-peer LISTEN ORIGIN TRUSTED-PEM ROOT-PEM");
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(listen.parse()?, origin.parse()?, trusted, root))
}

async fn serve(
    listen: SocketAddr,
    origin: SocketAddr,
    trusted: &str,
    root: &str,
) -> anyhow::Result<()> {
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(client_config(trusted)?)
        .https_or_http()
        .enable_all_versions()
        .wrap_connector(ToOrigin(origin));
    let proxy = hudsucker::Proxy::builder()
        .with_listener(listener(listen)?)
        .with_ca(authority(root)?)
        .with_http_connector(connector)
        .build()?;
    Ok(proxy.start().await?)
}

/// Listens so that what is accepted has no delay either, which Linux hands down.
fn listener(at: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = std::net::TcpListener::bind(at).context("listening")?;
    listener.set_nonblocking(true)?;
    socket2::SockRef::from(&listener).set_tcp_nodelay(true)?;
    Ok(TcpListener::from_std(listener)?)
}

fn authority(root: &str) -> anyhow::Result<RcgenAuthority> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    // Whole or not at all: its being there says that this listens.
    let unfinished = format!("{root}.new");
    fs::write(&unfinished, certificate.pem()).and_then(|()| fs::rename(unfinished, root))?;
    Ok(RcgenAuthority::new(Issuer::new(params, key), LEAVES, provider()))
}

fn client_config(trusted: &str) -> anyhow::Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for one in CertificateDer::pem_file_iter(trusted)? {
        roots.add(one?)?;
    }
    Ok(ClientConfig::builder_with_provider(Arc::new(provider()))
        .with_protocol_versions(DEFAULT_VERSIONS)?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

/// X25519 first, which both ports of the origin accept without asking again.
fn provider() -> CryptoProvider {
    let kx_groups = vec![kx_group::X25519, kx_group::X25519MLKEM768];
    CryptoProvider { kx_groups, ..aws_lc_rs::default_provider() }
}
