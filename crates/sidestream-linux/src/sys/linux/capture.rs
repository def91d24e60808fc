//! The driver: flows of the programs inside.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use sidestream_capture::{
    Accepted, Attribution, Capabilities, Capture, Destination, Egress, FlowInfo, Incoming, Kind,
};
use sidestream_flow::{FlowKey, Transport};
use sidestream_process::{Owners, Packages, Scope, Table};
use tokio::io::unix::AsyncFd;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::{Instant, Sleep, sleep};

use super::accept::Accepting;
use super::forward::{Forwarder, Live};
use super::launch::Prepared;
use super::link::Sockets;
use super::running::Keeper;
use super::sockets::readable;
use super::udp::Datagrams;
use crate::{Notice, Options};

/// How long connections from the host have to take what was sent just before the end.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often it is looked whether they have.
const GLANCE: Duration = Duration::from_millis(2);

/// Yields the flows of a command and of its descendants.
///
/// The kernel accepts a TCP connection before its flow is yielded, so a server that refuses is
/// seen by the client as a reset. Dropping it ends the command.
#[derive(Debug)]
pub(super) struct SandboxCapture {
    tcp: Accepting,
    has_v6: bool,
    udp: Datagrams,
    owners: Arc<Owners>,
    incoming: VecDeque<Incoming>,
    /// Readable when the keeper has ended.
    ended: AsyncFd<OwnedFd>,
    /// Connections from the host, which are waited for at the end.
    live: Live,
    until: Option<Instant>,
    glance: Option<Pin<Box<Sleep>>>,
    forwarder: AbortHandle,
    keeper: Arc<Keeper>,
}

impl SandboxCapture {
    pub(super) fn new(
        keeper: Arc<Keeper>,
        prepared: Prepared,
        command: u32,
        options: &Options,
        notices: mpsc::UnboundedSender<Notice>,
    ) -> io::Result<Self> {
        let Prepared { netfilter, diag, sockets, listening, loopback, .. } = prepared;
        let listening = listening.ok_or(io::ErrorKind::NotConnected)?;
        let pid = keeper.pid.cast_unsigned();
        let table = Table::open()?.with_packages(Packages::default());
        // Its package is looked up while it starts.
        table.process(command);
        let owners = Arc::new(Owners::new(diag, table, Scope::Below(pid)));
        let ended = readable(sockets.watch()?)?;
        let sockets = Arc::new(sockets);
        let has_v6 = listening.tcp.len() > 1;
        let tcp = Accepting::new(listening.tcp)?;
        let idle_timeout = options.idle_timeout;
        let udp = Datagrams::new(listening.udp, Arc::clone(&sockets) as _, idle_timeout)?;
        let live = Live::default();
        let forwarder =
            Forwarder::new(Arc::clone(&owners), sockets, netfilter, notices, live.clone());
        let forwarder = tokio::spawn(forwarder.run(loopback)).abort_handle();
        let incoming = VecDeque::new();
        Ok(Self {
            tcp,
            has_v6,
            udp,
            owners,
            incoming,
            ended,
            live,
            until: None,
            glance: None,
            forwarder,
            keeper,
        })
    }

    fn poll_tcp(&mut self, cx: &mut Context<'_>) -> Poll<Incoming> {
        loop {
            let (stream, client) = ready!(self.tcp.poll_accept(cx));
            if let Some(incoming) = self.connection(stream, client) {
                return Poll::Ready(incoming);
            }
        }
    }

    fn poll_ended(&self, cx: &mut Context<'_>) -> Poll<()> {
        // An error means that there is no runtime any more, and so no flow either.
        while let Ok(mut ready) = ready!(self.ended.poll_read_ready(cx)) {
            if Sockets::has_ended(ready.get_inner()) {
                break;
            }
            ready.clear_ready();
        }
        Poll::Ready(())
    }

    /// Waits until the connections from the host are over, within reason: the tree has gone, but
    /// its last bytes are still under way.
    fn poll_live(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let until = *self.until.get_or_insert_with(|| Instant::now() + PATIENCE);
        while !self.live.is_empty() && Instant::now() < until {
            let glance = self.glance.get_or_insert_with(|| Box::pin(sleep(GLANCE)));
            ready!(glance.as_mut().poll(cx));
            self.glance = None;
        }
        Poll::Ready(())
    }

    fn connection(&self, stream: TcpStream, client: std::net::SocketAddr) -> Option<Incoming> {
        // The address that the client meant is the one that the kernel accepted it on.
        let server = stream.local_addr().ok()?;
        // Without it small writes wait for the client's delayed acknowledgement.
        stream.set_nodelay(true).ok()?;
        let key = FlowKey { transport: Transport::Tcp, client, server };
        let info = self.info(key);
        Some(Incoming { info, kind: Kind::Tcp(Box::new(Accepted(stream))) })
    }

    fn info(&self, key: FlowKey) -> FlowInfo {
        let process = self.owners.find(&key).unwrap_or_else(|error| {
            tracing::debug!(%error, "the owner of a socket cannot be asked for");
            None
        });
        FlowInfo {
            key,
            process,
            via: "run",
            destination: Destination::Original,
            egress: Egress::default(),
            residual: None,
        }
    }
}

impl Capture for SandboxCapture {
    fn poll_incoming(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Incoming>>> {
        if let Some(incoming) = self.incoming.pop_front() {
            return Poll::Ready(Ok(Some(incoming)));
        }
        // Datagrams first: they are lost if they wait for long, connections are not.
        if let Poll::Ready(flows) = self.udp.poll_flows(cx) {
            for (key, association) in flows {
                let info = self.info(key);
                self.incoming.push_back(Incoming { info, kind: Kind::Udp(Box::new(association)) });
            }
            if let Some(incoming) = self.incoming.pop_front() {
                return Poll::Ready(Ok(Some(incoming)));
            }
        }
        if let Poll::Ready(incoming) = self.poll_tcp(cx) {
            return Poll::Ready(Ok(Some(incoming)));
        }
        // Last, so that what was sent just before the end is yielded.
        ready!(self.poll_ended(cx));
        ready!(self.poll_live(cx));
        Poll::Ready(Ok(None))
    }

    fn capabilities(&self) -> Capabilities {
        let all = Capabilities::default().with_udp().with_descriptors();
        let all = all.with_attribution(Attribution::Lookup);
        if self.has_v6 { all.with_ipv6() } else { all }
    }
}

impl Drop for SandboxCapture {
    fn drop(&mut self) {
        self.forwarder.abort();
        self.keeper.end();
    }
}
