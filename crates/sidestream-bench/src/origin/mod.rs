//! The server at the end: HTTP/1.1 and HTTP/2 over TLS, bodies of any length, a certificate for every name.

mod certificates;
mod raw;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use serde::{Deserialize, Serialize};
use sidestream_testkit::TestCa;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

pub(crate) use self::certificates::{Certificates, HOST};
pub(crate) use self::raw::{RAW_MARK, RAW_UP};

use crate::{Group, Noise};

/// A server for the load generator; it ends with the runtime.
#[derive(Debug)]
pub struct Origin {
    /// Where it listens and accepts X25519 alone.
    pub classic: SocketAddr,
    /// Where it listens and prefers X25519MLKEM768.
    pub hybrid: SocketAddr,
    certificates: Arc<Certificates>,
    seen: Arc<Mutex<Seen>>,
}

/// What has been counted since it was last asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Connections by application protocol and key exchange group, as `h2 X25519`.
    pub connections: BTreeMap<String, u64>,
    /// Requests by version, as `HTTP/1.1`.
    pub requests: BTreeMap<String, u64>,
}

impl Origin {
    /// Listens on two free ports of loopback and serves until the runtime ends.
    ///
    /// # Errors
    ///
    /// Loopback has no free port.
    pub async fn start(ca: TestCa) -> anyhow::Result<Self> {
        Self::start_at(ca, Ipv4Addr::LOCALHOST).await
    }

    /// Listens on two free ports of an address, and serves until the runtime ends.
    pub(crate) async fn start_at(ca: TestCa, at: Ipv4Addr) -> anyhow::Result<Self> {
        let certificates = Arc::new(Certificates::new(ca));
        let seen = Arc::default();
        let mut addrs = Vec::new();
        for group in [Group::X25519, Group::X25519MLKEM768] {
            let listener = TcpListener::bind((at, 0)).await?;
            addrs.push(listener.local_addr()?);
            let acceptor = TlsAcceptor::from(Arc::new(certificates.server_config(group)?));
            tokio::spawn(accept(listener, acceptor, Arc::clone(&seen)));
        }
        Ok(Self { classic: addrs[0], hybrid: addrs[1], certificates, seen })
    }

    /// Gives the authority that issues its certificates.
    pub fn ca(&self) -> &TestCa {
        self.certificates.ca()
    }

    /// Gives what was counted, and begins anew.
    pub fn take_seen(&self) -> Seen {
        std::mem::take(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, seen: Arc<Mutex<Seen>>) {
    loop {
        // Out of descriptors: those that are in use come back.
        let Ok((stream, _)) = listener.accept().await else { continue };
        let (acceptor, seen) = (acceptor.clone(), Arc::clone(&seen));
        tokio::spawn(async move {
            // A client that goes away knows why.
            drop(serve(stream, acceptor, seen).await);
        });
    }
}

async fn serve(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    seen: Arc<Mutex<Seen>>,
) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    if raw::is_spoken(&stream).await {
        return Ok(raw::serve(stream).await?);
    }
    let stream = acceptor.accept(stream).await?;
    let session = stream.get_ref().1;
    let alpn = session.alpn_protocol().unwrap_or(b"-").to_vec();
    let group = session.negotiated_key_exchange_group().map(|group| group.name());
    count(&seen, |seen| {
        let group = group.map_or_else(|| "-".to_owned(), |group| format!("{group:?}"));
        let what = format!("{} {group}", String::from_utf8_lossy(&alpn));
        *seen.connections.entry(what).or_default() += 1;
    });
    let service = service_fn(|request| answer(request, Arc::clone(&seen)));
    if alpn == b"h2" {
        let mut http = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        http.max_concurrent_streams(250).serve_connection(TokioIo::new(stream), service).await?;
    } else {
        let mut http = hyper::server::conn::http1::Builder::new();
        http.timer(TokioTimer::new());
        http.serve_connection(TokioIo::new(stream), service).await?;
    }
    Ok(())
}

fn count(seen: &Mutex<Seen>, what: impl FnOnce(&mut Seen)) {
    what(&mut seen.lock().unwrap_or_else(PoisonError::into_inner));
}

/// Answers `GET /bytes/N` with as many, and `POST` once all has come.
async fn answer(
    request: Request<Incoming>,
    seen: Arc<Mutex<Seen>>,
) -> Result<Response<Noise>, Infallible> {
    count(&seen, |seen| {
        *seen.requests.entry(format!("{:?}", request.version())).or_default() += 1;
    });
    let wanted = request.uri().path().strip_prefix("/bytes/").and_then(|len| len.parse().ok());
    let mut response = Response::builder()
        .header("content-type", "text/plain; charset=utf-8")
        .header("cache-control", "private, max-age=0, must-revalidate")
        .header("etag", "\"33a64df551425fcc55e4d42a148795d9f25f89d4\"")
        .header("server", "sidestream-bench")
        .header("vary", "accept-encoding")
        .header("x-request-id", "7b8f1c9e-54d0-4e1e-8f52-2c3b1a6f4c11");
    let body = match (request.method(), wanted) {
        (&Method::POST, _) => {
            let mut body = request.into_body();
            // A body that breaks off is seen by its sender.
            while let Some(Ok(_)) = body.frame().await {}
            Noise::empty()
        }
        (_, Some(len)) => Noise::new(len),
        (_, None) => {
            response = response.status(404);
            Noise::empty()
        }
    };
    Ok(response.body(body).expect("the head has nothing odd"))
}

impl Origin {
    /// Writes the authority's certificate, and a certificate with its key for a proxy that ends TLS.
    ///
    /// # Errors
    ///
    /// A file cannot be written.
    pub fn write(&self, folder: &std::path::Path) -> anyhow::Result<()> {
        let write =
            |name: &str, text: &str| -> io::Result<()> { std::fs::write(folder.join(name), text) };
        let (chain, key) = self.certificates.pem();
        write("ca.pem", self.ca().pem())
            .and_then(|()| write("leaf.pem", &chain))
            .and_then(|()| write("leaf.key", &key))
            .with_context(|| format!("writing certificates to {}", folder.display()))
    }
}
