//! What origins do, the same over sockets and in memory.

mod bound;
mod datagrams;
mod http1;
mod http2;
mod record;
mod tls;
mod websocket;

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use bytes::BytesMut;
use sidestream_capture::Stream;

use crate::model::{Ended, Serve, ServeHttp, Service};
use crate::wire::{Conn, play};

pub use bound::Origin;
pub use datagrams::Talk;
pub(crate) use http2::send;
pub use record::{Log, Record};
pub use tls::Identity;

/// The addresses of the lab's hosts by their names.
pub type Names = BTreeMap<String, Vec<IpAddr>>;

/// One port of an origin: what it serves, and where it writes down whom.
pub struct Site {
    host: String,
    serve: Serve,
    tls: Option<tls::Gate>,
    names: Arc<Names>,
    log: Log,
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site").field("host", &self.host).field("serve", &self.serve).finish()
    }
}

impl Site {
    /// Makes a site of a host; `identity` is for sites with TLS.
    ///
    /// # Errors
    ///
    /// When there is TLS and no identity, or that is unusable.
    pub fn new(
        host: &str,
        serve: &Serve,
        identity: Option<&Identity>,
        names: &Arc<Names>,
        log: &Log,
    ) -> Result<Self> {
        let gate = |tls| {
            let identity = identity.context("TLS needs an identity")?;
            tls::Gate::new(tls, identity, alpn(&serve.service))
        };
        let tls = serve.tls.map(gate).transpose()?;
        if let Service::Program(program) = &serve.service {
            bail!("{program} is served by itself");
        }
        let (host, serve) = (host.to_owned(), serve.clone());
        Ok(Self { host, serve, tls, names: Arc::clone(names), log: log.clone() })
    }

    /// Returns what is served.
    #[must_use]
    pub const fn serve(&self) -> &Serve {
        &self.serve
    }

    /// Returns whether it is served over UDP; if not, over TCP.
    #[must_use]
    pub const fn is_udp(&self) -> bool {
        matches!(self.serve.service, Service::UdpEcho | Service::Dns)
    }

    /// Serves a connection to its end.
    pub async fn connection(&self, stream: Box<dyn Stream>) {
        let record = self.log.open(&self.host, self.serve.port, "tcp");
        let conn = match &self.tls {
            None => Conn::from(stream),
            Some(gate) => match gate.handshake(stream, &record).await {
                Some(conn) => conn,
                None => return record.end(Ended::NoHandshake),
            },
        };
        let conn = conn.watched(Box::new(record.clone()));
        match &self.serve.service {
            Service::Http(serve) => http(conn, serve, &record).await,
            Service::WebSocket => websocket::serve(conn, &record).await,
            Service::Tcp(steps) => {
                record.shows_beginning();
                play(conn, steps, true).await;
            }
            _ => {
                record.shows_beginning();
                echo(conn).await;
            }
        }
    }

    /// Begins to serve the datagrams of one peer.
    #[must_use]
    pub fn talk(&self) -> Talk {
        let record = self.log.open(&self.host, self.serve.port, "udp");
        let names = matches!(self.serve.service, Service::Dns).then(|| Arc::clone(&self.names));
        Talk::new(record, names)
    }
}

/// Returns what a service speaks inside of TLS.
const fn alpn(service: &Service) -> &'static [&'static [u8]] {
    match service {
        Service::Http(_) => &[b"h2", b"http/1.1"],
        Service::WebSocket => &[b"http/1.1"],
        _ => &[],
    }
}

async fn http(mut conn: Conn, serve: &ServeHttp, record: &Record) {
    if conn.alpn() == Some(b"h2") || begins_with_preface(&mut conn).await {
        http2::serve(conn, serve, record).await;
    } else {
        http1::serve(conn, serve, record).await;
    }
}

/// Returns whether a connection begins as those of HTTP/2 do (RFC 9113 §3.4).
async fn begins_with_preface(conn: &mut Conn) -> bool {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n";
    loop {
        let waiting = conn.waiting();
        let len = waiting.len().min(PREFACE.len());
        if waiting[..len] != PREFACE[..len] {
            return false;
        }
        if len == PREFACE.len() {
            return true;
        }
        if !conn.fill().await.unwrap_or(false) {
            return false;
        }
    }
}

async fn echo(mut conn: Conn) {
    loop {
        let came: BytesMut = conn.waiting().split();
        if conn.send_and_fill(&came).await.is_err() {
            return;
        }
        if conn.waiting().is_empty() && !conn.fill().await.unwrap_or(false) {
            break;
        }
    }
    _ = conn.end().await;
}
