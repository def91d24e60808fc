//! Adds entries up to flows and exchanges.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use sidestream_flow::{ExchangeId, FlowId, MessageId, Peer};

use crate::{Entry, Event, Exchange, Flow, WebSocketMessage};

/// The status of a response after which another protocol is spoken (RFC 9110 §15.2.2).
const SWITCHING_PROTOCOLS: u16 = 101;

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

    /// Returns a flow that has not ended.
    pub fn open_flow(&self, id: FlowId) -> Option<&Flow> {
        self.flows.get(&id).map(|page| &*page.flow)
    }

    /// Iterates over the exchanges of a flow that have not ended.
    pub fn open_exchanges(&self, flow: FlowId) -> impl Iterator<Item = &Exchange> {
        self.flows.get(&flow).into_iter().flat_map(|page| page.exchanges.values())
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
                let url = page.url_of(message.exchange);
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

    /// Returns the URL of the exchange that opened a WebSocket: over HTTP/2 it lasts as long as
    /// that does, else it has ended. It is empty if it was not seen.
    fn url_of(&self, opening: ExchangeId) -> Arc<str> {
        if let Some(exchange) = self.exchanges.get(&opening) {
            return exchange.url.as_str().into();
        }
        let switched = self.switched.as_ref().filter(|(id, _)| *id == opening);
        switched.map_or_else(|| "".into(), |(_, url)| Arc::clone(url))
    }

    fn apply_exchange(
        &mut self,
        id: ExchangeId,
        at: SystemTime,
        event: &Event,
        keep_bytes: usize,
    ) -> Vec<Finished> {
        if matches!(event, Event::Annotated { .. }) && !self.exchanges.contains_key(&id) {
            // What has ended was given out already.
            return Vec::new();
        }
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
