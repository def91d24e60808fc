//! The harness of plays: a machine, virtual time, and a transcript of what went in and came out.

use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rustls::crypto::aws_lc_rs::default_provider;
use sidestream_flow::{ExchangeId, FlowKey, Ids, MessageId, Peer, Transport};
use sidestream_proto::hooks::{ConnectFate, MessageQuestion, MessageVerdict, Question, Verdict};
use sidestream_proto::tls::Downstream;
use sidestream_proto::{Config, Conn, Event, Input, Output, PassRules, Share, Start};
use sidestream_record::{DialFailure, Point, WebSocketMessage, wording};

pub(crate) use crate::ca::Ca;

/// Makes a machine's configuration that trusts that authority upstream.
pub(crate) fn config(upstream: &Ca) -> Config {
    Config::new(upstream.trusted(), Downstream::new(Arc::new(default_provider())))
}

/// A machine and its transcript.
pub(crate) struct Play {
    pub(crate) conn: Conn,
    start: Instant,
    now: Instant,
    deadline: Option<Instant>,
    shown: Option<Duration>,
    transcript: String,
    /// What the machine sent and asked for since it was last looked at.
    pub(crate) outputs: Vec<Output>,
    pub(crate) done: bool,
}

impl Play {
    /// A TCP flow to port 80 of 192.0.2.1, not opened yet.
    pub(crate) fn new() -> Self {
        Self::with(config(&Ca::new()), Transport::Tcp, 80, false)
    }

    /// The same, opened.
    pub(crate) fn opened() -> Self {
        let mut play = Self::new();
        play.open();
        play
    }

    /// A TCP flow of a client that speaks to the proxy.
    pub(crate) fn proxy() -> Self {
        Self::with(config(&Ca::new()), Transport::Tcp, 8080, true)
    }

    /// A UDP flow to that port, not opened yet.
    pub(crate) fn udp(port: u16) -> Self {
        Self::with(config(&Ca::new()), Transport::Udp, port, false)
    }

    /// An HTTP flow, opened, in which exchanges are held at these points.
    pub(crate) fn holding(hold: &[Point]) -> Self {
        let config = Config { hold: hold.to_vec(), ..config(&Ca::new()) };
        let mut play = Self::with(config, Transport::Tcp, 80, false);
        play.open();
        play
    }

    /// A flow to that port, of a client that looked the server up under that name, and the rules
    /// by which it is passed.
    pub(crate) fn ruled(
        config: Config,
        transport: Transport,
        port: u16,
        host: Option<String>,
        pass: PassRules,
    ) -> Self {
        Self::begin(config, transport, port, |start| Start { host, pass, ..start })
    }

    pub(crate) fn with(config: Config, transport: Transport, port: u16, named: bool) -> Self {
        Self::begin(config, transport, port, |start| Start { named, ..start })
    }

    fn begin(
        config: Config,
        transport: Transport,
        port: u16,
        so: impl FnOnce(Start) -> Start,
    ) -> Self {
        let key = FlowKey {
            transport,
            client: ([10, 0, 0, 2], 40000).into(),
            server: ([192, 0, 2, 1], port).into(),
        };
        let now = Instant::now();
        let (host, pass) = (None, PassRules::default());
        let fate = ConnectFate::GoOn;
        let start = so(Start { key, named: false, host, ids: Ids::default(), pass, fate });
        let mut play = Self {
            conn: Conn::new(Arc::new(config), start, now),
            start: now,
            now,
            deadline: None,
            shown: None,
            transcript: String::new(),
            outputs: Vec::new(),
            done: false,
        };
        play.drain();
        play
    }

    pub(crate) fn input(&mut self, input: Input) {
        self.line(">>", &Shown(&input));
        self.quiet_input(input);
    }

    /// Feeds an input that is not worth a line, as ciphertext is not.
    pub(crate) fn quiet_input(&mut self, input: Input) {
        self.conn.handle_input(input, self.now);
        self.drain();
    }

    pub(crate) fn open(&mut self) {
        self.input(Input::Opened { server: 0, addr: ([192, 0, 2, 1], 80).into() });
    }

    pub(crate) fn client(&mut self, bytes: impl AsRef<[u8]>) {
        self.data(Peer::Client, bytes);
    }

    pub(crate) fn server(&mut self, bytes: impl AsRef<[u8]>) {
        self.data(Peer::Server(0), bytes);
    }

    pub(crate) fn data(&mut self, peer: Peer, bytes: impl AsRef<[u8]>) {
        self.input(Input::Data(peer, Bytes::copy_from_slice(bytes.as_ref())));
    }

    pub(crate) fn resume(&mut self, exchange: u64) {
        self.line(">>", &format_args!("resume {exchange}"));
        self.conn.resume(ExchangeId(exchange), self.now);
        self.drain();
    }

    /// Takes the questions to hooks since the last time.
    pub(crate) fn take_questions(&mut self) -> Vec<Question> {
        let asked = self.outputs.extract_if(.., |output| matches!(output, Output::Ask(_)));
        asked.filter_map(|it| if let Output::Ask(it) = it { Some(*it) } else { None }).collect()
    }

    pub(crate) fn judge(&mut self, exchange: u64, verdict: Verdict) {
        self.quiet_input(Input::Verdict(ExchangeId(exchange), Box::new(verdict)));
    }

    /// Takes the questions about WebSocket messages since the last time.
    pub(crate) fn take_messages(&mut self) -> Vec<MessageQuestion> {
        let asked = self.outputs.extract_if(.., |it| matches!(it, Output::AskMessage(_)));
        let asked = asked.map(|it| if let Output::AskMessage(it) = it { Some(*it) } else { None });
        asked.flatten().collect()
    }

    pub(crate) fn judge_message(&mut self, message: MessageId, verdict: MessageVerdict) {
        self.quiet_input(Input::MessageVerdict(message, Box::new(verdict)));
    }

    /// Lets time pass in which nothing happens.
    pub(crate) fn wait(&mut self, time: Duration) {
        self.now += time;
    }

    /// Lets the next deadline come.
    pub(crate) fn expire(&mut self) {
        self.now = self.deadline.expect("a deadline was set");
        self.input(Input::Timeout);
    }

    pub(crate) fn drain(&mut self) {
        loop {
            let output = self.conn.poll_output();
            match &output {
                Output::Wait(deadline) => {
                    self.deadline = *deadline;
                    return;
                }
                Output::Done => {
                    if !self.done {
                        self.line("<<", &"done");
                    }
                    self.done = true;
                    return;
                }
                output => self.line("<<", &Shown(output)),
            }
            self.outputs.push(output);
        }
    }

    fn line(&mut self, arrow: &str, what: &dyn fmt::Display) {
        let at = self.now.duration_since(self.start);
        if self.shown.replace(at) == Some(at) {
            write!(self.transcript, "{:7}", "").unwrap();
        } else {
            write!(self.transcript, "{:4} ms", at.as_millis()).unwrap();
        }
        writeln!(self.transcript, " {arrow} {what}").unwrap();
    }

    /// Takes all that was sent to a peer since the last time.
    pub(crate) fn take_sent(&mut self, to: Peer) -> Vec<u8> {
        let mut sent = Vec::new();
        self.outputs.retain(|output| match output {
            Output::Send(peer, bytes) if *peer == to => {
                sent.extend_from_slice(bytes);
                false
            }
            _ => true,
        });
        sent
    }

    /// Takes the events since the last time, a line each.
    pub(crate) fn take_events(&mut self) -> String {
        let mut told = String::new();
        for output in self.outputs.extract_if(.., |output| matches!(output, Output::Event(_))) {
            let Output::Event(event) = output else { continue };
            writeln!(told, "{}", Shown(&event)).unwrap();
        }
        told
    }

    /// Forgets the transcript so far.
    pub(crate) fn skip(&mut self) {
        self.transcript.clear();
    }

    /// Returns the events so far.
    pub(crate) fn events(&self) -> impl Iterator<Item = &Event> {
        self.outputs.iter().filter_map(|output| match output {
            Output::Event(event) => Some(event),
            _ => None,
        })
    }
}

impl fmt::Display for Play {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.transcript)
    }
}

struct Shown<'a, T>(&'a T);

impl fmt::Display for Shown<'_, Input> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Input::Data(peer, bytes) => write!(f, "data {peer} {}", quoted(bytes)),
            Input::Drained(peer) => write!(f, "drained {peer}"),
            Input::Eof(peer) => write!(f, "eof {peer}"),
            Input::Leaf(Ok(_)) => f.write_str("leaf"),
            Input::Leaf(Err(reason)) => write!(f, "no leaf: {reason}"),
            Input::Opened { server, addr } => write!(f, "opened {server} {addr}"),
            Input::OpenFailed { server, failure } => write!(f, "open failed {server}: {failure}"),
            Input::Spliced { from_client, from_server, end } => {
                write!(f, "spliced {from_client} up, {from_server} down, {end:?}")
            }
            Input::Reset(peer) => write!(f, "reset {peer}"),
            Input::Reused { server, by, .. } => write!(f, "reused {server} of flow {}", by.0),
            Input::Spare { server } => write!(f, "spare {server}"),
            Input::Stop => f.write_str("stop"),
            Input::Timeout => f.write_str("timeout"),
            Input::MessageVerdict(message, verdict) => {
                write!(f, "verdict on message {message} {verdict:?}")
            }
            Input::Verdict(exchange, verdict) => write!(f, "verdict {exchange} {verdict:?}"),
            Input::Authenticated(exchange, admitted) => {
                write!(f, "authenticated {exchange} {admitted}")
            }
            Input::Via { server, via } => write!(f, "via {server} {}", via.proxy),
        }
    }
}

impl fmt::Display for Shown<'_, Output> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Output::Accept => f.write_str("accept"),
            Output::Abort(peer) => write!(f, "abort {peer}"),
            Output::Authenticate(login) => write!(f, "authenticate {}", login.exchange),
            Output::Ask(question) => write!(f, "ask {}", question.exchange),
            Output::AskMessage(question) => write!(f, "ask about message {}", question.message),
            Output::Done => f.write_str("done"),
            Output::Event(event) => write!(f, "* {}", Shown(event)),
            Output::Learn(message) => write!(f, "learn {}", wording::dns_answer(message)),
            Output::NeedLeaf(request) => {
                let like = if request.like.is_some() { " like the server's" } else { "" };
                write!(f, "need leaf {}{like}", request.host)
            }
            Output::Keep { server, kept } => write!(f, "keep {server} {}", kept.target),
            Output::Open { server, target, share: Share::No } => {
                write!(f, "open {server} {target}")
            }
            Output::Open { server, target, share: Share::Later } => {
                write!(f, "open {server} {target}, or say what is spare")
            }
            Output::Open { server, target, share: Share::Now(_) } => {
                write!(f, "open {server} {target}, or reuse")
            }
            Output::Send(peer, bytes) => write!(f, "send {peer} {}", quoted(bytes)),
            Output::Shutdown(peer) => write!(f, "shutdown {peer}"),
            Output::Splice { server } => write!(f, "splice {server}"),
            Output::Wait(_) => f.write_str("wait"),
        }
    }
}

impl fmt::Display for Shown<'_, Event> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Event::Connected { server, addr } => write!(f, "connected {server} {addr}"),
            Event::Recognized(protocol) => write!(f, "recognized {}", protocol.name()),
            Event::Named { host } => write!(f, "named {host}"),
            Event::Secured(tls) => {
                write!(f, "secured {} {} {:?} {:?}", tls.peer, tls.version, tls.sni, tls.alpn)
            }
            Event::Request { exchange, url, head } => {
                let method = wording::text(&head.method);
                write!(f, "request {exchange} {method} {url} {} fields", head.fields.len())
            }
            Event::Response { exchange, head } => {
                let fields = head.fields.len();
                write!(f, "response {exchange} {} {fields} fields", head.status)
            }
            Event::Body { exchange, part, data } => {
                write!(f, "body {exchange} {part:?} {}", quoted(data))
            }
            Event::Trailers { exchange, part, fields } => {
                write!(f, "trailers {exchange} {part:?} {} fields", fields.len())
            }
            Event::PartEnded { exchange, part } => write!(f, "ended {exchange} {part:?}"),
            Event::Dns { exchange, message } => {
                let side = if message.response { "response" } else { "query" };
                write!(f, "dns {exchange} {side} {}", wording::dns_question(message))
            }
            Event::ExchangeEnded { exchange, failure: None } => write!(f, "over {exchange}"),
            Event::ExchangeEnded { exchange, failure: Some(failure) } => {
                write!(f, "over {exchange}: {failure}")
            }
            Event::Data { message, from, data } => {
                write!(f, "message {message} {from} {}", quoted(data))
            }
            Event::Defect { exchange, from, what } => {
                let exchange = exchange.map(|id| format!(" {id}")).unwrap_or_default();
                write!(f, "defect{exchange} by the {from}: {what}")
            }
            Event::Advised { exchange, advised } => {
                let exchange = exchange.map(|id| format!(" {id}")).unwrap_or_default();
                write!(f, "advice{exchange} of the {}: {}", advised.from, wording::advice(advised))
            }
            Event::Altered { alteration, .. } => {
                write!(f, "altered: {}", wording::alteration(alteration))
            }
            Event::Held { exchange, point } => write!(f, "held {exchange} {point:?}"),
            Event::Resumed { exchange, point } => write!(f, "resumed {exchange} {point:?}"),
            Event::WebSocket(message) => {
                let WebSocketMessage { from, data, fragments, dropped, .. } = &**message;
                let kind = wording::web_socket_kind(message.kind);
                write!(f, "websocket {from} {kind} {} in {fragments}", quoted(data))?;
                let marks = [
                    (message.compressed, " compressed"),
                    (message.encoded, " encoded"),
                    (!message.ended, " cut"),
                    (message.injected, " injected"),
                ];
                let marks = marks.into_iter().filter(|(is, _)| *is);
                marks.map(|(_, mark)| mark).try_for_each(|mark| f.write_str(mark))?;
                if let Some(edit) = &message.edit {
                    write!(f, " {}", wording::message_edit(edit))?;
                }
                if *dropped > 0 { write!(f, " {dropped} dropped") } else { Ok(()) }
            }
            Event::Closed(closed) => {
                write!(f, "closed, {} received, {} sent", closed.received, closed.sent)?;
                closed.failure.as_ref().map_or(Ok(()), |failure| write!(f, ": {failure}"))
            }
            other => write!(f, "{other:?}"),
        }
    }
}

fn quoted(bytes: &[u8]) -> String {
    const SHOWN: usize = 160;
    if bytes.len() > SHOWN {
        return format!("{} bytes", bytes.len());
    }
    format!("\"{}\"", bytes.escape_ascii())
}

/// The input of a refused connection.
pub(crate) fn refused(server: u32) -> Input {
    Input::OpenFailed { server, failure: DialFailure::Refused }
}

/// Words an event as transcripts do.
pub(crate) fn shown(event: &Event) -> String {
    Shown(event).to_string()
}
