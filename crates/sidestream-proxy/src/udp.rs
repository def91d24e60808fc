//! The task of a UDP flow: the machine, and the two associations that it speaks through.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use sidestream_capture::{Association, BoxFuture, DialedAssociation};
use sidestream_flow::Peer;
use sidestream_proto::{Input, Output};
use sidestream_record::DialFailure;
use tokio::time::{Sleep, sleep};
use tracing::debug;

use crate::clock;
use crate::flow::Flow;
use crate::stop::{Stop, Urgency};

/// How many datagrams may wait for each end: more are dropped, as a full socket buffer does.
const MAX_QUEUED: usize = 256;

type Dialing = BoxFuture<'static, Result<DialedAssociation, DialFailure>>;

/// One end of the flow.
struct End {
    association: Box<dyn Association>,
    queue: VecDeque<Bytes>,
    dropped: u64,
    ended: bool,
}

enum Server {
    Waiting,
    Dialing(Dialing),
    Open(End),
}

pub(crate) struct Udp {
    flow: Flow,
    client: End,
    server: Server,
    timer: Pin<Box<Sleep>>,
}

impl End {
    fn new(association: Box<dyn Association>) -> Self {
        Self { association, queue: VecDeque::new(), dropped: 0, ended: false }
    }

    fn push(&mut self, datagram: Bytes) {
        if self.queue.len() < MAX_QUEUED {
            self.queue.push_back(datagram);
        } else {
            self.dropped += 1;
        }
    }

    /// Sends what waits. A datagram that cannot be sent is lost, as it would have been without
    /// us.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Some(datagram) = self.queue.front() {
            match self.association.poll_send(cx, datagram) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => debug!(%error, "a datagram was not sent"),
            }
            self.queue.pop_front();
        }
        Poll::Ready(())
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        if self.ended {
            return Poll::Pending;
        }
        let received = self.association.poll_recv(cx);
        self.ended = matches!(received, Poll::Ready(Ok(None) | Err(_)));
        received
    }
}

impl Drop for End {
    fn drop(&mut self) {
        if self.dropped > 0 {
            debug!(self.dropped, "datagrams were dropped because a peer was slow");
        }
    }
}

impl Udp {
    pub(crate) fn new(flow: Flow, association: Box<dyn Association>) -> Self {
        Self {
            flow,
            client: End::new(association),
            server: Server::Waiting,
            timer: Box::pin(sleep(Duration::ZERO)),
        }
    }

    /// Serves it to its end.
    ///
    /// Borrowed, for a task would hold twice what is moved into its future.
    pub(crate) async fn run(&mut self, mut stop: Stop) {
        while let Some(deadline) = self.obey() {
            if let Some(at) = deadline {
                self.timer.as_mut().reset(at.into());
            }
            let input = tokio::select! {
                biased;
                _ = stop.beyond(Urgency::Run) => Input::Stop,
                input = poll_fn(|cx| self.poll_input(cx, deadline.is_some())) => input,
            };
            self.flow.conn.handle_input(input, clock::now());
        }
        // What cannot be sent now is lost, as datagrams may be.
        poll_fn(|cx| {
            _ = self.poll_sends(cx);
            Poll::Ready(())
        })
        .await;
    }

    fn obey(&mut self) -> Option<Option<Instant>> {
        loop {
            match self.flow.conn.poll_output() {
                Output::Done => return None,
                Output::Event(event) => self.flow.record(event),
                Output::Open { target, .. } => {
                    let target = self.flow.target(target);
                    let dial = Arc::clone(&self.flow.shared.dial);
                    let info = Arc::clone(&self.flow.info);
                    let dialing = async move { dial.associate(&info, &target).await };
                    self.server = Server::Dialing(Box::pin(dialing));
                }
                Output::Send(Peer::Client, datagram) => self.client.push(datagram),
                Output::Send(Peer::Server(_), datagram) => {
                    if let Server::Open(end) = &mut self.server {
                        end.push(datagram);
                    }
                }
                Output::Wait(deadline) => return Some(deadline),
                Output::Learn(message) => self.flow.shared.names.learn(&message),
                // Datagrams have no connection to be ended, or spliced or left, and no exchanges for hooks.
                Output::Abort(_)
                | Output::Ask(_)
                | Output::AskMessage(_)
                | Output::Accept
                | Output::Authenticate(_)
                | Output::Keep { .. }
                | Output::NeedLeaf(_)
                | Output::Shutdown(_)
                | Output::Splice { .. } => {}
            }
        }
    }

    fn poll_input(&mut self, cx: &mut Context<'_>, timed: bool) -> Poll<Input> {
        if let Server::Dialing(dialing) = &mut self.server
            && let Poll::Ready(dialed) = dialing.as_mut().poll(cx)
        {
            return Poll::Ready(match dialed {
                Ok(DialedAssociation { association, addr, via }) => {
                    if let Some(via) = via {
                        self.flow.conn.handle_input(Input::Via { server: 0, via }, clock::now());
                    }
                    self.server = Server::Open(End::new(association));
                    Input::Opened { server: 0, addr }
                }
                Err(failure) => {
                    self.server = Server::Waiting;
                    if let DialFailure::Proxy { .. } | DialFailure::Refused = failure {
                        // What can do without datagrams does so at once.
                        self.client.association.refuse();
                    }
                    Input::OpenFailed { server: 0, failure }
                }
            });
        }
        _ = self.poll_sends(cx);
        if let Server::Open(end) = &mut self.server
            && let Poll::Ready(received) = end.poll_recv(cx)
        {
            let refused = |error: &io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
            if received.as_ref().is_err_and(refused) {
                self.client.association.refuse();
            }
            return Poll::Ready(input(Peer::Server(0), received));
        }
        if let Poll::Ready(received) = self.client.poll_recv(cx) {
            return Poll::Ready(input(Peer::Client, received));
        }
        if timed && self.timer.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Input::Timeout);
        }
        Poll::Pending
    }

    fn poll_sends(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let client = self.client.poll_send(cx);
        let server = match &mut self.server {
            Server::Open(end) => end.poll_send(cx),
            Server::Waiting | Server::Dialing(_) => Poll::Ready(()),
        };
        if client.is_pending() { client } else { server }
    }
}

fn input(peer: Peer, received: io::Result<Option<Bytes>>) -> Input {
    match received {
        Ok(Some(datagram)) => Input::Data(peer, datagram),
        Ok(None) => Input::Eof(peer),
        Err(error) => {
            debug!(%error, %peer, "cannot receive");
            Input::Reset(peer)
        }
    }
}
