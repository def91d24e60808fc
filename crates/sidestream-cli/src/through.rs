//! The proxy through which servers are reached, where the user has set one.

use std::sync::Arc;

use rustls::ClientConfig;
use sidestream::capture::{Dial, Direct};
use sidestream::proxy::{TlsError, UpstreamTrust, own_client};
use sidestream::upstream::{Credentials, Datagrams, Scheme, Server, Upstream};

use crate::print::Detail;
use crate::say::say;
use crate::settings::Settings;

/// The proxy through which servers are reached, if any.
#[derive(Clone, Debug)]
pub struct Through {
    server: Option<Server>,
    auth: Option<Credentials>,
    datagrams: Datagrams,
    tls: Arc<ClientConfig>,
    direct: Direct,
}

impl Through {
    /// Takes what the user has set; the proxy's certificate is judged as those of servers are.
    ///
    /// # Errors
    ///
    /// What is trusted cannot be used.
    pub fn of(settings: &Settings, trust: &UpstreamTrust) -> Result<Self, TlsError> {
        let mut tls = own_client(trust)?;
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            server: settings.upstream.clone(),
            auth: settings.upstream_auth.clone(),
            datagrams: settings.upstream_udp,
            tls: Arc::new(tls),
            direct: Direct { source: settings.connect_addr, ..Direct::default() },
        })
    }

    /// Takes another proxy.
    #[must_use]
    pub fn with_server(self, server: Server) -> Self {
        Self { server: Some(server), ..self }
    }

    /// Returns whether there is a proxy.
    pub const fn is_set(&self) -> bool {
        self.server.is_some()
    }

    /// Reaches servers as that dialler does, through the proxy.
    pub fn around(&self, dial: Arc<dyn Dial>) -> Arc<dyn Dial> {
        match self.upstream(&dial) {
            Some(upstream) => Arc::new(upstream),
            None => dial,
        }
    }

    /// The same for programs of this machine, to which loopback is this machine; where an address
    /// to leave from was chosen, that holds.
    pub fn around_local(&self, dial: Arc<dyn Dial>) -> Arc<dyn Dial> {
        let dial: Arc<dyn Dial> = match self.direct.source {
            Some(_) => Arc::new(self.direct),
            None => dial,
        };
        match self.upstream(&dial) {
            Some(upstream) => Arc::new(upstream.with_loopback_kept()),
            None => dial,
        }
    }

    /// Reaches servers from where this process is, through the proxy.
    pub fn direct(&self) -> Arc<dyn Dial> {
        self.around(Arc::new(self.direct))
    }

    fn upstream(&self, dial: &Arc<dyn Dial>) -> Option<Upstream> {
        let mut server = self.server.clone()?;
        server.credentials = server.credentials.or_else(|| self.auth.clone());
        let upstream = Upstream::new(server, Arc::clone(dial), Arc::clone(&self.tls));
        Some(upstream.with_datagrams(self.datagrams))
    }

    /// Tells where traffic leaves, and what of it does not leave there.
    pub fn tell(&self, detail: Detail) {
        let Some(server) = self.server.as_ref().filter(|_| detail > Detail::Quiet) else { return };
        let carries = server.scheme == Scheme::Socks5;
        let past = match self.datagrams {
            Datagrams::Direct => "UDP leaves past it",
            Datagrams::Dns => "of UDP, DNS leaves past it, and the rest is refused",
            Datagrams::Refuse => "UDP is refused",
        };
        match carries {
            true => {
                say(format_args!("servers are reached through {server}; without UDP there, {past}"))
            }
            false => {
                say(format_args!("servers are reached through {server}; {past} (--upstream-udp)"))
            }
        }
    }
}
