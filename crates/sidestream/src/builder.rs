//! Putting the parts together.

use std::fmt;
use std::sync::Arc;

use sidestream_ca::Authority;
use sidestream_capture::{Capture, Dial, Direct};
use sidestream_explicit::socks::Credentials;
use sidestream_flow::Ids;
use sidestream_proxy::{
    Connections, CrlUrl, Hook, HostRules, HttpVersions, Passing, Proxy, ProxyAuth, Reverse, Stop,
    TlsError, TlsOptions, UpstreamTrust,
};
use sidestream_record::Sink;

use crate::Handle;

/// A proxy, ready to serve drivers.
#[derive(Clone, Debug)]
pub struct Sidestream {
    proxy: Proxy,
}

impl Sidestream {
    /// Begins to put a proxy together whose leaves that authority issues.
    pub fn builder(authority: Arc<Authority>) -> Builder {
        Builder {
            authority,
            trust: UpstreamTrust::default(),
            tls: TlsOptions::default(),
            hosts: HostRules::default(),
            http: HttpVersions::default(),
            connections: Connections::default(),
            wire: false,
            proxy_auth: None,
            reverse: None,
            crl: None,
            passing: Passing::default(),
            dial: Arc::new(Direct::default()),
            sinks: Vec::new(),
            ids: Ids::default(),
            hook: None,
        }
    }

    /// Says what is passed as it is, of the flows that begin from now on: the root may come to be
    /// trusted while it runs.
    pub fn set_passing(&self, passing: Passing) {
        self.proxy.set_passing(passing);
    }

    /// Serves what the driver captures, in a task of its own.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn serve(&self, capture: Box<dyn Capture>) -> Handle {
        let (stopper, stop) = Stop::new();
        let proxy = self.proxy.clone();
        let task = tokio::spawn(async move { proxy.serve(capture, stop).await });
        Handle::new(stopper, task)
    }
}

/// What a [`Sidestream`] is put together from.
#[derive(Clone)]
pub struct Builder {
    authority: Arc<Authority>,
    trust: UpstreamTrust,
    tls: TlsOptions,
    hosts: HostRules,
    http: HttpVersions,
    connections: Connections,
    wire: bool,
    proxy_auth: Option<Credentials>,
    reverse: Option<Reverse>,
    crl: Option<CrlUrl>,
    passing: Passing,
    dial: Arc<dyn Dial>,
    sinks: Vec<Arc<dyn Sink>>,
    ids: Ids,
    hook: Option<Arc<dyn Hook>>,
}

impl Builder {
    /// Says which servers are trusted; by default those that the machine trusts.
    #[must_use]
    pub fn trust(self, trust: UpstreamTrust) -> Self {
        Self { trust, ..self }
    }

    /// Says what looks at exchanges on their way, and may change them; by default nothing.
    #[must_use]
    pub fn hook(self, hook: Option<Arc<dyn Hook>>) -> Self {
        Self { hook, ..self }
    }

    /// Says how TLS is spoken; by default with each side as the other one speaks it.
    #[must_use]
    pub fn tls(self, tls: TlsOptions) -> Self {
        Self { tls, ..self }
    }

    /// Says which hosts are passed as they are, or treated as bytes; by default none.
    #[must_use]
    pub fn hosts(self, hosts: HostRules) -> Self {
        Self { hosts, ..self }
    }

    /// Says which version of HTTP each side speaks; by default the same, if it can be.
    #[must_use]
    pub fn http(self, http: HttpVersions) -> Self {
        Self { http, ..self }
    }

    /// Says when servers are connected with, and for how many flows; by default as each flow
    /// begins, and for that alone.
    #[must_use]
    pub fn connections(self, connections: Connections) -> Self {
        Self { connections, ..self }
    }

    /// Says whether all that goes over each leg is recorded as it is on the wire, and with what it
    /// is decrypted; by default it is not. Connections must not be shared then.
    #[must_use]
    pub fn wire(self, wire: bool) -> Self {
        Self { wire, ..self }
    }

    /// Says what clients have to give that use us as a proxy of HTTP; by default everybody is
    /// served.
    #[must_use]
    pub fn proxy_auth(self, credentials: Option<Credentials>) -> Self {
        Self { proxy_auth: credentials, ..self }
    }

    /// Says which server clients take us for; by default they know that we are a proxy, or not that
    /// there is one.
    #[must_use]
    pub fn reverse(self, reverse: Reverse) -> Self {
        Self { reverse: Some(reverse), ..self }
    }

    /// Says where clients find the list of revoked certificates, as
    /// [`Inside::crl_url`](crate::Inside::crl_url) has it; by default leaves tell of none.
    #[must_use]
    pub fn crl(self, crl: Option<CrlUrl>) -> Self {
        Self { crl, ..self }
    }

    /// Says what is passed as it is; by default nothing, beside what the spec leaves out.
    #[must_use]
    pub fn passing(self, passing: Passing) -> Self {
        Self { passing, ..self }
    }

    /// Says how servers are reached; by default from where this process is.
    #[must_use]
    pub fn dial(self, dial: Arc<dyn Dial>) -> Self {
        Self { dial, ..self }
    }

    /// Adds one that everything is recorded to.
    #[must_use]
    pub fn sink(mut self, sink: Arc<dyn Sink>) -> Self {
        self.sinks.push(sink);
        self
    }

    /// Says where ids come from, as when a session is continued; by default they count from 1.
    #[must_use]
    pub fn ids(self, ids: Ids) -> Self {
        Self { ids, ..self }
    }

    /// Puts the proxy together.
    ///
    /// # Errors
    ///
    /// What is trusted cannot be used.
    pub fn build(self) -> Result<Sidestream, TlsError> {
        let Self { authority, trust, tls, hosts, http, passing, dial, sinks, ids, hook, .. } = self;
        let mut config = sidestream_proxy::config(&trust)?;
        config.hosts = hosts;
        config.http = http;
        config.connections = self.connections;
        config.wire = self.wire;
        tls.apply(&mut config);
        config.reverse = self.reverse.map(Arc::new);
        config.proxy_auth = self.proxy_auth.map(|credentials| {
            Arc::new(match credentials.is_slow() {
                true => ProxyAuth::slow(move |user, password| {
                    let credentials = credentials.clone();
                    async move { credentials.verify(user, password).await }
                }),
                false => ProxyAuth::new(move |user, password| {
                    credentials.are(user, password).unwrap_or(false)
                }),
            })
        });
        let proxy = Proxy::new(config, authority, dial, Arc::new(sinks), ids);
        proxy.set_certs(tls.certs);
        proxy.set_crl(self.crl);
        proxy.set_passing(passing);
        proxy.set_hook(hook);
        Ok(Sidestream { proxy })
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { trust, tls, hosts, http, reverse, passing, ids, sinks, .. } = self;
        f.debug_struct("Builder")
            .field("trust", trust)
            .field("tls", tls)
            .field("hosts", hosts)
            .field("http", http)
            .field("reverse", reverse)
            .field("passing", passing)
            .field("ids", ids)
            .field("sinks", &sinks.len())
            .finish_non_exhaustive()
    }
}
