//! A driver of kernel sockets, whose kernel accepts before the server is known, passes too.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use sidestream_capture::{
    Accepted, BoxFuture, Capabilities, Capture, Destination, Egress, FlowInfo, Incoming, Kind,
};
use sidestream_capture_test::{Connected, Datagrams, Family, Ground, sockets};
use sidestream_flow::{FlowKey, Transport};
use tokio::net::{TcpListener, TcpSocket};

/// The servers that clients asked for, by the clients' addresses.
type Originals = Arc<Mutex<HashMap<SocketAddr, SocketAddr>>>;

struct Redirect {
    listener: TcpListener,
    originals: Originals,
}

impl Capture for Redirect {
    fn poll_incoming(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Incoming>>> {
        let (stream, client) = ready!(self.listener.poll_accept(cx))?;
        let server = self.originals.lock().unwrap()[&client];
        let info = FlowInfo {
            key: FlowKey { transport: Transport::Tcp, client, server },
            process: None,
            via: "redirect",
            destination: Destination::Original,
            egress: Egress::default(),
            residual: None,
        };
        Poll::Ready(Ok(Some(Incoming { info, kind: Kind::Tcp(Box::new(Accepted(stream))) })))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default().with_descriptors()
    }
}

struct RedirectGround {
    capture: Option<Redirect>,
    listener: SocketAddr,
    originals: Originals,
}

impl RedirectGround {
    fn new() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(4_096).unwrap();
        let (addr, originals) = (listener.local_addr().unwrap(), Originals::default());
        let capture = Redirect { listener, originals: Arc::clone(&originals) };
        Self { capture: Some(capture), listener: addr, originals }
    }
}

impl Ground for RedirectGround {
    fn capture(&mut self) -> Box<dyn Capture> {
        Box::new(self.capture.take().unwrap())
    }

    fn connect(&self, server: SocketAddr) -> BoxFuture<'static, io::Result<Connected>> {
        let (listener, originals) = (self.listener, Arc::clone(&self.originals));
        Box::pin(async move {
            let socket = TcpSocket::new_v4()?;
            socket.bind("127.0.0.1:0".parse().unwrap())?;
            originals.lock().unwrap().insert(socket.local_addr()?, server);
            let connected = sockets::connected(socket.connect(listener).await?)?;
            // A kernel that redirects hides it from the client.
            Ok(Connected { peer: server, ..connected })
        })
    }

    fn open_udp(&self, _: Family) -> BoxFuture<'static, io::Result<Box<dyn Datagrams>>> {
        Box::pin(std::future::ready(Err(io::ErrorKind::Unsupported.into())))
    }
}

// It claims neither UDP, IPv6, processes nor a spec.
sidestream_capture_test::suite!(
    RedirectGround::new();
    relays_tcp_both_ways
    carries_half_close_each_way
    carries_a_reset_each_way
    shows_a_refusal_as_its_capabilities_say
    carries_a_large_transfer_unchanged
    carries_many_flows_at_once
    bounds_what_waits_for_a_slow_reader
    tells_the_original_five_tuple
    survives_a_client_that_leaves_early
    ends_when_it_is_dropped
);
