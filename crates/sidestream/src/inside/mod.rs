//! What clients find inside: the page for the root, and DNS.

mod asking;
mod closed;
mod local;
mod page;
mod pipelining;
mod resolvers;
mod revocations;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use sidestream_ca::Authority;
use sidestream_capture::{BoxFuture, Dial, Dialed, DialedAssociation, FlowInfo, Stream, Target};
use sidestream_onboarding::{HOST, Names, Site};
use sidestream_proxy::CrlUrl;
use sidestream_record::DialFailure;
use sidestream_tunnel::{Echo, Ping};

use closed::Closed;
use page::Page;
use revocations::Revocations;

pub use resolvers::Resolvers;

/// The port of the page.
const HTTP: u16 = 80;
/// The port of DNS.
const DNS: u16 = 53;

/// Answers inside what is meant for ourselves, and reaches everyone else as another [`Dial`] does.
///
/// Clients that name their servers to the proxy find the page for the root at
/// <http://sidestream.internal>. Those behind a tunnel find it, and DNS, at the addresses that are
/// the tunnel's own: the page's name is answered there, and other names by the machine's
/// resolvers. Anything else at these addresses is refused. All of it is a flow like any other, and
/// recorded as such.
#[derive(Clone)]
pub struct Inside {
    dial: Arc<dyn Dial>,
    own: Arc<[IpAddr]>,
    names: Arc<Names>,
    page: Page,
    page_at: Option<SocketAddr>,
    resolvers: Arc<Resolvers>,
}

/// Who answers.
enum Service {
    Dns,
    Elsewhere,
    Nobody,
    Page,
}

impl Inside {
    /// Makes one whose page is found by its name alone, and that reaches all else by `dial`.
    pub fn new(dial: Arc<dyn Dial>, site: Arc<Site>) -> Self {
        Self {
            dial,
            own: Arc::new([]),
            names: Arc::new(Names::new(&[])),
            page: Page::new(site),
            page_at: None,
            resolvers: Arc::default(),
        }
    }

    /// Also answers at these addresses, which are nobody else's.
    #[must_use]
    pub fn with_addresses(self, own: &[IpAddr]) -> Self {
        Self { own: own.into(), names: Arc::new(Names::new(own)), ..self }
    }

    /// Also shows the page at this one address, for programs whose names are looked up elsewhere.
    #[must_use]
    pub fn with_page_at(self, addr: SocketAddr) -> Self {
        Self { page_at: Some(addr), ..self }
    }

    /// Also answers with the list of certificates that this authority revoked, which must be that of
    /// the page: it is empty, and signed anew whenever the last comes near its end.
    #[must_use]
    pub fn with_crl(self, authority: Arc<Authority>) -> Self {
        let page = self.page.clone().with_revocations(Revocations::new(authority));
        Self { page, ..self }
    }

    /// Returns where clients find that list, as leaves are to tell them; nowhere unless
    /// [`with_crl`](Self::with_crl) was called with a root that signs one.
    ///
    /// An address is told rather than the name, as that needs no resolver of the client's.
    pub fn crl_url(&self) -> Option<CrlUrl> {
        let path = self.page.crl_path()?;
        let own = self.own.iter().find(|ip| ip.is_ipv4()).or_else(|| self.own.first());
        let at = self.page_at.or_else(|| own.map(|ip| SocketAddr::new(*ip, HTTP)));
        Some(match at {
            Some(at) if at.port() == HTTP && at.is_ipv4() => {
                CrlUrl::Everyone(format!("http://{}{path}", at.ip()).into())
            }
            Some(at) => CrlUrl::Everyone(format!("http://{at}{path}").into()),
            None => CrlUrl::Naming(format!("http://{HOST}{path}").into()),
        })
    }

    /// Says who is asked for the names of others; by default whom this machine asks.
    #[must_use]
    pub fn with_resolvers(self, resolvers: Resolvers) -> Self {
        Self { resolvers: Arc::new(resolvers), ..self }
    }

    /// Answers pings to the own addresses, and asks `others` for everyone else.
    pub fn pings(&self, others: Arc<Ping>) -> Arc<Ping> {
        let own = Arc::clone(&self.own);
        Arc::new(move |server, payload| {
            if own.contains(&server) {
                return Box::pin(std::future::ready(Echo::Replied));
            }
            others(server, payload)
        })
    }

    fn service(&self, target: &Target) -> Service {
        let port = match target {
            Target::Name(host, port) if is_page(host) => *port,
            Target::Addr(addr) if self.is_page_at(*addr) => return Service::Page,
            Target::Addr(addr) if self.own.contains(&addr.ip().to_canonical()) => addr.port(),
            Target::Addr(_) | Target::Name(..) => return Service::Elsewhere,
        };
        match port {
            HTTP => Service::Page,
            // By name there is nothing to be asked that is not known yet.
            DNS if matches!(target, Target::Addr(_)) => Service::Dns,
            _ => Service::Nobody,
        }
    }

    fn is_page_at(&self, addr: SocketAddr) -> bool {
        let addr = SocketAddr::new(addr.ip().to_canonical(), addr.port());
        self.page_at == Some(addr)
    }

    /// Connects to the page, which is where the client thinks it is, or where we are.
    fn page(&self, flow: &FlowInfo, target: &Target) -> Result<Dialed, DialFailure> {
        let addr = match target {
            Target::Addr(addr) => *addr,
            Target::Name(_, port) => SocketAddr::new(flow.key.server.ip(), *port),
        };
        let stream: Box<dyn Stream> = Box::new(self.page.connect()?);
        Ok(Dialed { stream, addr, via: None })
    }

    /// Returns whom to ask, the one that answered last first.
    fn resolvers(&self) -> Vec<SocketAddr> {
        let mut found = self.resolvers.list();
        // They would ask us, and we them.
        found.retain(|resolver| !self.own.contains(&resolver.ip().to_canonical()));
        found
    }
}

impl Dial for Inside {
    fn dial<'a>(
        &'a self,
        flow: &'a FlowInfo,
        target: &'a Target,
    ) -> BoxFuture<'a, Result<Dialed, DialFailure>> {
        match self.service(target) {
            Service::Elsewhere => self.dial.dial(flow, target),
            Service::Page => Box::pin(std::future::ready(self.page(flow, target))),
            Service::Nobody => Box::pin(std::future::ready(Err(DialFailure::Refused))),
            Service::Dns => Box::pin(pipelining::dial(self, flow)),
        }
    }

    fn dial_http<'a>(
        &'a self,
        flow: &'a FlowInfo,
        target: &'a Target,
    ) -> BoxFuture<'a, Result<Dialed, DialFailure>> {
        match self.service(target) {
            Service::Elsewhere => self.dial.dial_http(flow, target),
            _ => self.dial(flow, target),
        }
    }

    fn associate<'a>(
        &'a self,
        flow: &'a FlowInfo,
        target: &'a Target,
    ) -> BoxFuture<'a, Result<DialedAssociation, DialFailure>> {
        match self.service(target) {
            Service::Elsewhere => self.dial.associate(flow, target),
            Service::Page | Service::Nobody => {
                let addr = match target {
                    Target::Addr(addr) => *addr,
                    Target::Name(_, port) => SocketAddr::new(flow.key.server.ip(), *port),
                };
                let association = Box::new(Closed::default());
                Box::pin(std::future::ready(Ok(DialedAssociation { association, addr, via: None })))
            }
            Service::Dns => Box::pin(std::future::ready(Ok(asking::associate(self, flow)))),
        }
    }
}

impl fmt::Debug for Inside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { own, resolvers, .. } = self;
        f.debug_struct("Inside")
            .field("own", own)
            .field("resolvers", resolvers)
            .finish_non_exhaustive()
    }
}

/// Returns whether a name is the page's, written in whatever way.
fn is_page(host: &str) -> bool {
    host.strip_suffix('.').unwrap_or(host).eq_ignore_ascii_case(HOST)
}
