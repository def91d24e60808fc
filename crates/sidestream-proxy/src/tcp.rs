//! The task of a TCP flow: the machine, and the connections that it speaks through.

use std::future::poll_fn;
use std::io;
use std::mem;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use sidestream_capture::{BoxFuture, Destination, Dialed, Pending, Stream};
use sidestream_flow::Peer;
use sidestream_proto::{Input, Output, Target};
use sidestream_record::DialFailure;
use tokio::time::{Sleep, sleep, timeout};
use tracing::trace;

use crate::flow::Flow;
use crate::side::{Came, HIGH_WATER, Side};
use crate::stop::{Stop, Urgency};

/// How long a flow that is over may still send what waits once the proxy is to stop.
const FLUSH: Duration = Duration::from_secs(30);

/// How long a client may still send that was answered before it had ended. Closing on it at once
/// would reset the connection, and lose the answer.
const LINGER: Duration = Duration::from_secs(2);

/// How long a client waits to be read again when the recorder has no room.
const PAUSE: Duration = Duration::from_millis(5);

type Accepting = BoxFuture<'static, io::Result<Box<dyn Stream>>>;
type Dialing = BoxFuture<'static, Result<Dialed, DialFailure>>;

/// The client's end, before and after it was answered.
enum Client {
    Pending(Box<dyn Pending>),
    /// With the server that was reached, which the machine is told when the client is there.
    Accepting(Accepting, Option<(u32, SocketAddr)>),
    Open(Side),
    Gone,
}

enum Server {
    Dialing(Dialing),
    Open(Side),
    Gone,
}

pub(crate) struct Tcp {
    flow: Flow,
    client: Client,
    servers: Vec<Server>,
    /// Why the last server was not reached.
    failure: Option<DialFailure>,
    timer: Pin<Box<Sleep>>,
    pause: Pin<Box<Sleep>>,
    client_first: bool,
}

impl Tcp {
    pub(crate) fn new(flow: Flow, pending: Box<dyn Pending>) -> Self {
        let named = flow.info.destination == Destination::Named;
        let client = if named {
            Client::Accepting(pending.accept(), None)
        } else {
            Client::Pending(pending)
        };
        Self {
            flow,
            client,
            servers: Vec::new(),
            failure: None,
            timer: Box::pin(sleep(Duration::ZERO)),
            pause: Box::pin(sleep(Duration::ZERO)),
            client_first: true,
        }
    }

    pub(crate) async fn run(mut self, mut stop: Stop) {
        let mut soon = stop.clone();
        let mut soon = pin!(soon.beyond(Urgency::Run));
        let mut now = pin!(stop.beyond(Urgency::Gracefully));
        let mut stopping = false;
        while let Some(deadline) = self.obey() {
            if let Some(at) = deadline {
                self.timer.as_mut().reset(at.into());
            }
            // Whether to stop is asked last, when nothing else is to be done: the scheduler sees
            // to it that this comes soon, however busy the flow is.
            let input = tokio::select! {
                biased;
                input = poll_fn(|cx| self.poll_input(cx, deadline.is_some())) => input,
                _ = &mut now => return,
                _ = &mut soon, if !stopping => {
                    stopping = true;
                    Input::Stop
                }
            };
            self.flow.conn.handle_input(input, Instant::now());
        }
        // A peer that takes its time has it, as it would have if a kernel sent what waits; only a
        // proxy that is to stop waits no longer.
        let late = async {
            if !stopping {
                soon.await;
            }
            sleep(FLUSH).await;
        };
        tokio::select! {
            () = self.finish() => {}
            () = late => {}
            _ = now => {}
        }
    }

    /// Does what the machine asks for, and returns until when to wait; `None` at its end.
    fn obey(&mut self) -> Option<Option<Instant>> {
        loop {
            let output = self.flow.conn.poll_output();
            match output {
                Output::Abort(peer) => self.abort(peer),
                Output::Done => return None,
                Output::Event(event) => self.flow.record(event),
                Output::NeedLeaf(request) => {
                    let leaf = self.flow.shared.leaves.issue(&request);
                    // The machine asks for a leaf as its last output.
                    self.flow.conn.handle_input(Input::Leaf(leaf), Instant::now());
                }
                Output::Open { server, target } => self.open(server, target),
                Output::Send(peer, bytes) => {
                    if let Some(side) = self.side(peer) {
                        side.push(bytes);
                    }
                }
                Output::Shutdown(peer) => {
                    if let Some(side) = self.side(peer) {
                        side.shutdown();
                    }
                }
                Output::Wait(deadline) => return Some(deadline),
            }
        }
    }

    fn side(&mut self, peer: Peer) -> Option<&mut Side> {
        match peer {
            Peer::Client => match &mut self.client {
                Client::Open(side) => Some(side),
                Client::Pending(_) | Client::Accepting(..) | Client::Gone => None,
            },
            Peer::Server(server) => match self.servers.get_mut(server as usize)? {
                Server::Open(side) => Some(side),
                Server::Dialing(_) | Server::Gone => None,
            },
        }
    }

    fn open(&mut self, server: u32, target: Target) {
        let target = self.flow.target(target);
        let (dial, info) = (Arc::clone(&self.flow.shared.dial), Arc::clone(&self.flow.info));
        let dialing = Box::pin(async move { dial.dial(&info, &target).await });
        debug_assert_eq!(self.servers.len(), server as usize, "servers are opened in order");
        self.servers.push(Server::Dialing(dialing));
    }

    fn abort(&mut self, peer: Peer) {
        match peer {
            Peer::Client => match mem::replace(&mut self.client, Client::Gone) {
                Client::Pending(pending) => {
                    let refused = DialFailure::Refused;
                    pending.refuse(self.failure.as_ref().unwrap_or(&refused));
                }
                Client::Open(side) => side.reset(),
                Client::Accepting(..) | Client::Gone => {}
            },
            Peer::Server(server) => {
                let Some(server) = self.servers.get_mut(server as usize) else { return };
                if let Server::Open(side) = mem::replace(server, Server::Gone) {
                    side.reset();
                }
            }
        }
    }

    /// Polls for one thing to tell the machine, and writes what waits on the way.
    fn poll_input(&mut self, cx: &mut Context<'_>, timed: bool) -> Poll<Input> {
        let connecting = self.poll_servers(cx);
        if connecting.is_ready() {
            return connecting;
        }
        if let Poll::Ready(input) = self.poll_client(cx) {
            return Poll::Ready(input);
        }
        if let Some(input) = self.poll_writes(cx) {
            return Poll::Ready(input);
        }
        if self.flow.conn.paces()
            && let Some(server) = self.drained_server()
        {
            return Poll::Ready(Input::Drained(server));
        }
        for server in &mut self.servers {
            if let Server::Open(side) = server
                && side.is_over()
            {
                *server = Server::Gone;
            }
        }
        if let Poll::Ready(input) = self.poll_reads(cx) {
            return Poll::Ready(input);
        }
        if timed && self.timer.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Input::Timeout);
        }
        Poll::Pending
    }

    fn poll_servers(&mut self, cx: &mut Context<'_>) -> Poll<Input> {
        for (number, server) in (0..).zip(&mut self.servers) {
            let Server::Dialing(dialing) = server else { continue };
            match dialing.as_mut().poll(cx) {
                Poll::Pending => {}
                Poll::Ready(Err(failure)) => {
                    *server = Server::Gone;
                    self.failure = Some(failure.clone());
                    return Poll::Ready(Input::OpenFailed { server: number, failure });
                }
                Poll::Ready(Ok(Dialed { stream, addr })) => {
                    *server = Server::Open(Side::new(stream));
                    match mem::replace(&mut self.client, Client::Gone) {
                        Client::Pending(pending) => {
                            let opened = Some((number, addr));
                            self.client = Client::Accepting(pending.accept(), opened);
                        }
                        client => {
                            self.client = client;
                            return Poll::Ready(Input::Opened { server: number, addr });
                        }
                    }
                }
            }
        }
        Poll::Pending
    }

    fn poll_client(&mut self, cx: &mut Context<'_>) -> Poll<Input> {
        let Client::Accepting(accepting, opened) = &mut self.client else { return Poll::Pending };
        let Poll::Ready(accepted) = accepting.as_mut().poll(cx) else { return Poll::Pending };
        let opened = opened.take();
        match accepted {
            Ok(stream) => {
                self.client = Client::Open(Side::new(stream));
                opened.map_or(Poll::Pending, |(server, addr)| {
                    Poll::Ready(Input::Opened { server, addr })
                })
            }
            Err(error) => {
                trace!(%error, "the client went away before it was answered");
                self.client = Client::Gone;
                Poll::Ready(Input::Reset(Peer::Client))
            }
        }
    }

    /// Writes what waits everywhere. Of a peer that takes no more, what it said last is told
    /// first: it may be the reason, as a TLS alert is.
    fn poll_writes(&mut self, cx: &mut Context<'_>) -> Option<Input> {
        self.sides().find_map(|(peer, side)| {
            let Poll::Ready(Err(error)) = side.poll_write(cx) else { return None };
            trace!(%error, %peer, "cannot write");
            match side.poll_read(cx) {
                Poll::Ready(Came::Data(bytes)) => Some(Input::Data(peer, bytes)),
                Poll::Ready(Came::Broken | Came::Eof) | Poll::Pending => {
                    side.end();
                    Some(Input::Reset(peer))
                }
            }
        })
    }

    /// Returns a server to which all that waited was written.
    fn drained_server(&mut self) -> Option<Peer> {
        let drained = |(peer, side): (Peer, &mut Side)| side.take_drained().then_some(peer);
        self.sides().filter(|(peer, _)| *peer != Peer::Client).find_map(drained)
    }

    fn poll_reads(&mut self, cx: &mut Context<'_>) -> Poll<Input> {
        // Whoever was read last is asked last, so that neither starves the other.
        self.client_first = !self.client_first;
        for client in [self.client_first, !self.client_first] {
            let read = if client { self.poll_read_client(cx) } else { self.poll_read_servers(cx) };
            if read.is_ready() {
                return read;
            }
        }
        Poll::Pending
    }

    fn poll_read_client(&mut self, cx: &mut Context<'_>) -> Poll<Input> {
        let Client::Open(side) = &mut self.client else { return Poll::Pending };
        // A machine that paces itself is told what was written, and keeps back what was not.
        let paces = self.flow.conn.paces();
        let waiting: usize = if paces { 0 } else { self.servers.iter().map(Server::queued).sum() };
        if waiting >= HIGH_WATER || !self.flow.conn.wants(Peer::Client) {
            return Poll::Pending;
        }
        if !self.flow.shared.sink.has_room() {
            if self.pause.is_elapsed() {
                self.pause.as_mut().reset((Instant::now() + PAUSE).into());
            }
            if self.pause.as_mut().poll(cx).is_ready() {
                cx.waker().wake_by_ref();
            }
            return Poll::Pending;
        }
        side.poll_read(cx).map(|came| input(Peer::Client, came))
    }

    fn poll_read_servers(&mut self, cx: &mut Context<'_>) -> Poll<Input> {
        let waiting = match &self.client {
            Client::Open(side) => side.queued(),
            Client::Pending(_) | Client::Accepting(..) | Client::Gone => 0,
        };
        if waiting >= HIGH_WATER {
            return Poll::Pending;
        }
        for (number, server) in (0..).zip(&mut self.servers) {
            let (Server::Open(side), peer) = (server, Peer::Server(number)) else { continue };
            if self.flow.conn.wants(peer)
                && let Poll::Ready(came) = side.poll_read(cx)
            {
                return Poll::Ready(input(peer, came));
            }
        }
        Poll::Pending
    }

    fn sides(&mut self) -> impl Iterator<Item = (Peer, &mut Side)> {
        let client = match &mut self.client {
            Client::Open(side) => Some((Peer::Client, side)),
            Client::Pending(_) | Client::Accepting(..) | Client::Gone => None,
        };
        let servers = (0..).zip(&mut self.servers).filter_map(|(number, server)| match server {
            Server::Open(side) => Some((Peer::Server(number), side)),
            Server::Dialing(_) | Server::Gone => None,
        });
        client.into_iter().chain(servers)
    }

    /// Writes what still waits, and lets a client that has not ended see its answer.
    async fn finish(&mut self) {
        let flushed = poll_fn(|cx| {
            let waits = |(_, side): (Peer, &mut Side)| side.poll_write(cx).is_pending();
            if self.sides().map(waits).fold(false, |any, waits| any | waits) {
                Poll::Pending
            } else {
                Poll::Ready(())
            }
        });
        flushed.await;
        self.servers.clear();
        if let Client::Open(side) = &mut self.client {
            let ended = poll_fn(|cx| side.poll_drain(cx));
            // A client that goes on for longer is reset.
            _ = timeout(LINGER, ended).await;
        }
    }
}

impl Server {
    const fn queued(&self) -> usize {
        match self {
            Self::Open(side) => side.queued(),
            Self::Dialing(_) | Self::Gone => 0,
        }
    }
}

fn input(peer: Peer, came: Came) -> Input {
    match came {
        Came::Broken => Input::Reset(peer),
        Came::Data(bytes) => Input::Data(peer, bytes),
        Came::Eof => Input::Eof(peer),
    }
}
