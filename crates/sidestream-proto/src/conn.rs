//! The machine: one client, its servers, and the layer that is spoken at the moment.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use sidestream_flow::{ExchangeId, Peer, Transport};
use sidestream_record::{Alteration, Change, Closed, Edit, Event, Failure, PassReason};
use tracing::trace;

use crate::cx::Cx;
use crate::datagrams::Datagrams;
use crate::deferred::Use;
use crate::hooks::{ConnectFate, Verdict};
use crate::layer::{Layer, Next, Told};
use crate::leg::Leg;
use crate::passing;
use crate::raw::Raw;
use crate::sniff::Sniff;
use crate::timers::Timers;
use crate::websocket::{InjectError, Injection};
use crate::{Config, Input, Output, Reverse, Speaks, SpliceEnd, Start, Target};

/// One intercepted flow.
///
/// Its only use is the loop in the crate's documentation. It never fails on what a peer sent: it
/// ends the flow, and tells why by an event. What is told to it after its end is ignored.
pub struct Conn {
    cx: Cx,
    layer: Layer,
    done: bool,
}

impl fmt::Debug for Conn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conn").field("key", &self.cx.key).field("done", &self.done).finish()
    }
}

impl Conn {
    /// Makes a machine for a flow that was just captured.
    ///
    /// Of a flow that goes to its original destination, the first output asks for that to be
    /// opened.
    pub fn new(config: Arc<Config>, start: Start, now: Instant) -> Self {
        let Start { key, named, host, ids, pass, fate } = start;
        let mut cx = Cx {
            config,
            key,
            ids,
            host: None,
            tunnel: None,
            pass,
            hosts_decided: false,
            shown: None,
            now,
            timers: Timers::default(),
            outputs: VecDeque::new(),
            told: VecDeque::new(),
            client: Leg::default(),
            servers: Vec::new(),
            deferred: None,
            upstream_tls: None,
            redirected: None,
            held_messages: 0,
            received: 0,
            sent: 0,
        };
        if let Some(host) = host {
            cx.name(host);
        }
        let fate = match fate {
            // What passes says to nobody who sent it.
            ConnectFate::Pass { by } if cx.guard().is_some() => ConnectFate::Refuse { by },
            fate => fate,
        };
        let layer = match (named, key.transport) {
            (true, _) => Layer::Sniff(Sniff::proxy(&mut cx)),
            (false, Transport::Tcp) if fate != ConnectFate::GoOn => {
                return Self::fated(fate, cx);
            }
            (false, Transport::Tcp) => match cx.config.reverse.clone() {
                None => Layer::Sniff(Sniff::original(Target::Original, &mut cx)),
                Some(reverse) => Self::stand_in(&reverse, &mut cx),
            },
            (false, Transport::Udp) => Layer::Datagrams(Datagrams::new(&mut cx)),
        };
        Self { cx, layer, done: false }
    }

    /// Begins as a hook says.
    fn fated(fate: ConnectFate, mut cx: Cx) -> Self {
        match fate {
            ConnectFate::GoOn => {
                let layer = Layer::Sniff(Sniff::original(Target::Original, &mut cx));
                Self { cx, layer, done: false }
            }
            ConnectFate::Pass { by } => {
                let server = cx.open(Target::Original);
                passing::tell(PassReason::Hook { by }, None, &mut cx);
                Self { cx, layer: Layer::Raw(Raw::unseen(server)), done: false }
            }
            ConnectFate::Redirect { by, host, port } => {
                let edit = Edit { by, change: Change::Redirected { host: host.clone(), port } };
                let alteration = Alteration::Edited(Box::new(edit));
                cx.event(Event::Altered { exchange: None, alteration });
                cx.redirected = Some((host, port));
                let layer = Layer::Sniff(Sniff::original(Target::Original, &mut cx));
                Self { cx, layer, done: false }
            }
            ConnectFate::Refuse { by } => {
                cx.output(Output::Abort(Peer::Client));
                let mut this = Self { cx, layer: Layer::Raw(Raw::unseen(0)), done: false };
                this.end(Some(Failure::Blocked { by }));
                this
            }
        }
    }

    /// Begins with a client that takes us for its server.
    fn stand_in(reverse: &Reverse, cx: &mut Cx) -> Layer {
        let target = match reverse.is_plain_http() {
            true => Target::Http(reverse.host.clone(), reverse.port),
            false => Target::Original,
        };
        match reverse.speaks {
            Speaks::Raw => {
                let server = cx.open(target);
                Layer::Raw(Raw::new(server, cx))
            }
            Speaks::Any | Speaks::Http => Layer::Sniff(Sniff::original(target, cx)),
        }
    }

    /// Returns the next thing to do.
    pub fn poll_output(&mut self) -> Output {
        match self.cx.outputs.pop_front() {
            Some(output) => output,
            None if self.done => Output::Done,
            None => {
                self.cx.rest();
                Output::Wait(self.cx.timers.next())
            }
        }
    }

    /// Returns whether more bytes of that peer can be taken at the moment.
    ///
    /// This is the machine's own back-pressure; the engine adds that of its write queues.
    pub fn wants(&self, peer: Peer) -> bool {
        let waits = peer == Peer::Client && self.cx.is_opening();
        !self.done && !waits && self.layer.wants(peer)
    }

    /// Returns whether the machine itself sees to it that little waits for each server, as long as
    /// it is told of [`Input::Drained`].
    ///
    /// Then the client can be read whatever waits for servers: a slow one stops no stream that
    /// another one serves.
    pub fn paces(&self) -> bool {
        !self.done && matches!(&self.layer, Layer::Translate(layer) if layer.paces())
    }

    /// Takes what happened.
    pub fn handle_input(&mut self, input: Input, now: Instant) {
        if self.done {
            return;
        }
        self.cx.now = now;
        self.take(input);
        while let Some(told) = self.cx.told.pop_front() {
            if self.done {
                break;
            }
            trace!(?told, "told");
            if let Some(refused) = self.cx.refusal(&told) {
                self.end(Some(refused));
                break;
            }
            let told = self.cx.of_deferred(told);
            match self.layer.handle(told, &mut self.cx) {
                Next::Stay => {}
                Next::Become(layer, replay) => {
                    self.layer = *layer;
                    if !self.layer.can_wait() {
                        self.cx.open_deferred(Use::Other);
                    }
                    for told in replay.into_iter().rev() {
                        self.cx.told.push_front(told);
                    }
                }
                Next::Fail(failure) => self.end(Some(failure)),
                Next::Finish => self.end(None),
            }
        }
        if !self.done {
            if let Layer::Raw(raw) = &mut self.layer
                && !self.cx.config.wire
            {
                raw.splice(&mut self.cx);
            }
            self.cx.flush();
        }
    }

    /// Lets an exchange go on that was held at one of the points of [`Config::hold`].
    ///
    /// An exchange that is not held is left alone.
    pub fn resume(&mut self, exchange: ExchangeId, now: Instant) {
        if self.done {
            return;
        }
        self.cx.told.push_back(Told::Resumed(exchange));
        self.handle_input(Input::Timeout, now);
    }

    /// Sends a message of the user's own to a peer in the WebSocket that an exchange opened.
    ///
    /// It waits until the message that is going by has ended; a control frame may stand between the
    /// fragments of one. What was sent so is recorded as sent by the other peer,
    /// and marked. After a close that was sent so, that side sends on what its peer still says.
    ///
    /// # Errors
    ///
    /// If there is no such WebSocket to which anything can be added, as there is none where HTTP/2
    /// passes as it is sent; if that side of it is closed; or if the message is not one that can be
    /// sent.
    pub fn inject(
        &mut self,
        exchange: ExchangeId,
        to: Peer,
        message: Injection,
        now: Instant,
    ) -> Result<(), InjectError> {
        self.cx.now = now;
        let cx = &mut self.cx;
        let injected = match &mut self.layer {
            _ if self.done => Err(InjectError::NotOpen),
            Layer::Mediated(layer) => layer.inject(exchange, to, message, cx),
            Layer::Translate(layer) => layer.inject(exchange, to, message, cx),
            Layer::WebSocket(layer) => layer.inject(exchange, to, message, cx),
            _ => Err(InjectError::NotOpen),
        };
        self.cx.flush();
        injected
    }

    /// Ends the flow now, for a reason that is not its own: what is under way is cut short.
    ///
    /// The outputs that are left tell of it.
    pub fn abandon(&mut self, failure: Failure) {
        if !self.done {
            self.end(Some(failure));
        }
    }

    fn take(&mut self, input: Input) {
        let cx = &mut self.cx;
        match input {
            Input::Authenticated(exchange, admitted) => {
                let by = String::new();
                let verdict = if admitted { Verdict::Pass } else { Verdict::Kill { by } };
                cx.told.push_back(Told::Verdict(exchange, Box::new(verdict)));
            }
            Input::Data(peer, bytes) => cx.feed(peer, bytes),
            Input::Drained(peer) => {
                if let Layer::Translate(layer) = &mut self.layer {
                    layer.drained(peer, cx);
                }
            }
            Input::Eof(peer) => cx.eof(peer),
            Input::Leaf(leaf) => cx.told.push_back(Told::Leaf(leaf)),
            input @ (Input::OpenFailed { .. }
            | Input::Opened { .. }
            | Input::Reused { .. }
            | Input::Spare { .. }
            | Input::Via { .. }) => self.take_server(input),
            Input::Reset(peer) => {
                if let Some(leg) = cx.leg(peer) {
                    leg.gone = true;
                    cx.told.push_back(Told::Reset(peer));
                }
            }
            Input::Spliced { from_client, from_server, end } => {
                cx.received += from_client;
                cx.sent += from_server;
                if let Layer::Raw(raw) = &mut self.layer {
                    raw.spliced(from_client, from_server);
                }
                self.end(match end {
                    SpliceEnd::Closed => None,
                    SpliceEnd::Reset(peer) => Some(Failure::Reset(peer)),
                    SpliceEnd::Stopped => Some(Failure::Stopped),
                });
            }
            Input::Stop => cx.told.push_back(Told::Stop),
            Input::Verdict(exchange, verdict) => {
                cx.told.push_back(Told::Verdict(exchange, verdict));
            }
            Input::MessageVerdict(message, verdict) => {
                cx.told.push_back(Told::MessageVerdict(message, verdict));
            }
            Input::Timeout => {
                while let Some(timer) = cx.timers.expired(cx.now) {
                    cx.told.push_back(Told::Expired(timer));
                }
            }
        }
    }

    /// Takes what became of a server that was asked for.
    fn take_server(&mut self, input: Input) {
        let cx = &mut self.cx;
        match input {
            Input::OpenFailed { server, failure } => {
                cx.missed(server);
                cx.told.push_back(Told::OpenFailed(server, failure));
            }
            Input::Opened { server, addr } => {
                if let Some(leg) = cx.servers.get_mut(server as usize) {
                    leg.gone = false;
                    if let Some(reached) = &mut leg.reached {
                        reached.addr = Some(addr);
                    }
                    cx.event(Event::Connected { server, addr });
                    // Who has it opened by sending something is not waiting to be told.
                    let awaited = !cx.lacks(server) || self.layer.can_wait();
                    if cx.arrived(server) && awaited {
                        cx.told.push_back(Told::Opened(server));
                    }
                }
            }
            Input::Reused { server, kept, by } => cx.reuse(server, *kept, by),
            Input::Spare { server } => {
                let leg = cx.servers.get_mut(server as usize);
                if let Some(reached) = leg.and_then(|leg| leg.reached.take()) {
                    cx.defer(server, reached.target);
                    cx.told.push_back(Told::Opened(server));
                }
            }
            Input::Via { server, via } => {
                if let Some(leg) = cx.servers.get_mut(server as usize) {
                    leg.forwards = via.forwards;
                    if let Some(reached) = &mut leg.reached {
                        reached.proxy = Some(Arc::clone(&via.proxy));
                    }
                    let alteration = Alteration::Proxied { proxy: via.proxy.to_string() };
                    cx.event(Event::Altered { exchange: None, alteration });
                }
            }
            _ => {}
        }
    }

    fn end(&mut self, failure: Option<Failure>) {
        self.layer.end(failure.as_ref(), &mut self.cx);
        self.done = true;
        let cx = &mut self.cx;
        cx.flush();
        let abort = matches!(&failure, Some(Failure::Reset(_) | Failure::Dial(_)));
        for peer in cx.peers() {
            if abort && cx.leg(peer).is_some_and(|leg| !leg.gone) {
                cx.outputs.push_back(Output::Abort(peer));
            }
        }
        let (received, sent) = (cx.received, cx.sent);
        cx.event(Event::Closed(Closed { received, sent, failure }));
    }
}
