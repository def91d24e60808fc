//! The driver of datagrams that come to ports of ours and are meant for one server.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use sidestream_capture::{
    Attribution, Capabilities, Capture, Destination, Egress, FlowInfo, Incoming, Kind, Target,
};
use sidestream_flow::{FlowKey, Transport};
use tokio::net::UdpSocket;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tracing::trace;

use crate::BindError;
use crate::bind::receive;
use crate::explicit::{Lookup, stand_in};
use crate::listeners::is_local;
use crate::socks5::flow::Flow;
use crate::socks5::queue::Queue;
use crate::socks5::relay::receive as next_datagram;

/// How many clients may be served at once; each for as long as its flow lasts.
const MAX_CLIENTS: usize = 16_384;

/// How many flows may wait to be served.
const MAX_WAITING: usize = 64;

/// Takes datagrams in the place of one server: each client's are a flow.
pub struct Port {
    addrs: Vec<SocketAddr>,
    tasks: JoinSet<()>,
    incoming: mpsc::Receiver<Incoming>,
    shared: Arc<Shared>,
    sockets: Vec<UdpSocket>,
    sender: Option<mpsc::Sender<Incoming>>,
}

/// What all sockets of a driver share.
struct Shared {
    via: &'static str,
    destination: Destination,
    server: SocketAddr,
    lookup: Option<Arc<Lookup>>,
    clients: Arc<Semaphore>,
}

impl Port {
    /// Receives at all of these addresses what is meant for that server; an IPv6 address takes
    /// IPv6 only. Flows are named to the user by that mode. Needs a tokio runtime.
    ///
    /// # Errors
    ///
    /// The first address that cannot be had; its message says what to do.
    pub fn bind(
        addrs: &[SocketAddr],
        server: &Target,
        via: &'static str,
    ) -> Result<Self, BindError> {
        let sockets = addrs.iter().map(|addr| receive(*addr)).collect::<Result<Vec<_>, _>>()?;
        let addrs = sockets.iter().filter_map(|socket| socket.local_addr().ok()).collect();
        let (destination, server) = stand_in(server);
        let clients = Arc::new(Semaphore::new(MAX_CLIENTS));
        let shared = Arc::new(Shared { via, destination, server, lookup: None, clients });
        let (sender, incoming) = mpsc::channel(MAX_WAITING);
        let (tasks, sender) = (JoinSet::new(), Some(sender));
        Ok(Self { addrs, tasks, incoming, shared, sockets, sender })
    }

    /// Attributes clients on this machine to the process that `lookup` finds.
    ///
    /// It is called off the asynchronous threads, and may read files.
    #[must_use]
    pub fn with_lookup(self, lookup: Arc<Lookup>) -> Self {
        let Shared { via, ref destination, server, ref clients, .. } = *self.shared;
        let (destination, clients) = (destination.clone(), Arc::clone(clients));
        let lookup = Some(lookup);
        let shared = Arc::new(Shared { via, destination, server, lookup, clients });
        Self { shared, ..self }
    }

    /// Returns the addresses at which it receives, with the ports that were taken.
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        self.addrs.clone()
    }
}

impl Capture for Port {
    fn poll_incoming(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Incoming>>> {
        for socket in self.sockets.drain(..) {
            let Some(sender) = self.sender.clone() else { break };
            let serving = serve(Arc::new(socket), Arc::clone(&self.shared), sender);
            self.tasks.spawn(serving);
        }
        self.incoming.poll_recv(cx).map(Ok)
    }

    fn close(&mut self) -> bool {
        // The sockets stay for the flows that there are; nobody takes new ones.
        self.sender = None;
        self.incoming.close();
        true
    }

    fn capabilities(&self) -> Capabilities {
        let known = self.shared.lookup.is_some();
        let attribution = if known { Attribution::Lookup } else { Attribution::None };
        Capabilities::default().with_udp().with_ipv6().with_attribution(attribution)
    }
}

impl fmt::Debug for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Port").field("addrs", &self.addrs).finish_non_exhaustive()
    }
}

/// Hands each datagram to its client's flow, until the driver is dropped.
async fn serve(socket: Arc<UdpSocket>, shared: Arc<Shared>, sender: mpsc::Sender<Incoming>) {
    let mut clients: HashMap<SocketAddr, Arc<Queue>> = HashMap::new();
    loop {
        let (datagram, client) = match next_datagram(&socket).await {
            Ok(received) => received,
            // It tells of a datagram that we have sent; or nothing can be received now.
            Err(error) => {
                trace!(%error, "cannot receive a client's datagram");
                tokio::task::yield_now().await;
                continue;
            }
        };
        if let Some(queue) = clients.get(&client).filter(|queue| !queue.is_closed()) {
            // What finds no room is lost, as in a socket.
            queue.push(datagram);
            continue;
        }
        if clients.len() >= MAX_CLIENTS {
            clients.retain(|_, queue| !queue.is_closed());
        }
        let Ok(permit) = Arc::clone(&shared.clients).try_acquire_owned() else { continue };
        let queue = Arc::<Queue>::default();
        queue.push(datagram);
        clients.insert(client, Arc::clone(&queue));
        let (shared, socket, sender) = (Arc::clone(&shared), Arc::clone(&socket), sender.clone());
        let flow = Flow::new(queue, socket, client, Vec::new(), permit);
        tokio::spawn(begin(flow, client, shared, sender));
    }
}

/// Yields a new flow, once its process is known.
async fn begin(
    flow: Flow,
    client: SocketAddr,
    shared: Arc<Shared>,
    sender: mpsc::Sender<Incoming>,
) {
    let key = FlowKey { transport: Transport::Udp, client, server: flow.local_addr() };
    let process = match shared.lookup.clone().filter(|_| is_local(&key)) {
        Some(lookup) => tokio::task::spawn_blocking(move || lookup(&key)).await.unwrap_or_default(),
        None => None,
    };
    let info = FlowInfo {
        key: FlowKey { server: shared.server, ..key },
        process,
        via: shared.via,
        destination: shared.destination.clone(),
        egress: Egress::default(),
        residual: None,
    };
    // If nobody takes it, it ends.
    _ = sender.send(Incoming { info, kind: Kind::Udp(Box::new(flow)) }).await;
}
