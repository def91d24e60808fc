//! Associations as frames, and the client's UDP socket.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use sidestream_capture::{Association, BoxFuture};
use sidestream_flow::Transport;
use tokio::sync::mpsc;

use super::clients::{FakeClients, open};
use super::frame::Body;
use super::link::{DATAGRAMS_IN, Datagram, End};
use crate::Datagrams;

/// The largest UDP payload over IPv6; over IPv4 it is 20 bytes less.
const MAX_DATAGRAM: usize = 65_527;

fn check_size(datagram: &[u8]) -> io::Result<()> {
    if datagram.len() <= MAX_DATAGRAM {
        Ok(())
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "the datagram is too large for UDP"))
    }
}

/// The driver's end of a UDP flow.
pub(super) struct FrameAssociation {
    id: u64,
    end: Arc<End>,
    inbox: mpsc::Receiver<Datagram>,
}

impl FrameAssociation {
    pub(super) fn new(end: Arc<End>, id: u64, client: SocketAddr) -> Self {
        let (to, inbox) = mpsc::channel(DATAGRAMS_IN);
        end.add_datagrams(id, client, to);
        Self { id, end, inbox }
    }
}

impl Association for FrameAssociation {
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        self.inbox.poll_recv(cx).map(|received| Ok(received.map(|(_client, datagram)| datagram)))
    }

    fn poll_send(&mut self, _: &mut Context<'_>, datagram: &[u8]) -> Poll<io::Result<()>> {
        check_size(datagram)?;
        self.end.send_datagram(self.id, datagram);
        Poll::Ready(Ok(()))
    }
}

impl Drop for FrameAssociation {
    fn drop(&mut self) {
        self.end.remove(self.id);
        self.end.send(self.id, Body::Eof);
    }
}

/// A client's UDP socket: one flow for each server that it speaks to.
pub(super) struct FrameDatagrams {
    /// Keeps the link up, too.
    owner: FakeClients,
    local: SocketAddr,
    flows: HashMap<SocketAddr, u64>,
    to_inbox: mpsc::Sender<Datagram>,
    inbox: mpsc::Receiver<Datagram>,
}

impl FrameDatagrams {
    pub(super) fn new(owner: FakeClients, local: SocketAddr) -> Self {
        let (to_inbox, inbox) = mpsc::channel(DATAGRAMS_IN);
        Self { owner, local, flows: HashMap::new(), to_inbox, inbox }
    }

    /// The flow to that server, opened when there is none that goes on.
    fn flow(&mut self, server: SocketAddr) -> u64 {
        let clients = &self.owner.clients;
        let end = &clients.end;
        if let Some(&id) = self.flows.get(&server).filter(|id| end.has(**id)) {
            return id;
        }
        let id = clients.next_flow();
        end.add_datagrams(id, server, self.to_inbox.clone());
        end.send(id, open(&clients.process, Transport::Udp, self.local, server));
        self.flows.insert(server, id);
        id
    }
}

impl Datagrams for FrameDatagrams {
    fn local(&self) -> SocketAddr {
        self.local
    }

    fn send_to<'a>(
        &'a mut self,
        datagram: &'a [u8],
        server: SocketAddr,
    ) -> BoxFuture<'a, io::Result<()>> {
        Box::pin(async move {
            check_size(datagram)?;
            let id = self.flow(server);
            self.owner.clients.end.send_datagram(id, datagram);
            Ok(())
        })
    }

    fn recv_from(&mut self) -> BoxFuture<'_, io::Result<(Bytes, SocketAddr)>> {
        Box::pin(async move {
            let received = self.inbox.recv().await;
            let (from, datagram) = received.ok_or(io::ErrorKind::NotConnected)?;
            Ok((datagram, from))
        })
    }
}

impl Drop for FrameDatagrams {
    fn drop(&mut self) {
        for id in self.flows.values() {
            self.owner.clients.end.remove(*id);
            self.owner.clients.end.send(*id, Body::Eof);
        }
    }
}
