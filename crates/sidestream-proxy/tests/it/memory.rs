//! A stage without sockets: connections are pipes in memory, whose buffers and times are known.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::SystemTime;

use bytes::Bytes;
use rustls::crypto::aws_lc_rs::default_provider;
use sidestream_ca::Authority;
use sidestream_capture::{
    Accepted, Association, BoxFuture, Capabilities, Capture, Destination, Dial, Dialed,
    DialedAssociation, Direct, Egress, FlowInfo, Incoming, Kind, Stream, Target,
};
use sidestream_flow::{FlowKey, Ids, Transport};
use sidestream_proxy::{Proxy, ServeError, Served, Stop, Stopper, UpstreamTrust, config};
use sidestream_record::{DialFailure, Sink};
use sidestream_spec::Spec;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

/// How many bytes a pipe holds each way.
pub(crate) const PIPE_BYTES: usize = 1024;

/// One end of a connection, as drivers and diallers give it.
struct Pipe(DuplexStream);

impl Stream for Pipe {
    fn reset(self: Box<Self>) {}
}

impl AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// Yields the flows that a test makes.
struct Driver(UnboundedReceiver<Incoming>);

impl Capture for Driver {
    fn poll_incoming(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Incoming>>> {
        self.0.poll_recv(cx).map(Ok)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }
}

/// Reaches every server at once, and hands its end to the test.
struct Dialler(UnboundedSender<DuplexStream>);

impl Dial for Dialler {
    fn dial<'a>(
        &'a self,
        flow: &'a FlowInfo,
        _: &'a Target,
    ) -> BoxFuture<'a, Result<Dialed, DialFailure>> {
        let (ours, theirs) = duplex(PIPE_BYTES);
        let sent = self.0.send(theirs);
        Box::pin(async move {
            let dialed = Dialed { stream: Box::new(Pipe(ours)), addr: flow.key.server, via: None };
            sent.map(|()| dialed).map_err(|_gone| DialFailure::Refused)
        })
    }

    fn associate<'a>(
        &'a self,
        flow: &'a FlowInfo,
        target: &'a Target,
    ) -> BoxFuture<'a, Result<DialedAssociation, DialFailure>> {
        Box::pin(async move { Direct::default().associate(flow, target).await })
    }
}

/// One end of a UDP flow: what it receives, and what it sends.
pub(crate) struct Mailbox(UnboundedReceiver<Bytes>, UnboundedSender<Bytes>);

impl Mailbox {
    fn pair() -> (Self, Self) {
        let ((to_a, at_a), (to_b, at_b)) = (unbounded_channel(), unbounded_channel());
        (Self(at_a, to_b), Self(at_b, to_a))
    }

    pub(crate) fn send(&self, datagram: impl Into<Bytes>) {
        self.1.send(datagram.into()).unwrap();
    }

    /// Receives a datagram; `None` after the association was dropped.
    pub(crate) async fn recv(&mut self) -> Option<Bytes> {
        self.0.recv().await
    }
}

impl Association for Mailbox {
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        self.0.poll_recv(cx).map(Ok)
    }

    fn poll_send(&mut self, _: &mut Context<'_>, datagram: &[u8]) -> Poll<io::Result<()>> {
        let sent = self.1.send(Bytes::copy_from_slice(datagram));
        Poll::Ready(sent.map_err(|_gone| io::ErrorKind::BrokenPipe.into()))
    }
}

pub(crate) struct Memory {
    flows: UnboundedSender<Incoming>,
    servers: UnboundedReceiver<DuplexStream>,
    /// What is left of the spec, for the flows that are made from now on.
    pub(crate) residual: Option<Arc<Spec>>,
    pub(crate) stopper: Stopper,
    pub(crate) serving: JoinHandle<Result<Served, ServeError>>,
}

impl Memory {
    pub(crate) fn new(sink: Arc<dyn Sink>) -> Self {
        let (flows, incoming) = unbounded_channel();
        let (dialled, servers) = unbounded_channel();
        let authority =
            Authority::generate("Test", SystemTime::now(), &default_provider()).unwrap();
        let trust = UpstreamTrust { insecure: true, ..UpstreamTrust::default() };
        let (config, dial) = (config(&trust).unwrap(), Arc::new(Dialler(dialled)));
        let proxy = Proxy::new(config, Arc::new(authority), dial, sink, Ids::default());
        let (stopper, stop) = Stop::new();
        let driver = Box::new(Driver(incoming));
        let serving = tokio::spawn(async move { proxy.serve(driver, stop).await });
        Self { flows, servers, residual: None, stopper, serving }
    }

    /// Connects a client.
    pub(crate) fn connect(&self, destination: Destination) -> DuplexStream {
        let (ours, theirs) = duplex(PIPE_BYTES);
        let kind = Kind::Tcp(Box::new(Accepted(Pipe(theirs))));
        self.capture(kind, Transport::Tcp, ([10, 0, 0, 1], 80).into(), destination);
        ours
    }

    /// Lets a client send datagrams to a real server.
    pub(crate) fn associate(&self, server: SocketAddr) -> Mailbox {
        let (ours, theirs) = Mailbox::pair();
        self.capture(Kind::Udp(Box::new(theirs)), Transport::Udp, server, Destination::Original);
        ours
    }

    fn capture(
        &self,
        kind: Kind,
        transport: Transport,
        server: SocketAddr,
        destination: Destination,
    ) {
        let key = FlowKey { transport, client: ([10, 0, 0, 2], 4000).into(), server };
        let egress = Egress::default();
        let (process, residual) = (None, self.residual.clone());
        let info = FlowInfo { key, process, via: "test", destination, egress, residual };
        self.flows.send(Incoming { info, kind }).unwrap();
    }

    /// Waits for the next server that is dialled.
    pub(crate) async fn server(&mut self) -> DuplexStream {
        self.servers.recv().await.unwrap()
    }
}
