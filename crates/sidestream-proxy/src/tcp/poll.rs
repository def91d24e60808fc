//! What a flow waits for: servers that are reached, the client, bytes, the deadline.

use std::mem;
use std::task::{Context, Poll};

use sidestream_capture::Dialed;
use sidestream_flow::Peer;
use sidestream_proto::Input;
use tracing::trace;

use super::{Client, PAUSE, Server, Tcp};
use crate::clock;
use crate::side::{Came, HIGH_WATER, Side};

impl Tcp {
    /// Polls for one thing to tell the machine, and writes what waits on the way.
    pub(super) fn poll_input(&mut self, cx: &mut Context<'_>, timed: bool) -> Poll<Input> {
        if let Some(splice) = &mut self.splice {
            let over = splice.poll(cx);
            if over.is_ready() {
                self.splice = None;
            }
            return over;
        }
        if let Poll::Ready(input) = self.poll_hooks(cx) {
            return Poll::Ready(input);
        }
        if let Some(leaf) = &mut self.leaf
            && let Poll::Ready(leaf) = leaf.as_mut().poll(cx)
        {
            self.leaf = None;
            return Poll::Ready(Input::Leaf(leaf));
        }
        let connecting = self.poll_servers(cx);
        if connecting.is_ready() {
            return connecting;
        }
        if let Poll::Ready(input) = self.poll_client(cx) {
            return Poll::Ready(input);
        }
        self.poll_leaving(cx);
        for (_, side) in self.sides() {
            // What a peer said last that takes no more is read below.
            _ = side.poll_write(cx);
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

    fn poll_hooks(&mut self, cx: &mut Context<'_>) -> Poll<Input> {
        for (at, judging) in self.judging.iter_mut().enumerate() {
            let Poll::Ready(judged) = judging.as_mut().poll(cx) else { continue };
            drop(self.judging.swap_remove(at));
            return Poll::Ready(judged);
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
                Poll::Ready(Ok(Dialed { stream, addr, via })) => {
                    *server = Server::Open(Side::new(stream));
                    if let Some(via) = via {
                        let via = Input::Via { server: number, via };
                        self.flow.conn.handle_input(via, clock::now());
                    }
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

    /// Resets the connections that are over and have sent all that waited.
    pub(super) fn poll_leaving(&mut self, cx: &mut Context<'_>) {
        self.leaving.retain_mut(|leaving| leaving.poll_reset(cx).is_pending());
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
        if side.is_broken() {
            // Whatever waits, it is to be seen that it is over.
            return side.poll_read(cx).map(|came| input(Peer::Client, came));
        }
        // A machine that paces itself is told what was written, and keeps back what was not.
        let paces = self.flow.conn.paces();
        let waiting: usize = if paces { 0 } else { self.servers.iter().map(Server::queued).sum() };
        if waiting >= HIGH_WATER || !self.flow.conn.wants(Peer::Client) {
            return Poll::Pending;
        }
        if !self.flow.shared.sink.has_room() {
            if self.pause.is_elapsed() {
                self.pause.as_mut().reset((clock::now() + PAUSE).into());
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
            // What it is to be sent would be lost.
            Client::Accepting(..) => return Poll::Pending,
            Client::Pending(_) | Client::Gone => 0,
        };
        if waiting >= HIGH_WATER {
            return Poll::Pending;
        }
        for (number, server) in (0..).zip(&mut self.servers) {
            let (Server::Open(side), peer) = (server, Peer::Server(number)) else { continue };
            if (side.is_broken() || self.flow.conn.wants(peer))
                && let Poll::Ready(came) = side.poll_read(cx)
            {
                return Poll::Ready(input(peer, came));
            }
        }
        Poll::Pending
    }

    pub(super) fn sides(&mut self) -> impl Iterator<Item = (Peer, &mut Side)> {
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
}

fn input(peer: Peer, came: Came) -> Input {
    match came {
        Came::Broken => Input::Reset(peer),
        Came::Data(bytes) => Input::Data(peer, bytes),
        Came::Eof => Input::Eof(peer),
    }
}
