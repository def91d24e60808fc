//! Putting the parts together.

use std::fmt;
use std::sync::Arc;

use sidestream_ca::Authority;
use sidestream_capture::{Capture, Dial, Direct};
use sidestream_flow::Ids;
use sidestream_proxy::{HttpVersions, Passing, Proxy, Stop, TlsError, UpstreamTrust};
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
            http: HttpVersions::default(),
            passing: Passing::default(),
            dial: Arc::new(Direct::default()),
            sinks: Vec::new(),
            ids: Ids::default(),
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
    http: HttpVersions,
    passing: Passing,
    dial: Arc<dyn Dial>,
    sinks: Vec<Arc<dyn Sink>>,
    ids: Ids,
}

impl Builder {
    /// Says which servers are trusted; by default those that the machine trusts.
    #[must_use]
    pub fn trust(self, trust: UpstreamTrust) -> Self {
        Self { trust, ..self }
    }

    /// Says which version of HTTP each side speaks; by default the same, if it can be.
    #[must_use]
    pub fn http(self, http: HttpVersions) -> Self {
        Self { http, ..self }
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
        let Self { authority, trust, http, passing, dial, sinks, ids } = self;
        let mut config = sidestream_proxy::config(&trust)?;
        config.http = http;
        let proxy = Proxy::new(config, authority, dial, Arc::new(sinks), ids);
        proxy.set_passing(passing);
        Ok(Sidestream { proxy })
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { trust, http, passing, ids, sinks, .. } = self;
        f.debug_struct("Builder")
            .field("trust", trust)
            .field("http", http)
            .field("passing", passing)
            .field("ids", ids)
            .field("sinks", &sinks.len())
            .finish_non_exhaustive()
    }
}
