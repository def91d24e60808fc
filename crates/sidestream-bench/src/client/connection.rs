//! One connection of the load generator.

use anyhow::{Context, ensure};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::client::conn::{http1, http2};
use hyper::{Request, Response, body::Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

use super::Speech;
use crate::Noise;

/// How much may be under way on an HTTP/2 stream, and on its connection twice that.
const WINDOW: u32 = 1024 * 1024;

/// An open connection; it is closed when it is dropped.
#[derive(Debug)]
pub(super) struct Connection {
    sender: Sender,
    host: String,
    /// What was negotiated, `-` if nothing.
    pub(super) alpn: String,
    pub(super) group: String,
    driver: Driver,
}

/// Ends the task of a connection.
#[derive(Debug)]
struct Driver(JoinHandle<()>);

#[derive(Debug)]
enum Sender {
    Http1(http1::SendRequest<Noise>),
    Http2(http2::SendRequest<Noise>),
}

/// One more stream on a connection.
#[derive(Debug)]
pub(super) struct Stream {
    sender: Sender,
    host: String,
}

impl Connection {
    /// Connects, shakes hands with the host of that name, and speaks what was agreed on.
    pub(super) async fn open(speech: &Speech, host: &str) -> anyhow::Result<Self> {
        let stream = speech.route.dial(host).await.context("connecting")?;
        let name = ServerName::try_from(host.to_owned())?;
        let connector = TlsConnector::from(speech.tls.clone());
        let stream = connector.connect(name, stream).await.context("shaking hands")?;
        let session = stream.get_ref().1;
        let alpn = String::from_utf8_lossy(session.alpn_protocol().unwrap_or(b"-")).into_owned();
        let group = session.negotiated_key_exchange_group();
        let group = group.map_or_else(|| "-".to_owned(), |group| format!("{:?}", group.name()));
        let io = TokioIo::new(stream);
        // How a connection ends is seen by whoever waits for an answer on it.
        let (sender, driver) = if alpn == "h2" {
            let mut http = http2::Builder::new(TokioExecutor::new());
            http.initial_stream_window_size(WINDOW).initial_connection_window_size(2 * WINDOW);
            let (sender, connection) = http.handshake(io).await?;
            (Sender::Http2(sender), tokio::spawn(async { drop(connection.await) }))
        } else {
            let (sender, connection) = http1::handshake(io).await?;
            (Sender::Http1(sender), tokio::spawn(async { drop(connection.await) }))
        };
        Ok(Self { sender, host: host.to_owned(), alpn, group, driver: Driver(driver) })
    }

    /// Fetches that many bytes.
    pub(super) async fn get(&mut self, len_bytes: u64) -> anyhow::Result<()> {
        self.sender.get(&self.host, len_bytes).await
    }

    /// Sends that many bytes and waits for the answer.
    pub(super) async fn post(&mut self, len_bytes: u64) -> anyhow::Result<()> {
        self.sender.post(&self.host, len_bytes).await
    }

    /// Gives one more stream; `None` over HTTP/1.1, which has one.
    pub(super) fn stream(&self) -> Option<Stream> {
        match &self.sender {
            Sender::Http1(_) => None,
            Sender::Http2(sender) => {
                Some(Stream { sender: Sender::Http2(sender.clone()), host: self.host.clone() })
            }
        }
    }

    /// Closes the connection as a client does that is done with it, and waits until it is closed.
    pub(super) async fn close(self) {
        let Self { sender, mut driver, .. } = self;
        drop(sender);
        // It ended, be it by a panic of its task.
        _ = (&mut driver.0).await;
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Stream {
    pub(super) async fn get(&mut self, len_bytes: u64) -> anyhow::Result<()> {
        self.sender.get(&self.host, len_bytes).await
    }
}

impl Sender {
    async fn get(&mut self, host: &str, len_bytes: u64) -> anyhow::Result<()> {
        let request = self.request("GET", host, &format!("/bytes/{len_bytes}"), Noise::empty());
        let response = self.send(request).await?;
        let came = receive(response).await?;
        ensure!(came == len_bytes, "{came} bytes came of {len_bytes}");
        Ok(())
    }

    async fn post(&mut self, host: &str, len_bytes: u64) -> anyhow::Result<()> {
        let request = self.request("POST", host, "/upload", Noise::new(len_bytes));
        let response = self.send(request).await?;
        receive(response).await?;
        Ok(())
    }

    async fn send(&mut self, request: Request<Noise>) -> hyper::Result<Response<Incoming>> {
        match self {
            Self::Http1(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
            Self::Http2(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
        }
    }

    /// Makes a request with the fields that a program of today sends.
    fn request(&self, method: &str, host: &str, path: &str, body: Noise) -> Request<Noise> {
        let request = match self {
            Self::Http1(_) => Request::builder().uri(path).header("host", host),
            Self::Http2(_) => Request::builder().uri(format!("https://{host}{path}")),
        };
        let request = request
            .method(method)
            .header("user-agent", "sidestream-bench/1.0 (load generator; x86_64)")
            .header("accept", "application/json, text/plain;q=0.9, */*;q=0.8")
            .header("accept-language", "en-US,en;q=0.5")
            .header("accept-encoding", "identity")
            .header("cookie", "session=6ccda43fc3c54bb2a2f4a9c1f2ad0f6e; theme=dark");
        request.body(body).expect("the head has nothing odd")
    }
}

/// Reads a response to its end, and gives the length of its body.
async fn receive(response: Response<Incoming>) -> anyhow::Result<u64> {
    let status = response.status();
    ensure!(status.is_success(), "the answer was {status}");
    let mut body = response.into_body();
    let mut len = 0;
    while let Some(frame) = body.frame().await {
        len += frame?.data_ref().map_or(0, Bytes::len) as u64;
    }
    Ok(len)
}
