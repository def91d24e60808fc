//! A client's association: one socket for its datagrams, whoever they go to.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use sidestream_capture::{Incoming, Kind};
use sidestream_flow::{Process, Transport};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tracing::trace;

use super::client::info;
use super::flow::Flow;
use super::losses::{Loss, Losses};
use super::queue::Queue;
use crate::socks::{Address, DatagramError, decode_datagram, encode_header};

/// How many servers one client may speak to at once.
const MAX_SERVERS: usize = 1_024;

/// How long the connection that holds an association may be silent before it is asked whether the
/// client is still there.
const KEEPALIVE: std::time::Duration = std::time::Duration::from_secs(60);

thread_local! {
    /// As large as datagrams get, once for each thread instead of for each association.
    static BUF: RefCell<Box<[u8]>> = RefCell::new(vec![0; 65_536].into_boxed_slice());
}

/// An association, which lives as long as the connection on which it was asked for.
pub(super) struct Relay {
    control: TcpStream,
    socket: Arc<UdpSocket>,
    /// Where the client's datagrams come from; the port is 0 until that is known.
    client: SocketAddr,
    process: Option<Arc<Process>>,
    servers: HashMap<Address, Arc<Queue>>,
    _permit: OwnedSemaphorePermit,
}

/// What all associations of a driver share.
#[derive(Clone)]
pub(super) struct Common {
    pub(super) incoming: mpsc::Sender<Incoming>,
    pub(super) flows: Arc<Semaphore>,
    pub(super) losses: Arc<Losses>,
}

impl Relay {
    pub(super) fn new(
        control: TcpStream,
        socket: UdpSocket,
        client: SocketAddr,
        process: Option<Arc<Process>>,
        permit: OwnedSemaphorePermit,
    ) -> Self {
        let keepalive = TcpKeepalive::new().with_time(KEEPALIVE);
        // Without it a client that vanishes keeps its association; no more than that.
        _ = SockRef::from(&control).set_tcp_keepalive(&keepalive);
        let (socket, servers) = (Arc::new(socket), HashMap::new());
        Self { control, socket, client, process, servers, _permit: permit }
    }

    /// Relays until the client closes its connection, or nobody takes flows any more.
    pub(super) async fn run(mut self, common: Common) {
        let mut ignored = [0; 64];
        loop {
            let received = tokio::select! {
                read = self.control.read(&mut ignored) => match read {
                    Ok(0) | Err(_) => return,
                    // Nothing is to be said there any more, and nobody listens to it.
                    Ok(_) => continue,
                },
                received = receive(&self.socket) => received,
            };
            let incoming = match received {
                Ok((datagram, from)) => self.take(&datagram, from, &common),
                // It tells of a datagram that we have sent; or nothing can be received now.
                Err(error) => {
                    trace!(%error, "cannot receive a client's datagram");
                    tokio::task::yield_now().await;
                    None
                }
            };
            if let Some(incoming) = incoming
                && common.incoming.send(incoming).await.is_err()
            {
                return;
            }
        }
    }

    /// Hands a datagram to its flow; returns the flow if it is new.
    fn take(&mut self, datagram: &Bytes, from: SocketAddr, common: &Common) -> Option<Incoming> {
        let expected = self.client;
        let is_clients = from.ip() == expected.ip() && [0, from.port()].contains(&expected.port());
        if !is_clients {
            common.losses.note(Loss::Foreign);
            return None;
        }
        let (server, payload) = match decode_datagram(datagram) {
            Ok(decoded) => decoded,
            Err(DatagramError::Fragment) => {
                common.losses.note(Loss::Fragment);
                return None;
            }
            Err(_) => {
                common.losses.note(Loss::Malformed);
                return None;
            }
        };
        // Whoever sends the first one that makes sense is the client.
        self.client = from;
        let payload = datagram.slice_ref(payload);
        if let Some(queue) = self.servers.get(&server).filter(|queue| !queue.is_closed()) {
            if !queue.push(payload) {
                common.losses.note(Loss::Crowded);
            }
            return None;
        }
        let begun = self.begin(server, payload, common);
        if begun.is_none() {
            common.losses.note(Loss::Crowded);
        }
        begun
    }

    fn begin(&mut self, server: Address, first: Bytes, common: &Common) -> Option<Incoming> {
        if self.servers.len() >= MAX_SERVERS {
            self.servers.retain(|_, queue| !queue.is_closed());
        }
        let has_room = self.servers.len() < MAX_SERVERS || self.servers.contains_key(&server);
        let permit = Arc::clone(&common.flows).try_acquire_owned().ok().filter(|_| has_room)?;
        let queue = Arc::<Queue>::default();
        queue.push(first);
        let info = info(Transport::Udp, self.client, &server, self.process.clone());
        let (header, socket) = (encode_header(&server), Arc::clone(&self.socket));
        let flow = Flow::new(Arc::clone(&queue), socket, self.client, header, permit);
        self.servers.insert(server, queue);
        Some(Incoming { info, kind: Kind::Udp(Box::new(flow)) })
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.servers.values().for_each(|queue| queue.close());
    }
}

pub(crate) async fn receive(socket: &UdpSocket) -> io::Result<(Bytes, SocketAddr)> {
    loop {
        socket.readable().await?;
        match try_receive(socket) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            received => return received,
        }
    }
}

fn try_receive(socket: &UdpSocket) -> io::Result<(Bytes, SocketAddr)> {
    BUF.with_borrow_mut(|buf| {
        let (len, from) = socket.try_recv_from(buf)?;
        Ok((Bytes::copy_from_slice(&buf[..len]), from))
    })
}
