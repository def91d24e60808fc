//! The task of a TCP flow: the machine, and the connections that it speaks through.

mod poll;
mod sharing;

use std::future::poll_fn;
use std::io;
use std::mem;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use rustls::sign::CertifiedKey;
use sidestream_capture::{BoxFuture, Destination, Dialed, Pending, Stream};
use sidestream_flow::Peer;
use sidestream_proto::hooks::{MessageQuestion, MessageVerdict, Question, Verdict};
use sidestream_proto::{Input, LeafRequest, Login, Output, Share, Target};
use sidestream_record::DialFailure;
use tokio::task::spawn_blocking;
use tokio::time::{Sleep, sleep, timeout};

use crate::clock;
use crate::flow::Flow;
use crate::side::{Leaving, Side};
use crate::splice::Splice;
use crate::stop::{Stop, Urgency};

/// How long a flow that is over may still send what waits once the proxy is to stop.
const FLUSH: Duration = Duration::from_secs(30);

/// How long a client may still send that was answered before it had ended. Closing on it at once
/// would reset the connection, and lose the answer.
const LINGER: Duration = Duration::from_secs(2);

/// How long a client waits to be read again when the recorder has no room.
const PAUSE: Duration = Duration::from_millis(5);

type Making = BoxFuture<'static, Result<Arc<CertifiedKey>, String>>;
type Accepting = BoxFuture<'static, io::Result<Box<dyn Stream>>>;
/// What hooks, and who knows the users, come to.
type Judging = BoxFuture<'static, Input>;
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
    /// Connections that are over, and not reset yet.
    leaving: Vec<Leaving>,
    /// What hooks look at, and whether users may use us.
    judging: Vec<Judging>,
    /// A leaf that takes long to make.
    leaf: Option<Making>,
    /// Both connections, once nobody has to look at what they carry.
    splice: Option<Box<Splice>>,
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
            leaving: Vec::new(),
            judging: Vec::new(),
            leaf: None,
            splice: None,
            failure: None,
            timer: Box::pin(sleep(Duration::ZERO)),
            pause: Box::pin(sleep(Duration::ZERO)),
            client_first: true,
        }
    }

    /// Serves it to its end.
    ///
    /// Borrowed, for a task would hold twice what is moved into its future.
    pub(crate) async fn run(&mut self, mut stop: Stop) {
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
                    self.splice.take().map_or(Input::Stop, |splice| splice.stop())
                }
            };
            self.flow.conn.handle_input(input, clock::now());
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
                Output::Accept => self.accept(),
                Output::Ask(question) => self.ask(*question),
                Output::AskMessage(question) => self.ask_about_message(*question),
                Output::Authenticate(login) => self.authenticate(*login),
                Output::Done => return None,
                Output::Event(event) => self.flow.record(event),
                Output::Learn(message) => self.flow.shared.names.learn(&message),
                Output::NeedLeaf(request) => self.make_leaf(request),
                Output::Keep { server, kept } => self.keep(server, kept),
                Output::Open { server, target, share } => self.open(server, target, &share),
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
                Output::Splice { server } => self.begin_splice(server),
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

    fn open(&mut self, server: u32, target: Target, share: &Share) {
        if let Some(spare) = self.spare(server, &target, share) {
            return self.flow.conn.handle_input(spare, clock::now());
        }
        let is_http = matches!(target, Target::Http(..));
        let target = self.flow.target(target);
        let (dial, info) = (Arc::clone(&self.flow.shared.dial), Arc::clone(&self.flow.info));
        let dialing = Box::pin(async move {
            if is_http {
                return dial.dial_http(&info, &target).await;
            }
            dial.dial(&info, &target).await
        });
        self.put(server, Server::Dialing(dialing));
    }

    fn put(&mut self, number: u32, server: Server) {
        let number = number as usize;
        if self.servers.len() <= number {
            self.servers.resize_with(number + 1, || Server::Gone);
        }
        self.servers[number] = server;
    }

    /// Answers at once where the leaf is soon made, else without keeping other flows waiting.
    fn make_leaf(&mut self, request: LeafRequest) {
        let shared = Arc::clone(&self.flow.shared);
        let is_naming = self.flow.info.destination != Destination::Original;
        if shared.leaves.is_quick(&request) {
            let leaf = shared.leaves.issue(&request, is_naming);
            // The machine asks for a leaf as its last output.
            return self.flow.conn.handle_input(Input::Leaf(leaf), clock::now());
        }
        self.leaf = Some(Box::pin(async move {
            let made = spawn_blocking(move || shared.leaves.issue(&request, is_naming)).await;
            made.unwrap_or_else(|error| Err(error.to_string()))
        }));
    }

    /// Has hooks judge a message.
    fn ask(&mut self, question: Question) {
        let exchange = question.exchange;
        let verdict = self.flow.hook.clone().map(|hook| hook.judge(question));
        self.judging.push(Box::pin(async move {
            let verdict = match verdict {
                Some(verdict) => verdict.await,
                None => Verdict::Pass,
            };
            Input::Verdict(exchange, Box::new(verdict))
        }));
    }

    /// Has hooks judge a message of a WebSocket.
    fn ask_about_message(&mut self, question: MessageQuestion) {
        let message = question.message;
        let verdict = self.flow.hook.clone().map(|hook| hook.judge_message(question));
        self.judging.push(Box::pin(async move {
            let verdict = match verdict {
                Some(verdict) => verdict.await,
                None => MessageVerdict::Pass,
            };
            Input::MessageVerdict(message, Box::new(verdict))
        }));
    }

    /// Has a user and a password judged, for which nobody else waits.
    fn authenticate(&mut self, login: Login) {
        let exchange = login.exchange;
        let judging = login.judge();
        self.judging.push(Box::pin(async move { Input::Authenticated(exchange, judging.await) }));
    }

    /// Hands both connections over to be relayed. Where one of them is gone or broken meanwhile, the
    /// machine is told as ever.
    fn begin_splice(&mut self, number: u32) {
        let Some(server) = self.servers.get_mut(number as usize) else { return };
        match (mem::replace(&mut self.client, Client::Gone), mem::replace(server, Server::Gone)) {
            (Client::Open(client), Server::Open(server))
                if !client.is_broken() && !server.is_broken() =>
            {
                self.splice = Some(Box::new(Splice::new(client, server, number)));
            }
            (client, gone) => (self.client, *server) = (client, gone),
        }
    }

    fn abort(&mut self, peer: Peer) {
        match peer {
            Peer::Client => match mem::replace(&mut self.client, Client::Gone) {
                Client::Pending(pending) => {
                    let refused = DialFailure::Refused;
                    pending.refuse(self.failure.as_ref().unwrap_or(&refused));
                }
                Client::Open(side) => self.leaving.push(side.reset()),
                Client::Accepting(..) | Client::Gone => {}
            },
            Peer::Server(server) => {
                let Some(server) = self.servers.get_mut(server as usize) else { return };
                if let Server::Open(side) = mem::replace(server, Server::Gone) {
                    self.leaving.push(side.reset());
                }
            }
        }
    }

    /// Writes what still waits, and lets a client that has not ended see its answer.
    async fn finish(&mut self) {
        let flushed = poll_fn(|cx| {
            self.poll_leaving(cx);
            let waits = |(_, side): (Peer, &mut Side)| side.poll_write(cx).is_pending();
            let waits = self.sides().map(waits).fold(false, |any, waits| any | waits);
            if waits || !self.leaving.is_empty() { Poll::Pending } else { Poll::Ready(()) }
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

/// What a flow that ends before its time has relayed is recorded all the same.
impl Drop for Tcp {
    fn drop(&mut self) {
        if let Some(splice) = self.splice.take()
            && !std::thread::panicking()
        {
            self.flow.conn.handle_input(splice.stop(), clock::now());
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
