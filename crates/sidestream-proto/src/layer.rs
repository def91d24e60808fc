//! The protocol that is spoken at the moment, and what it is told.

use std::sync::Arc;

use bytes::Bytes;
use rustls::sign::CertifiedKey;
use sidestream_flow::{ExchangeId, MessageId, Peer};
use sidestream_record::{DialFailure, Failure};

use crate::cx::Cx;
use crate::datagrams::Datagrams;
use crate::hooks::{MessageVerdict, Verdict};
use crate::http::Http;
use crate::mediated::Mediated;
use crate::multiplexed::Multiplexed;
use crate::raw::Raw;
use crate::secure::Secure;
use crate::sniff::Sniff;
use crate::timers::Timer;
use crate::translate::Translate;
use crate::websocket::WebSocket;

/// What a layer is told.
#[derive(Debug)]
pub(crate) enum Told {
    Data(Peer, Bytes),
    /// The peer sends no more; with TLS, whether it said so itself.
    Eof(Peer, bool),
    Established(Peer),
    Expired(Timer),
    Leaf(Result<Arc<CertifiedKey>, String>),
    MessageVerdict(MessageId, Box<MessageVerdict>),
    Opened(u32),
    OpenFailed(u32, DialFailure),
    Reset(Peer),
    Resumed(ExchangeId),
    Stop,
    TlsFailed(Peer, rustls::Error),
    Verdict(ExchangeId, Box<Verdict>),
}

/// What becomes of a layer.
pub(crate) enum Next {
    Stay,
    /// Another layer takes over, and is first told what this one had not used.
    Become(Box<Layer>, Vec<Told>),
    Fail(Failure),
    Finish,
}

impl Next {
    pub(crate) fn become_with(layer: Layer, replay: Vec<Told>) -> Self {
        Self::Become(Box::new(layer), replay)
    }
}

/// The protocol that is spoken at the moment, inside all that was opened around it.
pub(crate) enum Layer {
    Datagrams(Datagrams),
    Http(Box<Http>),
    Mediated(Box<Mediated>),
    Multiplexed(Box<Multiplexed>),
    Raw(Raw),
    Secure(Box<Secure>),
    Sniff(Sniff),
    Translate(Translate),
    WebSocket(Box<WebSocket>),
}

impl Layer {
    /// HTTP/2 on both sides: passed as sent, unless something may be held or changed.
    pub(crate) fn http2(server: u32, secure: bool, cx: &mut Cx) -> Self {
        let sets_host = cx.config.reverse.as_ref().is_some_and(|it| it.authority().is_some());
        let changes = cx.config.hooks.is_some() || sets_host || cx.guard().is_some();
        if cx.config.hold.is_empty() && !changes {
            Self::Multiplexed(Box::new(Multiplexed::new(server, secure, cx)))
        } else {
            Self::Mediated(Box::new(Mediated::new(server, secure, cx)))
        }
    }

    /// Returns whether it goes on without its server as long as nothing is sent there.
    pub(crate) const fn can_wait(&self) -> bool {
        matches!(self, Self::Http(_) | Self::Secure(_) | Self::Sniff(_))
    }

    pub(crate) fn handle(&mut self, told: Told, cx: &mut Cx) -> Next {
        match self {
            Self::Datagrams(layer) => layer.handle(told, cx),
            Self::Http(layer) => layer.handle(told, cx),
            Self::Mediated(layer) => layer.handle(told, cx),
            Self::Multiplexed(layer) => layer.handle(told, cx),
            Self::Raw(layer) => layer.handle(told, cx),
            Self::Secure(layer) => layer.handle(told, cx),
            Self::Sniff(layer) => layer.handle(told, cx),
            Self::Translate(layer) => layer.handle(told, cx),
            Self::WebSocket(layer) => layer.handle(told, cx),
        }
    }

    pub(crate) fn wants(&self, peer: Peer) -> bool {
        match self {
            Self::Datagrams(_) | Self::Multiplexed(_) | Self::Raw(_) => true,
            Self::WebSocket(layer) => layer.wants(peer),
            Self::Http(layer) => layer.wants(peer),
            Self::Mediated(layer) => layer.wants(peer),
            Self::Secure(layer) => layer.wants(peer),
            Self::Sniff(layer) => layer.wants(peer),
            Self::Translate(layer) => layer.wants(peer),
        }
    }

    pub(crate) fn end(&mut self, failure: Option<&Failure>, cx: &mut Cx) {
        match self {
            Self::Datagrams(layer) => layer.end(cx),
            Self::Http(layer) => layer.end(failure, cx),
            Self::Mediated(layer) => layer.end(failure, cx),
            Self::Multiplexed(layer) => layer.end(failure, cx),
            Self::Raw(layer) => layer.end(cx),
            Self::Secure(_) | Self::Sniff(_) => {}
            Self::Translate(layer) => layer.end(failure, cx),
            Self::WebSocket(layer) => layer.end(cx),
        }
    }
}
