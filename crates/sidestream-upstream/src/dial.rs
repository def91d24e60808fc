//! Reaching servers through a proxy.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use sidestream_capture::{
    BoxFuture, Dial, Dialed, DialedAssociation, Egress, FlowInfo, Stream, Target,
};
use sidestream_flow::Redacted;
use sidestream_record::{DialFailure, Forwards, ProxyFailure, Via};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tracing::{debug, warn};

use crate::association::Relayed;
use crate::hop::{self, HopError};
use crate::socks5::{Command, encode_datagram_header};
use crate::stream::Tls;
use crate::{Scheme, Server};

/// The port of DNS.
const DNS: u16 = 53;

/// What becomes of datagrams that the proxy does not carry: an HTTP proxy none at all, a SOCKS5
/// proxy none if it has no UDP ASSOCIATE.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Datagrams {
    /// All of them go to their servers past the proxy.
    Direct,
    /// DNS goes to its servers past the proxy, as without it most programs reach nobody; all else
    /// is refused.
    #[default]
    Dns,
    /// All of them are refused.
    Refuse,
}

/// Reaches servers through a proxy, which it reaches as another [`Dial`] does.
pub struct Upstream {
    server: Server,
    name: Arc<str>,
    inner: Arc<dyn Dial>,
    tls: Arc<ClientConfig>,
    datagrams: Datagrams,
    keeps_loopback: bool,
    timeout: Duration,
    /// The proxy has said that it carries no datagrams.
    has_no_datagrams: AtomicBool,
    is_told: AtomicBool,
}

/// A connection with the proxy.
struct Hop {
    stream: Box<dyn Stream>,
    addr: SocketAddr,
}

impl Upstream {
    /// Makes one for that proxy, which is itself reached by `inner`, from where this process is;
    /// `tls` says which certificates it may have.
    pub fn new(server: Server, inner: Arc<dyn Dial>, tls: Arc<ClientConfig>) -> Self {
        Self {
            name: server.to_string().into(),
            server,
            inner,
            tls,
            datagrams: Datagrams::default(),
            keeps_loopback: false,
            timeout: Duration::from_secs(30),
            has_no_datagrams: AtomicBool::new(false),
            is_told: AtomicBool::new(false),
        }
    }

    /// Says what becomes of datagrams that the proxy does not carry.
    #[must_use]
    pub fn with_datagrams(self, datagrams: Datagrams) -> Self {
        Self { datagrams, ..self }
    }

    /// Reaches addresses of loopback past the proxy: what programs of this machine call that is
    /// this machine, and not the proxy's.
    #[must_use]
    pub fn with_loopback_kept(self) -> Self {
        Self { keeps_loopback: true, ..self }
    }

    /// Says how long the proxy may take, from the first byte that it is sent until it leads to a
    /// server. 30 s by default.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    fn is_kept(&self, target: &Target) -> bool {
        let Target::Addr(addr) = target else { return false };
        self.keeps_loopback && addr.ip().to_canonical().is_loopback()
    }

    fn failed(&self, failure: ProxyFailure) -> DialFailure {
        DialFailure::Proxy { proxy: self.name.to_string(), failure }
    }

    fn told(&self, error: HopError) -> DialFailure {
        match error {
            HopError::Denied(failure) | HopError::Proxy(failure) => self.failed(failure),
            HopError::NoDatagrams => self.failed(ProxyFailure::NoDatagrams),
            HopError::Server(failure) => failure,
        }
    }

    fn via(&self, forwards: Option<Forwards>) -> Option<Via> {
        Some(Via { proxy: Arc::clone(&self.name), forwards })
    }

    fn forwards(&self, refusal: Option<DialFailure>) -> Forwards {
        let credentials = self.server.credentials.as_ref();
        Forwards {
            authorization: credentials.map(|it| Redacted(it.basic().into())),
            unauthorized: self.failed(ProxyFailure::Unauthorized),
            refusal,
        }
    }

    /// Connects with the proxy: from where this process is, wherever the flow comes from.
    async fn hop(&self, flow: &FlowInfo) -> Result<Hop, DialFailure> {
        let flow = FlowInfo { egress: Egress::default(), ..flow.clone() };
        let dialed = self.inner.dial(&flow, &self.server.target()).await;
        let unreached = |failure| self.failed(ProxyFailure::Unreached { reason: words(&failure) });
        let Dialed { stream, addr, .. } = dialed.map_err(unreached)?;
        if self.server.scheme != Scheme::Https {
            return Ok(Hop { stream, addr });
        }
        let failed = |reason: String| self.failed(ProxyFailure::Tls { reason });
        let name = ServerName::try_from(self.server.host.clone());
        let name = name.map_err(|error| failed(error.to_string()))?;
        let connecting = TlsConnector::from(Arc::clone(&self.tls)).connect(name, stream);
        match timeout(self.timeout, connecting).await {
            Ok(Ok(stream)) => Ok(Hop { stream: Box::new(Tls(stream)), addr }),
            Ok(Err(error)) => Err(failed(error.to_string())),
            Err(_elapsed) => Err(self.failed(ProxyFailure::TimedOut)),
        }
    }

    async fn tunnel(&self, flow: &FlowInfo, target: &Target) -> Result<Dialed, DialFailure> {
        let Hop { mut stream, .. } = self.hop(flow).await?;
        let credentials = self.server.credentials.as_ref();
        let tunneled = timeout(self.timeout, async {
            if self.server.scheme == Scheme::Socks5 {
                hop::socks5(&mut *stream, Command::Connect, target, credentials).await?;
                return Ok(stream);
            }
            hop::connect(stream, target, credentials).await
        });
        match tunneled.await {
            Ok(Ok(stream)) => Ok(Dialed { stream, addr: addr_of(target), via: self.via(None) }),
            // Many let CONNECT be for the port of HTTPS alone.
            Ok(Err(HopError::Denied(failure))) if may_be_http(target) => {
                debug!(?failure, "no tunnel, only requests");
                self.forwarding(flow, target, Some(self.failed(failure))).await
            }
            Ok(Err(error)) => Err(self.told(error)),
            Err(_elapsed) => Err(self.failed(ProxyFailure::TimedOut)),
        }
    }

    /// Connects with the proxy for requests in absolute form.
    async fn forwarding(
        &self,
        flow: &FlowInfo,
        target: &Target,
        refusal: Option<DialFailure>,
    ) -> Result<Dialed, DialFailure> {
        let Hop { stream, .. } = self.hop(flow).await?;
        let via = self.via(Some(self.forwards(refusal)));
        Ok(Dialed { stream, addr: addr_of(target), via })
    }

    async fn relay(
        &self,
        flow: &FlowInfo,
        target: &Target,
    ) -> Result<DialedAssociation, DialFailure> {
        let header = encode_datagram_header(target).or(Err(DialFailure::Unreachable))?;
        let Hop { stream: mut control, addr: proxy } = self.hop(flow).await?;
        let anywhere = Target::Addr((Ipv4Addr::UNSPECIFIED, 0).into());
        let credentials = self.server.credentials.as_ref();
        let asking = hop::socks5(&mut *control, Command::Associate, &anywhere, credentials);
        let bound = match timeout(self.timeout, asking).await {
            Ok(Ok(bound)) => bound,
            Ok(Err(error)) => {
                if matches!(error, HopError::NoDatagrams) {
                    self.has_no_datagrams.store(true, Ordering::Relaxed);
                }
                return Err(self.told(error));
            }
            Err(_elapsed) => return Err(self.failed(ProxyFailure::TimedOut)),
        };
        let relay = match bound {
            // It is where the proxy is.
            Target::Addr(addr) if addr.ip().is_unspecified() => {
                Target::Addr((proxy.ip(), addr.port()).into())
            }
            bound => bound,
        };
        let own = FlowInfo { egress: Egress::default(), ..flow.clone() };
        let relay = self.inner.associate(&own, &relay).await?.association;
        let association = Box::new(Relayed::new(control, relay, target.clone(), header));
        Ok(DialedAssociation { association, addr: addr_of(target), via: self.via(None) })
    }

    /// Does with datagrams what was chosen for those that the proxy does not carry.
    async fn past(
        &self,
        flow: &FlowInfo,
        target: &Target,
    ) -> Result<DialedAssociation, DialFailure> {
        let is_direct = match self.datagrams {
            Datagrams::Direct => true,
            Datagrams::Dns => port(target) == DNS,
            Datagrams::Refuse => false,
        };
        if is_direct {
            return self.inner.associate(flow, target).await;
        }
        if !self.is_told.swap(true, Ordering::Relaxed) {
            warn!(proxy = %self.name, "datagrams are refused, for the proxy carries none");
        }
        Err(self.failed(ProxyFailure::NoDatagrams))
    }
}

impl Dial for Upstream {
    fn dial<'a>(
        &'a self,
        flow: &'a FlowInfo,
        target: &'a Target,
    ) -> BoxFuture<'a, Result<Dialed, DialFailure>> {
        if self.is_kept(target) {
            return self.inner.dial(flow, target);
        }
        Box::pin(self.tunnel(flow, target))
    }

    fn dial_http<'a>(
        &'a self,
        flow: &'a FlowInfo,
        target: &'a Target,
    ) -> BoxFuture<'a, Result<Dialed, DialFailure>> {
        match self.server.scheme {
            Scheme::Socks5 => self.dial(flow, target),
            _ if self.is_kept(target) => self.inner.dial_http(flow, target),
            Scheme::Http | Scheme::Https => Box::pin(self.forwarding(flow, target, None)),
        }
    }

    fn associate<'a>(
        &'a self,
        flow: &'a FlowInfo,
        target: &'a Target,
    ) -> BoxFuture<'a, Result<DialedAssociation, DialFailure>> {
        if self.is_kept(target) {
            return self.inner.associate(flow, target);
        }
        Box::pin(async move {
            let carries = self.server.scheme == Scheme::Socks5;
            if carries && !self.has_no_datagrams.load(Ordering::Relaxed) {
                let relayed = self.relay(flow, target).await;
                if relayed.is_ok() || !self.has_no_datagrams.load(Ordering::Relaxed) {
                    return relayed;
                }
            }
            self.past(flow, target).await
        })
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, datagrams, keeps_loopback, .. } = self;
        f.debug_struct("Upstream")
            .field("proxy", name)
            .field("datagrams", datagrams)
            .field("keeps_loopback", keeps_loopback)
            .finish_non_exhaustive()
    }
}

/// Returns the address of a server, as far as it is known here.
fn addr_of(target: &Target) -> SocketAddr {
    match target {
        Target::Addr(addr) => *addr,
        Target::Name(_, port) => (IpAddr::V4(Ipv4Addr::UNSPECIFIED), *port).into(),
    }
}

const fn port(target: &Target) -> u16 {
    match target {
        Target::Addr(addr) => addr.port(),
        Target::Name(_, port) => *port,
    }
}

/// Returns whether plain HTTP may be spoken there: of the ports that have a protocol of their own,
/// on that of HTTP alone.
const fn may_be_http(target: &Target) -> bool {
    matches!(port(target), 80 | 1024..)
}

/// Words why the proxy itself was not reached.
fn words(failure: &DialFailure) -> String {
    match failure {
        DialFailure::Refused => "it refused the connection".into(),
        DialFailure::Unreachable => "no route leads to it".into(),
        DialFailure::TimedOut => "it did not answer the connection in time".into(),
        other => other.to_string(),
    }
}
