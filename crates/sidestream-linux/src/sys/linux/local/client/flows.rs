//! A flow as the helper passes it, made into one that is served.

use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sidestream_capture::{
    Accepted, BoxFuture, Destination, FlowInfo, Incoming, Kind, Pending, Stream,
};
use sidestream_flow::{Process, Transport};
use sidestream_ipc::{Flow, FlowVerdict};
use sidestream_record::DialFailure;
use sidestream_spec::Spec;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::super::dial;
use super::passing::Passing;
use super::room::{Room, Seat};
use super::udp::UdpFlow;

/// The flows that need the helper's messages after they were made, and what makes them.
pub(super) struct Flows {
    passing: Passing,
    room: Room,
    idle_timeout: Duration,
    /// Where datagrams go that come beside the sockets of their flows.
    queues: HashMap<u64, Queue>,
    ends: (mpsc::UnboundedSender<u64>, mpsc::UnboundedReceiver<u64>),
    /// The last residual spec: most flows have the same.
    residual: Option<Arc<Spec>>,
}

/// Where datagrams of one flow go.
#[derive(Debug)]
struct Queue {
    sends: mpsc::Sender<Bytes>,
    /// The first datagram was sent.
    primed: bool,
    /// The program has closed its socket.
    closed: bool,
}

/// A connection whose server is not connected to yet.
#[derive(Debug)]
struct Seated {
    connection: Accepted<TcpStream>,
    seat: Seat,
}

impl Pending for Seated {
    fn accept(self: Box<Self>) -> BoxFuture<'static, io::Result<Box<dyn Stream>>> {
        let Self { connection, seat } = *self;
        drop(seat);
        Box::new(connection).accept()
    }

    fn refuse(self: Box<Self>, reason: &DialFailure) {
        Box::new(self.connection).refuse(reason);
    }
}

impl Flows {
    pub(super) fn new(passing: Passing, room: Room, idle_timeout: Duration) -> Self {
        let (queues, ends) = (HashMap::new(), mpsc::unbounded_channel());
        Self { passing, room, idle_timeout, queues, ends, residual: None }
    }

    /// Takes a flow; one that is to be passed is relayed from here on, and not yielded.
    ///
    /// # Errors
    ///
    /// The program has closed its socket already, or there is no room for another one.
    pub(super) fn open(
        &mut self,
        flow: Flow,
        process: Option<Arc<Process>>,
        socket: OwnedFd,
    ) -> io::Result<Option<Incoming>> {
        let Flow { id, key, process: _, verdict, bound, path_mtu_discovery, net } = flow;
        let (pass, residual) = match verdict {
            FlowVerdict::Intercept => (false, None),
            FlowVerdict::Pass => (true, None),
            FlowVerdict::Residual(spec) => match self.residual(&spec) {
                Some(spec) => (false, Some(spec)),
                None => (true, None),
            },
        };
        let info = FlowInfo {
            key,
            process,
            via: "local",
            destination: Destination::Original,
            egress: dial::egress(bound.is_some(), path_mtu_discovery, net),
            residual,
        };
        let kind = match key.transport {
            Transport::Tcp => {
                let seat = self.room.seat();
                Kind::Tcp(Box::new(Seated { connection: Accepted(connection(socket)?), seat }))
            }
            Transport::Udp => {
                self.forget_ended();
                let ended = self.ends.0.clone();
                let seat = self.room.seat();
                let (flow, sends) = UdpFlow::new(id, socket, self.idle_timeout, ended, seat)?;
                self.queues.insert(id, Queue { sends, primed: false, closed: false });
                Kind::Udp(Box::new(flow))
            }
        };
        let incoming = Incoming { info, kind };
        if pass {
            self.passing.pass(incoming);
            return Ok(None);
        }
        Ok(Some(incoming))
    }

    /// Takes a datagram that came beside the socket of its flow.
    pub(super) fn datagram(&mut self, flow: u64, payload: Bytes) {
        let Some(queue) = self.queues.get_mut(&flow) else {
            tracing::debug!(flow, "a datagram came after the end of its flow");
            return;
        };
        if let Err(error) = queue.sends.try_send(payload) {
            tracing::debug!(flow, %error, "a datagram is dropped");
        }
        queue.primed = true;
        if queue.closed {
            self.queues.remove(&flow);
        }
    }

    /// Lets a flow end that the program has closed, once its first datagram is there: a program
    /// that sends one and ends may have done both before the helper looked.
    pub(super) fn close(&mut self, flow: u64) {
        if let Some(queue) = self.queues.get_mut(&flow) {
            queue.closed = true;
            if queue.primed {
                self.queues.remove(&flow);
            }
        }
    }

    fn forget_ended(&mut self) {
        while let Ok(id) = self.ends.1.try_recv() {
            self.queues.remove(&id);
        }
    }

    fn residual(&mut self, text: &str) -> Option<Arc<Spec>> {
        if let Some(last) = self.residual.as_ref().filter(|last| last.as_str() == text) {
            return Some(Arc::clone(last));
        }
        match text.parse::<Spec>() {
            Ok(spec) => Some(Arc::clone(self.residual.insert(Arc::new(spec)))),
            Err(error) => {
                tracing::warn!(%error, text, "what the helper leaves of the spec is none, passed");
                None
            }
        }
    }
}

fn connection(socket: OwnedFd) -> io::Result<TcpStream> {
    let stream = std::net::TcpStream::from(socket);
    stream.set_nonblocking(true)?;
    // Without it small writes wait for the client's delayed acknowledgement.
    stream.set_nodelay(true)?;
    TcpStream::from_std(stream)
}
