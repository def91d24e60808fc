//! What a machine is told at its start.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sidestream_flow::{FlowKey, Ids};
use sidestream_record::Point;

use crate::hooks::{self, ConnectFate, Interest};
use crate::tls::{Certificates, Downstream, NoTickets, Tickets, Unshared, Upstream};
use crate::{
    HostRules, HttpVersions, PassRules, ProxyAuth, Reverse, endpoint, http1, http2, websocket,
};

/// What all flows of a proxy have in common.
#[derive(Clone)]
pub struct Config {
    /// How servers are spoken to over TLS.
    pub upstream_tls: Upstream,
    /// How clients are answered over TLS.
    pub client_tls: Downstream,
    /// What keeps tickets, by which TLS is resumed. None are kept by default.
    pub tickets: Arc<dyn Tickets>,
    /// Makes of certificates what is recorded. Nothing is shared by default.
    pub certificates: Arc<dyn Certificates>,
    /// The points at which every exchange is held until [`Conn::resume`](crate::Conn::resume).
    pub hold: Vec<Point>,
    /// What hooks want to see; nothing by default.
    pub hooks: Option<Arc<dyn Interest>>,
    /// When servers are connected with, and for how many flows.
    pub connections: Connections,
    /// What hooks may hold.
    pub hook_limits: hooks::Limits,
    /// Which hosts are passed as they are, or treated as bytes; none by default.
    pub hosts: HostRules,
    /// Which version of HTTP each side speaks; the same, if it can be, by default.
    pub http: HttpVersions,
    /// Who may use us as a proxy; everybody, if nobody is named.
    pub proxy_auth: Option<Arc<ProxyAuth>>,
    /// The one server of all flows, where clients take us for it.
    pub reverse: Option<Arc<Reverse>>,
    /// Limits of the HTTP/1 codec.
    pub http1: http1::Limits,
    /// Limits of HTTP/2 connections.
    pub http2: http2::Limits,
    /// Limits of HTTP/2 connections that end here, as those do that are translated.
    pub endpoint: endpoint::Limits,
    /// Limits of the WebSocket codec.
    pub websocket: websocket::Limits,
    /// How long things may take.
    pub timeouts: Timeouts,
    /// Whether all that goes over a leg is told as it is on the wire, and with what it is
    /// decrypted; not by default. Then nothing is left to the engine to be spliced.
    pub wire: bool,
}

impl Config {
    /// Makes a configuration that holds nothing, and has the default of all else.
    pub fn new(upstream_tls: Upstream, client_tls: Downstream) -> Self {
        Self {
            upstream_tls,
            client_tls,
            tickets: Arc::new(NoTickets),
            certificates: Arc::new(Unshared),
            hold: Vec::new(),
            hooks: None,
            connections: Connections::default(),
            hook_limits: hooks::Limits::default(),
            hosts: HostRules::default(),
            http: HttpVersions::default(),
            proxy_auth: None,
            reverse: None,
            http1: http1::Limits::default(),
            http2: http2::Limits::default(),
            endpoint: endpoint::Limits::default(),
            websocket: websocket::Limits::default(),
            timeouts: Timeouts::default(),
            wire: false,
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { hold, hooks, hosts, http, http1, http2, endpoint, websocket, timeouts, .. } =
            self;
        f.debug_struct("Config")
            .field("hold", hold)
            .field("hooks", hooks)
            .field("hosts", hosts)
            .field("http", http)
            .field("http1", http1)
            .field("http2", http2)
            .field("endpoint", endpoint)
            .field("websocket", websocket)
            .field("timeouts", timeouts)
            .finish_non_exhaustive()
    }
}

/// When servers are connected with, and for how many flows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connections {
    /// Once something is to be sent there, and the client is answered before. By default the
    /// client of a flow is answered as its server answers us.
    pub lazy: bool,
    /// A connection of HTTP/1 that one flow has left serves another of the same server, to which
    /// the same is spoken. By default each flow has its own.
    pub shared: bool,
}

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// How long the first bytes may leave the protocol undecided before the flow is passed raw.
    /// 1 s by default.
    pub sniff: Duration,
    /// How long a client of the proxy may take to begin its first request; then it is let go.
    /// 5 min by default. Later, and where no proxy is spoken to, a client may be silent as long
    /// as it likes.
    pub first_request: Duration,
    /// How long each TLS handshake may take. 30 s by default.
    pub handshake: Duration,
    /// How long the head of an HTTP/1 message may take from its first byte to its last; then the
    /// flow is passed raw, or, where the client speaks to the proxy, ended with 408 or 504. 60 s
    /// by default. What takes long to begin is waited for.
    pub head: Duration,
    /// How long a UDP flow may be silent before it is over. 60 s by default.
    pub udp_idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            sniff: Duration::from_secs(1),
            first_request: Duration::from_secs(300),
            handshake: Duration::from_secs(30),
            head: Duration::from_secs(60),
            udp_idle: Duration::from_secs(60),
        }
    }
}

/// What is known of one flow as it begins.
#[derive(Clone, Debug)]
pub struct Start {
    /// The five-tuple.
    pub key: FlowKey,
    /// Whether the client speaks to the proxy, so that its requests name their servers.
    pub named: bool,
    /// The name under which the client looked the server up, where that was seen.
    pub host: Option<String>,
    /// Where the ids of exchanges and messages come from.
    pub ids: Ids,
    /// When it is passed as it is.
    pub pass: PassRules,
    /// What hooks say of it, of a TCP flow that goes to its original destination.
    pub fate: ConnectFate,
}
