//! HTTP/1 on one side, HTTP/2 on the other: two ends of our own, joined by exchanges.
//!
//! What one version says and the other has no words for is dropped where it speaks of a
//! connection, and refused where dropping it would change the message.

pub(crate) mod body;
mod from_http1;
mod from_http2;
mod reason;
pub(crate) mod request;
pub(crate) mod response;
mod upgrade;
pub(crate) mod words;

use rustls::pki_types::ServerName;
use sidestream_flow::{ExchangeId, Peer};
use sidestream_record::Failure;

use self::from_http1::FromHttp1;
use self::from_http2::FromHttp2;
use crate::cx::Cx;
use crate::http2::{ErrorCode, Malformed};
use crate::layer::{Next, Told};
use crate::websocket::{InjectError, Injection};

/// What may wait for a stream's window, or from a side that is not being read.
const HIGH_WATER: usize = 64 * 1024;

pub(crate) enum Translate {
    FromHttp1(Box<FromHttp1>),
    FromHttp2(Box<FromHttp2>),
}

impl Translate {
    /// A client that speaks HTTP/1, and a server that speaks HTTP/2.
    pub(crate) fn from_http1(server: u32, secure: bool, cx: &mut Cx) -> Self {
        Self::FromHttp1(Box::new(FromHttp1::new(server, secure, cx)))
    }

    /// A client that speaks HTTP/2, and a server that speaks HTTP/1, of which more connections
    /// are opened under that name.
    pub(crate) fn from_http2(server: u32, name: Option<Name>, cx: &mut Cx) -> Self {
        Self::FromHttp2(Box::new(FromHttp2::new(server, name, cx)))
    }

    pub(crate) fn wants(&self, peer: Peer) -> bool {
        match self {
            Self::FromHttp1(layer) => layer.wants(peer),
            Self::FromHttp2(layer) => layer.wants(peer),
        }
    }

    pub(crate) fn handle(&mut self, told: Told, cx: &mut Cx) -> Next {
        match self {
            Self::FromHttp1(layer) => layer.handle(told, cx),
            Self::FromHttp2(layer) => layer.handle(told, cx),
        }
    }

    /// Returns whether it sees to it that little waits for each server.
    pub(crate) const fn paces(&self) -> bool {
        matches!(self, Self::FromHttp2(_))
    }

    /// All that was sent to a server is written.
    pub(crate) fn drained(&mut self, peer: Peer, cx: &mut Cx) {
        if let (Self::FromHttp2(layer), Peer::Server(server)) = (self, peer) {
            layer.drained(server, cx);
        }
    }

    /// Sends a message of the user's own to a peer in a WebSocket.
    pub(crate) fn inject(
        &mut self,
        exchange: ExchangeId,
        to: Peer,
        injection: Injection,
        cx: &mut Cx,
    ) -> Result<(), InjectError> {
        match self {
            Self::FromHttp1(layer) => layer.inject(exchange, to, injection, cx),
            Self::FromHttp2(layer) => layer.inject(exchange, to, injection, cx),
        }
    }

    pub(crate) fn end(&mut self, failure: Option<&Failure>, cx: &mut Cx) {
        match self {
            Self::FromHttp1(layer) => layer.end(failure, cx),
            Self::FromHttp2(layer) => layer.end(failure, cx),
        }
    }
}

/// The name by which a server's certificate is judged.
#[derive(Clone, Debug)]
pub(crate) struct Name {
    pub(crate) name: ServerName<'static>,
    /// It is also sent to the server.
    pub(crate) sent: bool,
}

impl Name {
    /// Reads a host, as a name or an address; it is sent to the server.
    pub(crate) fn of(host: &str) -> Option<Self> {
        let name = ServerName::try_from(host.to_owned()).ok()?;
        Some(Self { name, sent: true })
    }
}

/// Says of a peer what it sent that it must not.
pub(crate) fn failure(peer: Peer, fault: Malformed) -> Failure {
    if fault.code == ErrorCode::ENHANCE_YOUR_CALM {
        Failure::Limit { peer, what: fault.what.into() }
    } else {
        malformed(peer, fault.what)
    }
}

fn malformed(peer: Peer, what: &str) -> Failure {
    Failure::Malformed { peer, reason: what.into() }
}
