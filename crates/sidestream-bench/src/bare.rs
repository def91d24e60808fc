//! Two connections of TLS with nothing between them: what intercepting costs at the least.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::ServerName;
use rustls::server::ResolvesServerCert;
use rustls::{ClientConfig, NamedGroup, ServerConfig};
use sidestream_testkit::TestCa;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{LazyConfigAcceptor, TlsConnector};

use crate::client::Roots;
use crate::origin::Certificates;

/// What both sides of a [`bare`] relay agree on TLS with.
#[derive(Clone, Debug)]
pub struct Tls {
    certificates: Arc<Certificates>,
    roots: Roots,
}

impl Tls {
    /// Has leaves made by that authority, and trusts those roots.
    pub fn new(ca: TestCa, roots: Roots) -> Self {
        Self { certificates: Arc::new(Certificates::new(ca)), roots }
    }

    /// Offers the server what the client offers, the key exchange included.
    fn configs(&self, alpn: Vec<Vec<u8>>, hybrid: bool) -> anyhow::Result<Configs> {
        use aws_lc_rs::kx_group::{X25519, X25519MLKEM768};

        let kx_groups = if hybrid { vec![X25519MLKEM768, X25519] } else { vec![X25519] };
        let provider = Arc::new(CryptoProvider { kx_groups, ..aws_lc_rs::default_provider() });
        let mut client = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(rustls::DEFAULT_VERSIONS)?
            .with_root_certificates(Arc::clone(&self.roots))
            .with_no_client_auth();
        client.resumption = rustls::client::Resumption::disabled();
        client.alpn_protocols = alpn;
        let resolver = Arc::clone(&self.certificates) as Arc<dyn ResolvesServerCert>;
        let server = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(rustls::DEFAULT_VERSIONS)?
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        Ok(Configs { client, server })
    }
}

struct Configs {
    client: ClientConfig,
    server: ServerConfig,
}

/// Accepts on `listener`, ends TLS, and copies both ways between each client and a connection of
/// TLS to `to`, with the application protocol that the server chose.
///
/// It is rustls with tokio's own `copy_bidirectional` on a multi-thread runtime, with `TCP_NODELAY`
/// on both sides; leaves are made once, and nothing is resumed.
///
/// # Cancel safety
///
/// It accepts no more once dropped; connections that are open go on.
pub async fn bare(listener: TcpListener, to: SocketAddr, tls: Tls) {
    loop {
        // Out of descriptors: those that are in use come back.
        let Ok((client, _)) = listener.accept().await else { continue };
        let tls = tls.clone();
        tokio::spawn(async move {
            // Both ends see the end of the other.
            drop(join(client, to, tls).await);
        });
    }
}

async fn join(client: TcpStream, to: SocketAddr, tls: Tls) -> anyhow::Result<()> {
    client.set_nodelay(true)?;
    let start = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), client).await?;
    let hello = start.client_hello();
    let name = hello.server_name().unwrap_or_default().to_owned();
    let alpn = hello.alpn().into_iter().flatten().map(<[u8]>::to_vec).collect();
    let mut groups = hello.named_groups().into_iter().flatten();
    let hybrid = groups.any(|group| *group == NamedGroup::X25519MLKEM768);
    let Configs { client: config, mut server } = tls.configs(alpn, hybrid)?;
    let stream = TcpStream::connect(to).await?;
    stream.set_nodelay(true)?;
    let connector = TlsConnector::from(Arc::new(config));
    let mut origin = connector.connect(ServerName::try_from(name)?, stream).await?;
    let chosen = origin.get_ref().1.alpn_protocol();
    server.alpn_protocols = chosen.into_iter().map(<[u8]>::to_vec).collect();
    let mut client = start.into_stream(Arc::new(server)).await?;
    copy_bidirectional(&mut client, &mut origin).await?;
    Ok(())
}
