//! Puts exchanges and the messages of their WebSockets together.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use sidestream::flow::{ExchangeId, FlowId};
use sidestream::record::{Exchange, Finished, Flow, WebSocketMessage};

/// How many messages of a WebSocket are held.
const MESSAGES: usize = 100_000;

/// How much content of them is.
const CONTENT_BYTES: usize = 32 * 1024 * 1024;

/// An exchange, with the messages of the WebSocket that it opened.
#[derive(Debug)]
pub(super) struct Gathered {
    pub(super) flow: Arc<Flow>,
    pub(super) exchange: Box<Exchange>,
    pub(super) messages: Vec<(SystemTime, WebSocketMessage)>,
    /// How many messages more there were.
    pub(super) left_out: u64,
}

/// Holds exchanges that opened a WebSocket until their flow has ended.
#[derive(Debug, Default)]
pub(super) struct Gatherer {
    sockets: HashMap<ExchangeId, Socket>,
}

#[derive(Debug)]
struct Socket {
    flow: FlowId,
    exchange: Option<Box<Exchange>>,
    messages: Vec<(SystemTime, WebSocketMessage)>,
    bytes: usize,
    left_out: u64,
}

impl Socket {
    const fn new(flow: FlowId) -> Self {
        Self { flow, exchange: None, messages: Vec::new(), bytes: 0, left_out: 0 }
    }
}

impl Gatherer {
    /// Takes what is finished, and returns what is whole by it.
    pub(super) fn take(&mut self, finished: &Finished) -> Vec<Gathered> {
        match finished {
            Finished::Exchange(flow, exchange) => {
                // Over HTTP/1 messages come behind the exchange, over HTTP/2 before its end.
                let switched = exchange.response.as_ref().is_some_and(|head| head.status == 101);
                if switched && flow.closed.is_none() {
                    let socket = self.sockets.entry(exchange.id);
                    let socket = socket.or_insert_with(|| Socket::new(flow.id));
                    socket.exchange = Some(exchange.clone());
                    return Vec::new();
                }
                let socket = self.sockets.remove(&exchange.id);
                let socket = socket.unwrap_or_else(|| Socket::new(flow.id));
                vec![gathered(flow, exchange.clone(), socket)]
            }
            Finished::WebSocket { flow, message, at, .. } => {
                let socket = self.sockets.entry(message.exchange);
                socket.or_insert_with(|| Socket::new(flow.id)).push(*at, message);
                Vec::new()
            }
            Finished::Flow(flow) => self.close(flow),
            _ => Vec::new(),
        }
    }

    fn close(&mut self, flow: &Arc<Flow>) -> Vec<Gathered> {
        let ids = self.sockets.iter().filter(|(_, socket)| socket.flow == flow.id);
        let mut ids: Vec<_> = ids.map(|(id, _)| *id).collect();
        ids.sort_unstable();
        let sockets = ids.into_iter().filter_map(|id| self.sockets.remove(&id));
        let whole = sockets.filter_map(|mut socket| {
            let exchange = socket.exchange.take()?;
            Some(gathered(flow, exchange, socket))
        });
        whole.collect()
    }
}

fn gathered(flow: &Arc<Flow>, exchange: Box<Exchange>, socket: Socket) -> Gathered {
    let Socket { messages, left_out, .. } = socket;
    Gathered { flow: Arc::clone(flow), exchange, messages, left_out }
}

impl Socket {
    fn push(&mut self, at: SystemTime, message: &WebSocketMessage) {
        if self.messages.len() >= MESSAGES {
            self.left_out += 1;
            return;
        }
        let fits = self.bytes + message.data.len() <= CONTENT_BYTES;
        let message = if fits { message.clone() } else { message.without_content() };
        self.bytes += message.data.len();
        self.messages.push((at, message));
    }
}
