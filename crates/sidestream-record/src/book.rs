//! Adds entries up to flows and exchanges.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use sidestream_flow::{ExchangeId, FlowId, FlowKey, MessageId, Peer, Process};

use crate::{
    Alteration, Closed, DnsMessage, Entry, Event, Failure, Fields, Part, Protocol, RequestHead,
    ResponseHead, Tls, WebSocketMessage,
};

/// The status of a response after which another protocol is spoken (RFC 9110 §15.2.2).
const SWITCHING_PROTOCOLS: u16 = 101;

/// How many entries each list of a flow or exchange keeps: peers can make more of them than anyone
/// would read.
const MAX_KEPT: usize = 100;

/// A flow, as far as its events tell.
#[derive(Clone, Debug, PartialEq)]
pub struct Flow {
    /// Its id.
    pub id: FlowId,
    /// Its five-tuple.
    pub key: FlowKey,
    /// The process that opened it.
    pub process: Option<Arc<Process>>,
    /// The mode that captured it.
    pub via: String,
    /// When it was captured.
    pub opened_at: SystemTime,
    /// The last hundred servers that were reached, by number.
    pub servers: Vec<(u32, SocketAddr)>,
    /// The innermost protocol that was recognized.
    pub protocol: Option<Protocol>,
    /// The server's name.
    pub host: Option<String>,
    /// The first hundred legs that were secured, in the order in which they were.
    pub tls: Vec<Tls>,
    /// What peers sent that is not as the standard has it, outside exchanges; a hundred of them.
    pub defects: Vec<String>,
    /// What was passed on otherwise than it was sent, outside exchanges; a hundred of them.
    pub alterations: Vec<Alteration>,
    /// How many exchanges it has had.
    pub exchanges: u64,
    /// How many bytes went by outside exchanges, from the client and from servers.
    pub data_bytes: [u64; 2],
    /// When and how it ended.
    pub closed: Option<(SystemTime, Closed)>,
}

impl Flow {
    /// Returns what is known of the TLS leg towards the client.
    pub fn client_tls(&self) -> Option<&Tls> {
        self.tls.iter().rev().find(|tls| tls.peer == Peer::Client)
    }

    /// Returns why the flow did not end well.
    pub fn failure(&self) -> Option<&Failure> {
        self.closed.as_ref()?.1.failure.as_ref()
    }
}

/// One of the two bodies of an exchange: how much of it went by, and how it began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body {
    /// How many bytes of content.
    pub bytes: u64,
    /// How many of them were not recorded.
    pub dropped: u64,
    /// The beginning of the content, as much as the [`Book`] keeps.
    pub beginning: Vec<u8>,
    /// The trailer fields.
    pub trailers: Fields,
    /// Whether it went by whole.
    pub ended: bool,
}

/// When the parts of an exchange went by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// The request, or query, began.
    pub started: SystemTime,
    /// The request was whole.
    pub request_ended: Option<SystemTime>,
    /// The final response began.
    pub response_started: Option<SystemTime>,
    /// The exchange was over.
    pub ended: Option<SystemTime>,
}

impl Timing {
    /// Returns how long after the start that point came, zero if the clock was set back.
    pub fn since_start(&self, point: Option<SystemTime>) -> Option<Duration> {
        point.map(|point| point.duration_since(self.started).unwrap_or_default())
    }
}

/// A request and its response, or a DNS query and its answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Exchange {
    /// Its id.
    pub id: ExchangeId,
    /// The absolute URI, empty for DNS.
    pub url: String,
    /// The request's head.
    pub request: Option<RequestHead>,
    /// The first hundred interim responses.
    pub interim: Vec<ResponseHead>,
    /// The final response's head.
    pub response: Option<ResponseHead>,
    /// The DNS query.
    pub query: Option<DnsMessage>,
    /// The DNS response.
    pub answer: Option<DnsMessage>,
    /// The request's body.
    pub request_body: Body,
    /// The response's body.
    pub response_body: Body,
    /// When its parts went by.
    pub timing: Timing,
    /// What peers sent that is not as the standard has it; a hundred of them.
    pub defects: Vec<String>,
    /// What was passed on otherwise than it was sent; a hundred of them.
    pub alterations: Vec<Alteration>,
    /// Why it did not end well.
    pub failure: Option<Failure>,
}

impl Exchange {
    fn new(id: ExchangeId, at: SystemTime) -> Self {
        Self {
            id,
            url: String::new(),
            request: None,
            interim: Vec::new(),
            response: None,
            query: None,
            answer: None,
            request_body: Body::default(),
            response_body: Body::default(),
            timing: Timing {
                started: at,
                request_ended: None,
                response_started: None,
                ended: None,
            },
            defects: Vec::new(),
            alterations: Vec::new(),
            failure: None,
        }
    }

    /// Returns the body of that part.
    pub const fn body(&self, part: Part) -> &Body {
        match part {
            Part::Request => &self.request_body,
            Part::Response => &self.response_body,
        }
    }

    fn body_mut(&mut self, part: Part) -> &mut Body {
        match part {
            Part::Request => &mut self.request_body,
            Part::Response => &mut self.response_body,
        }
    }

    fn apply(&mut self, at: SystemTime, event: &Event, keep_bytes: usize) {
        match event {
            Event::Request { url, head, .. } => {
                self.url.clone_from(url);
                self.request = Some(head.clone());
            }
            Event::Response { head, .. } if head.is_interim() => keep(&mut self.interim, head),
            Event::Response { head, .. } => {
                self.timing.response_started = Some(at);
                self.response = Some(head.clone());
            }
            Event::Body { part, data, .. } => {
                let body = self.body_mut(*part);
                body.bytes += data.len() as u64;
                let room = keep_bytes.saturating_sub(body.beginning.len());
                body.beginning.extend_from_slice(&data[..data.len().min(room)]);
            }
            Event::BodyDropped { part, bytes, .. } => {
                let body = self.body_mut(*part);
                body.bytes += bytes;
                body.dropped += bytes;
            }
            Event::Trailers { part, fields, .. } => {
                self.body_mut(*part).trailers.clone_from(fields);
            }
            Event::PartEnded { part, .. } => {
                self.body_mut(*part).ended = true;
                if *part == Part::Request {
                    self.timing.request_ended = Some(at);
                }
            }
            Event::Dns { message, .. } if message.response => {
                self.timing.response_started = Some(at);
                self.answer = Some(message.clone());
            }
            Event::Dns { message, .. } => {
                self.timing.request_ended = Some(at);
                self.query = Some(message.clone());
            }
            Event::Defect { what, .. } => keep(&mut self.defects, what),
            Event::Altered { alteration, .. } => keep(&mut self.alterations, alteration),
            Event::ExchangeEnded { failure, .. } => {
                self.timing.ended = Some(at);
                self.failure.clone_from(failure);
            }
            _ => {}
        }
    }
}

/// Bytes that belong to no exchange: a datagram, or a stretch of a raw stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// Who sent it.
    pub from: Peer,
    /// The bytes.
    pub data: Bytes,
    /// When it went by.
    pub at: SystemTime,
}

/// Something that is complete.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Finished {
    /// An exchange ended.
    Exchange(Arc<Flow>, Box<Exchange>),
    /// A message went by.
    Message(Arc<Flow>, Message),
    /// A flow ended. Its exchanges came before it.
    Flow(Arc<Flow>),
    /// A WebSocket message went by.
    WebSocket {
        /// Its flow.
        flow: Arc<Flow>,
        /// The URL of the exchange that opened the WebSocket, empty if that was not seen.
        url: Arc<str>,
        /// The message.
        message: Box<WebSocketMessage>,
        /// When it was whole.
        at: SystemTime,
    },
}

/// Adds entries up, and gives out what they complete.
///
/// It holds what is under way, and of each body the beginning only.
#[derive(Debug, Default)]
pub struct Book {
    keep_bytes: usize,
    flows: HashMap<FlowId, Page>,
}

#[derive(Debug)]
struct Page {
    flow: Arc<Flow>,
    exchanges: HashMap<ExchangeId, Exchange>,
    /// The exchange that ended with another protocol (RFC 9110 §7.8), and its URL.
    switched: Option<(ExchangeId, Arc<str>)>,
}

impl Book {
    /// Makes a book that keeps that many bytes from the beginning of each body.
    pub fn keeping(keep_bytes: usize) -> Self {
        Self { keep_bytes, flows: HashMap::new() }
    }

    /// Iterates over the flows that have not ended.
    pub fn open_flows(&self) -> impl Iterator<Item = &Flow> {
        self.flows.values().map(|page| &*page.flow)
    }

    /// Takes an entry, and returns what it completes, the inner before the outer.
    ///
    /// An entry of a flow that was never opened, as a damaged recording may have, is passed over.
    pub fn apply(&mut self, entry: &Entry) -> Vec<Finished> {
        let Entry { at, flow: id, event } = entry;
        if let Event::Opened(opened) = event {
            let flow = Arc::new(Flow::new(*id, *at, opened));
            self.flows.insert(*id, Page::new(flow));
            return Vec::new();
        }
        let Some(page) = self.flows.get_mut(id) else { return Vec::new() };
        if let Some(exchange) = event.exchange() {
            return page.apply_exchange(exchange, *at, event, self.keep_bytes);
        }
        Arc::make_mut(&mut page.flow).apply(*at, event);
        match event {
            Event::Data { message, from, data } => {
                let message = Message { id: *message, from: *from, data: data.clone(), at: *at };
                vec![Finished::Message(Arc::clone(&page.flow), message)]
            }
            Event::WebSocket(message) => {
                let opening = page.switched.as_ref().filter(|(id, _)| *id == message.exchange);
                let url = opening.map_or_else(|| "".into(), |(_, url)| Arc::clone(url));
                let (flow, message) = (Arc::clone(&page.flow), message.clone());
                vec![Finished::WebSocket { flow, url, message, at: *at }]
            }
            Event::Closed(_) => self.close(*id),
            _ => Vec::new(),
        }
    }

    fn close(&mut self, id: FlowId) -> Vec<Finished> {
        let Some(page) = self.flows.remove(&id) else { return Vec::new() };
        let mut left: Vec<_> = page.exchanges.into_values().collect();
        left.sort_by_key(|exchange| exchange.id);
        left.into_iter()
            .map(|exchange| Finished::Exchange(Arc::clone(&page.flow), Box::new(exchange)))
            .chain([Finished::Flow(Arc::clone(&page.flow))])
            .collect()
    }
}

impl Page {
    fn new(flow: Arc<Flow>) -> Self {
        Self { flow, exchanges: HashMap::new(), switched: None }
    }

    fn apply_exchange(
        &mut self,
        id: ExchangeId,
        at: SystemTime,
        event: &Event,
        keep_bytes: usize,
    ) -> Vec<Finished> {
        let exchange = self.exchanges.entry(id).or_insert_with(|| {
            Arc::make_mut(&mut self.flow).exchanges += 1;
            Exchange::new(id, at)
        });
        exchange.apply(at, event, keep_bytes);
        if !matches!(event, Event::ExchangeEnded { .. }) {
            return Vec::new();
        }
        let Some(exchange) = self.exchanges.remove(&id) else { return Vec::new() };
        if exchange.response.as_ref().is_some_and(|head| head.status == SWITCHING_PROTOCOLS) {
            self.switched = Some((id, exchange.url.as_str().into()));
        }
        vec![Finished::Exchange(Arc::clone(&self.flow), Box::new(exchange))]
    }
}

impl Flow {
    fn new(id: FlowId, at: SystemTime, opened: &crate::Opened) -> Self {
        Self {
            id,
            key: opened.key,
            process: opened.process.clone(),
            via: opened.via.clone(),
            opened_at: at,
            servers: Vec::new(),
            protocol: None,
            host: None,
            tls: Vec::new(),
            defects: Vec::new(),
            alterations: Vec::new(),
            exchanges: 0,
            data_bytes: [0; 2],
            closed: None,
        }
    }

    fn apply(&mut self, at: SystemTime, event: &Event) {
        match event {
            Event::Connected { server, addr } => {
                if self.servers.len() >= MAX_KEPT {
                    self.servers.remove(0);
                }
                self.servers.push((*server, *addr));
            }
            Event::Recognized(protocol) => self.protocol = Some(*protocol),
            Event::Named { host } => self.host = Some(host.clone()),
            Event::Secured(tls) => keep(&mut self.tls, tls),
            Event::Data { from, data, .. } => {
                self.data_bytes[usize::from(*from != Peer::Client)] += data.len() as u64;
            }
            Event::DataDropped { from, bytes, .. } => {
                self.data_bytes[usize::from(*from != Peer::Client)] += bytes;
            }
            Event::WebSocket(message) => {
                self.data_bytes[usize::from(message.from != Peer::Client)] += message.bytes();
            }
            Event::Defect { what, .. } => keep(&mut self.defects, what),
            Event::Altered { alteration, .. } => keep(&mut self.alterations, alteration),
            Event::Closed(closed) => self.closed = Some((at, closed.clone())),
            _ => {}
        }
    }
}

/// Puts an entry behind the others, unless there are many.
fn keep<T: Clone>(list: &mut Vec<T>, entry: &T) {
    if list.len() < MAX_KEPT {
        list.push(entry.clone());
    }
}
