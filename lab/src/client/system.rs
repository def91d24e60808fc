//! Reaching servers by the sockets and the resolver of this system.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use rustls::RootCertStore;
use sidestream_capture::{Association, Stream, UdpSocket};
use tokio::net::{TcpStream, lookup_host};

use super::{Connect, Failed, Order, ask, roots};
use crate::model::{Answer, Family, Trouble};
use crate::wire::BoxFuture;

/// The sockets and the resolver of this system.
#[derive(Clone, Debug)]
pub struct System {
    family: Family,
    /// Whom it trusts, in PEM.
    roots: Option<PathBuf>,
}

/// Does what an [`Order`] in JSON says, by the sockets of this system.
///
/// # Errors
///
/// When it is no order; not for what came of the ask.
pub fn ask_here(order: &str) -> anyhow::Result<Answer> {
    let Order { ask: what, family } = serde_json::from_str(order).context("that is no order")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(ask(&System::new(family), &what)))
}

impl System {
    /// Asks over that family, and trusts whom the file in `SSL_CERT_FILE` names, as most programs
    /// do.
    #[must_use]
    pub fn new(family: Family) -> Self {
        Self { family, roots: std::env::var_os("SSL_CERT_FILE").map(PathBuf::from) }
    }

    /// Trusts whom that file names.
    #[must_use]
    pub fn with_roots(self, file: impl Into<PathBuf>) -> Self {
        Self { roots: Some(file.into()), ..self }
    }

    async fn resolve(&self, host: &str, port: u16) -> Result<SocketAddr, Failed> {
        let no_name = |error: &dyn ToString| Failed::new(Trouble::NoName, error.to_string());
        let mut found = lookup_host((host, port)).await.map_err(|error| no_name(&error))?;
        let wants_v6 = self.family == Family::V6;
        found.find(|addr| addr.is_ipv6() == wants_v6).ok_or_else(|| no_name(&"of that family"))
    }
}

impl Connect for System {
    fn family(&self) -> Family {
        self.family
    }

    fn connect<'a>(
        &'a self,
        host: &'a str,
        port: u16,
    ) -> BoxFuture<'a, Result<Box<dyn Stream>, Failed>> {
        Box::pin(async move {
            let stream = TcpStream::connect(self.resolve(host, port).await?).await?;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream) as Box<dyn Stream>)
        })
    }

    fn associate<'a>(
        &'a self,
        host: &'a str,
        port: u16,
    ) -> BoxFuture<'a, Result<Box<dyn Association>, Failed>> {
        Box::pin(async move {
            let socket = UdpSocket::connect(self.resolve(host, port).await?).await?;
            Ok(Box::new(socket) as Box<dyn Association>)
        })
    }

    fn roots(&self, _: bool) -> Result<Arc<RootCertStore>, Failed> {
        let Some(file) = &self.roots else {
            return Err(Failed::new(Trouble::Untrusted, "nobody is trusted: set SSL_CERT_FILE"));
        };
        Ok(Arc::new(roots(&std::fs::read_to_string(file)?)?))
    }
}
