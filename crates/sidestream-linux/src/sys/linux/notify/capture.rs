//! The driver: the connections that were led to us.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use sidestream_capture::{
    Accepted, Association, Attribution, Capabilities, Capture, Destination, Egress, FlowInfo, Idle,
    Incoming, Kind, poll_datagram,
};
use sidestream_flow::{FlowKey, Process, Transport};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, Sleep, sleep, timeout};

use super::book::{Book, Fact, Relayed};
use super::launch::Prepared;
use super::relay::NewRelay;
use super::route::Routes;
use super::supervisor::Supervisor;
use crate::Options;
use crate::sys::imp::link::Sockets;
use crate::sys::imp::raw;
use crate::sys::imp::running::Keeper;
use crate::sys::imp::sockets::readable;

/// How long accepting rests when there is no descriptor left for a connection.
const REST: Duration = Duration::from_millis(50);

/// How long a connection waits for its fact, which is noted just after it was made. One of a
/// stranger to our listener has none.
const STRANGE: Duration = Duration::from_secs(2);

/// How often it is looked whether a client is still there that sends nothing.
const GLANCE: Duration = Duration::from_secs(2);
/// How soon the first time: looking up a name makes sockets that are closed unused.
const FIRST_GLANCE: Duration = Duration::from_millis(50);

/// Yields the flows of a command under a filter.
#[derive(Debug)]
pub(in crate::sys::imp) struct NotifyCapture {
    tcp: Vec<TcpListener>,
    waiting: Vec<(TcpStream, SocketAddr, Instant)>,
    news: Pin<Box<Sleep>>,
    book: Arc<Book>,
    relays: mpsc::UnboundedReceiver<NewRelay>,
    back: (mpsc::UnboundedSender<Relay>, mpsc::UnboundedReceiver<Relay>),
    /// Relays through which nothing goes.
    silent: JoinSet<Option<Relay>>,
    routes: Arc<Routes>,
    ending: watch::Sender<bool>,
    idle_timeout: Duration,
    rest: Option<Pin<Box<Sleep>>>,
    ended: AsyncFd<OwnedFd>,
    keeper: Arc<Keeper>,
    /// Last, so that it ends last.
    _supervisor: Arc<Supervisor>,
}

impl NotifyCapture {
    pub(in crate::sys::imp) fn new(
        keeper: Arc<Keeper>,
        prepared: Prepared,
        options: &Options,
    ) -> io::Result<Self> {
        let Prepared { supervisor, listeners, book, relays, routes, service } = prepared;
        let listen = |listener: std::net::TcpListener| {
            listener.set_nonblocking(true)?;
            TcpListener::from_std(listener)
        };
        let tcp = listeners.into_iter().map(listen).collect::<io::Result<_>>()?;
        Ok(Self {
            tcp,
            waiting: Vec::new(),
            news: Box::pin(sleep(STRANGE)),
            book,
            relays,
            back: mpsc::unbounded_channel(),
            silent: JoinSet::new(),
            routes,
            ending: watch::Sender::new(false),
            idle_timeout: options.idle_timeout,
            rest: None,
            ended: readable(service)?,
            keeper,
            _supervisor: supervisor,
        })
    }

    /// Takes the connections that are there.
    fn poll_tcp(&mut self, cx: &mut Context<'_>) -> Poll<Incoming> {
        if let Some(rest) = &mut self.rest {
            ready!(rest.as_mut().poll(cx));
            self.rest = None;
        }
        for index in 0..self.tcp.len() {
            while let Poll::Ready(accepted) = self.tcp[index].poll_accept(cx) {
                match accepted {
                    Ok((stream, client)) => {
                        if let Some(fact) = self.book.take(client) {
                            if let Some(incoming) = connection(stream, client, fact) {
                                self.tcp.rotate_left(1);
                                return Poll::Ready(incoming);
                            }
                        } else {
                            self.waiting.push((stream, client, Instant::now() + STRANGE));
                        }
                    }
                    Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                    Err(error) => {
                        tracing::warn!(%error, "connections of the command wait");
                        self.rest = Some(Box::pin(sleep(REST)));
                        return self.poll_tcp(cx);
                    }
                }
            }
        }
        Poll::Pending
    }

    /// Looks whether the facts of connections have come that were faster than these.
    fn poll_waiting(&mut self, cx: &mut Context<'_>) -> Poll<Incoming> {
        while !self.waiting.is_empty() {
            for index in (0..self.waiting.len()).rev() {
                if let Some(fact) = self.book.take(self.waiting[index].1) {
                    let (stream, client, _) = self.waiting.swap_remove(index);
                    if let Some(incoming) = connection(stream, client, fact) {
                        return Poll::Ready(incoming);
                    }
                }
            }
            let now = Instant::now();
            self.waiting.retain(|(_, client, until)| {
                let stays = *until > now;
                if !stays {
                    tracing::debug!(%client, "a stranger is turned away");
                }
                stays
            });
            if !self.waiting.is_empty() {
                // Seldom, and for a moment only.
                self.news.as_mut().reset(now + Duration::from_millis(1));
                ready!(self.news.as_mut().poll(cx));
            }
        }
        Poll::Pending
    }

    fn poll_udp(&mut self, cx: &mut Context<'_>) -> Poll<Incoming> {
        while let Poll::Ready(Some(relay)) = self.relays.poll_recv(cx) {
            match Relay::new(relay, &self.book) {
                Ok(relay) => self.listen(relay),
                Err(error) => tracing::warn!(%error, "datagrams of the command are lost"),
            }
        }
        while let Poll::Ready(Some(relay)) = self.back.1.poll_recv(cx) {
            self.listen(relay);
        }
        while let Poll::Ready(Some(heard)) = self.silent.poll_join_next(cx) {
            if let Ok(Some(relay)) = heard {
                return Poll::Ready(self.association(relay));
            }
        }
        Poll::Pending
    }

    /// Waits for a datagram through a relay.
    fn listen(&mut self, relay: Relay) {
        let (routes, mut ending) = (Arc::clone(&self.routes), self.ending.subscribe());
        self.silent.spawn(async move {
            let mut pause = FIRST_GLANCE;
            loop {
                let heard = async {
                    tokio::select! {
                        biased;
                        heard = relay.socket.readable() => heard.is_ok(),
                        _ = ending.wait_for(|ending| *ending) => relay.has_datagram(),
                    }
                };
                match timeout(pause, heard).await {
                    Ok(true) if relay.confirm() || relay.has_datagram() => return Some(relay),
                    Ok(true) => {}
                    Ok(false) => return None,
                    Err(_silence) => {}
                }
                pause = GLANCE.min(2 * pause);
                let Relayed { client, .. } = relay.relayed;
                if !routes.is_open(client, relay.addr) {
                    return None;
                }
            }
        });
    }

    fn association(&self, relay: Relay) -> Incoming {
        let Relayed { client, server, source, .. } = relay.relayed;
        let client = SocketAddr::new(source, client.port());
        let key = FlowKey { transport: Transport::Udp, client, server };
        let info = info(key, relay.process.clone());
        let (back, idle) = (self.back.0.clone(), Idle::new(self.idle_timeout));
        let flow = RelayFlow { relay: Some(relay), idle, back };
        Incoming { info, kind: Kind::Udp(Box::new(flow)) }
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
}

fn connection(stream: TcpStream, client: SocketAddr, fact: Fact) -> Option<Incoming> {
    // Without it small writes wait for the client's delayed acknowledgement.
    stream.set_nodelay(true).ok()?;
    let client = SocketAddr::new(fact.source, client.port());
    let key = FlowKey { transport: Transport::Tcp, client, server: fact.server };
    let info = info(key, fact.process);
    Some(Incoming { info, kind: Kind::Tcp(Box::new(Accepted(stream))) })
}

fn info(key: FlowKey, process: Option<Arc<Process>>) -> FlowInfo {
    FlowInfo {
        key,
        process,
        via: "run",
        destination: Destination::Original,
        egress: Egress::default(),
        residual: None,
    }
}

impl Capture for NotifyCapture {
    fn poll_incoming(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Incoming>>> {
        // Datagrams first: they are lost if they wait for long, connections are not.
        if let Poll::Ready(incoming) = self.poll_udp(cx) {
            return Poll::Ready(Ok(Some(incoming)));
        }
        if let Poll::Ready(incoming) = self.poll_tcp(cx) {
            return Poll::Ready(Ok(Some(incoming)));
        }
        if let Poll::Ready(incoming) = self.poll_waiting(cx) {
            return Poll::Ready(Ok(Some(incoming)));
        }
        // Last, so that what was sent just before the end is yielded.
        ready!(self.poll_ended(cx));
        self.ending.send_replace(true);
        while let Some(heard) = ready!(self.silent.poll_join_next(cx)) {
            if let Ok(Some(relay)) = heard {
                return Poll::Ready(Ok(Some(self.association(relay))));
            }
        }
        Poll::Ready(Ok(None))
    }

    fn capabilities(&self) -> Capabilities {
        let all = Capabilities::default().with_udp().with_descriptors();
        let all = all.with_attribution(Attribution::Kernel);
        if self.tcp.len() > 1 { all.with_ipv6() } else { all }
    }
}

impl Drop for NotifyCapture {
    fn drop(&mut self) {
        self.keeper.end();
    }
}

/// A relay, known as long as it lives.
#[derive(Debug)]
struct Relay {
    socket: UdpSocket,
    addr: SocketAddr,
    relayed: Relayed,
    process: Option<Arc<Process>>,
    book: Arc<Book>,
}

impl Relay {
    fn new(new: NewRelay, book: &Arc<Book>) -> io::Result<Self> {
        let NewRelay { socket, addr, relayed, process } = new;
        let socket = UdpSocket::from_std(socket)?;
        Ok(Self { socket, addr, relayed, process, book: Arc::clone(book) })
    }

    fn has_datagram(&self) -> bool {
        let flags = libc::MSG_PEEK | libc::MSG_DONTWAIT;
        raw::receive(self.socket.as_fd(), &mut [0; 1], flags).is_ok()
    }

    /// The same after the runtime said so; if it was wrong it waits again.
    fn confirm(&self) -> bool {
        let flags = libc::MSG_PEEK | libc::MSG_DONTWAIT;
        let peek = || raw::receive(self.socket.as_fd(), &mut [0; 1], flags);
        // An error, as when the client's socket is closed, is taken by this.
        self.socket.try_io(Interest::READABLE, peek).is_ok()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.book.forget_relay(self.addr);
    }
}

/// A UDP flow; its relay waits for the next one when it is over.
#[derive(Debug)]
struct RelayFlow {
    relay: Option<Relay>,
    idle: Idle,
    back: mpsc::UnboundedSender<Relay>,
}

fn over() -> io::Error {
    io::ErrorKind::NotConnected.into()
}

impl Association for RelayFlow {
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        let Some(relay) = &self.relay else { return Poll::Ready(Err(over())) };
        while let Poll::Ready(received) = poll_datagram(&relay.socket, cx) {
            match received {
                Ok(datagram) => {
                    self.idle.note();
                    return Poll::Ready(Ok(Some(datagram)));
                }
                // An answer came when the client had closed its socket.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        self.idle.poll_over(cx).map(|()| Ok(None))
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, datagram: &[u8]) -> Poll<io::Result<()>> {
        self.idle.note();
        let Some(relay) = &self.relay else { return Poll::Ready(Err(over())) };
        relay.socket.poll_send(cx, datagram).map_ok(|_sent| ())
    }
}

impl Drop for RelayFlow {
    fn drop(&mut self) {
        if let Some(relay) = self.relay.take() {
            // A capture that has ended takes none back.
            _ = self.back.send(relay);
        }
    }
}
