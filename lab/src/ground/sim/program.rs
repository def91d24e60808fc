//! How programs on a host in memory reach servers: directly, or into a trap.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::RootCertStore;
use sidestream_capture::{Association, Stream};

use super::capture::Trap;
use super::net::Net;
use crate::client::{Connect, Failed};
use crate::model::{Family, Program, Trouble};
use crate::wire::BoxFuture;

/// A program on a host.
pub(super) struct Running {
    pub(super) net: Net,
    pub(super) host: usize,
    pub(super) program: Program,
    pub(super) family: Family,
    pub(super) trap: Option<Trap>,
    /// Whom it trusts if it does not trust the proxy, and if it does.
    pub(super) roots: [Arc<RootCertStore>; 2],
}

impl Running {
    fn resolve(&self, host: &str, port: u16) -> Result<SocketAddr, Failed> {
        let found = self.net.resolve(host, self.family);
        let no_name = || Failed { trouble: Trouble::NoName, said: format!("no host {host}") };
        Ok(SocketAddr::new(found.ok_or_else(no_name)?, port))
    }
}

impl Connect for Running {
    fn family(&self) -> Family {
        self.family
    }

    fn connect<'a>(
        &'a self,
        host: &'a str,
        port: u16,
    ) -> BoxFuture<'a, Result<Box<dyn Stream>, Failed>> {
        Box::pin(async move {
            let server = self.resolve(host, port)?;
            if let Some(trap) = &self.trap {
                let client = self.net.client(self.host, server);
                if let Some(captured) = trap.connect(self.program, client, server).await {
                    return Ok(Box::new(captured?) as Box<dyn Stream>);
                }
            }
            Ok(Box::new(self.net.connect(self.host, server).await?) as Box<dyn Stream>)
        })
    }

    fn associate<'a>(
        &'a self,
        host: &'a str,
        port: u16,
    ) -> BoxFuture<'a, Result<Box<dyn Association>, Failed>> {
        Box::pin(async move {
            let server = self.resolve(host, port)?;
            if let Some(trap) = &self.trap {
                let client = self.net.client(self.host, server);
                if let Some(captured) = trap.associate(self.program, client, server) {
                    return Ok(Box::new(captured) as Box<dyn Association>);
                }
            }
            Ok(Box::new(self.net.associate(self.host, server)?) as Box<dyn Association>)
        })
    }

    fn roots(&self, trusts_proxy: bool) -> Result<Arc<RootCertStore>, Failed> {
        Ok(Arc::clone(&self.roots[usize::from(trusts_proxy)]))
    }
}
