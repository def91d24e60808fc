//! Follows DNS messages as they go by, and pairs queries with their responses.

use std::collections::HashMap;

use bytes::Bytes;
use sidestream_flow::{ExchangeId, Ids, Peer};
use sidestream_record::{DnsMessage, Event, Failure};

use crate::dns;

/// How many queries of one flow may be unanswered: the oldest are given up beyond it.
const MAX_OPEN: usize = 1024;

/// Watches one flow.
pub(crate) struct Watch {
    framing: Framing,
    open: HashMap<u16, ExchangeId>,
}

enum Framing {
    Datagrams {
        port: u16,
    },
    /// Messages with a length before them, from the client and from the server.
    Stream(Box<[dns::tcp::FrameReader; 2]>),
}

impl Watch {
    /// Watches datagrams to and from that port.
    pub(crate) fn datagrams(port: u16) -> Self {
        Self { framing: Framing::Datagrams { port }, open: HashMap::new() }
    }

    /// Watches a byte stream (RFC 1035 §4.2.2).
    pub(crate) fn stream() -> Self {
        Self { framing: Framing::Stream(Box::default()), open: HashMap::new() }
    }

    /// Looks at what a peer sent, and returns whether it is DNS.
    pub(crate) fn see(
        &mut self,
        peer: Peer,
        bytes: &Bytes,
        ids: &Ids,
        events: &mut Vec<Event>,
    ) -> bool {
        match &mut self.framing {
            Framing::Datagrams { port } => {
                if !dns::looks_like(bytes, *port) {
                    return false;
                }
                let Ok(message) = dns::decode(bytes) else { return false };
                self.pair(message, ids, events);
                true
            }
            Framing::Stream(readers) => {
                let mut messages = Vec::new();
                let reader = &mut readers[usize::from(peer != Peer::Client)];
                reader.push(bytes);
                while let Some(frame) = reader.poll_frame() {
                    match dns::decode(&frame) {
                        Ok(message) => messages.push(message),
                        Err(_not_dns) => return false,
                    }
                }
                for message in messages {
                    self.pair(message, ids, events);
                }
                true
            }
        }
    }

    fn pair(&mut self, message: DnsMessage, ids: &Ids, events: &mut Vec<Event>) {
        if message.response {
            // A response to no query, as multicast and misbehaved servers send them, stands for
            // itself.
            let exchange = self.open.remove(&message.id).unwrap_or_else(|| ids.exchange());
            events.push(Event::Dns { exchange, message });
            events.push(Event::ExchangeEnded { exchange, failure: None });
            return;
        }
        if self.open.contains_key(&message.id) {
            // Asked again: it is the same exchange still.
            return;
        }
        if self.open.len() >= MAX_OPEN {
            self.end(events);
        }
        let exchange = ids.exchange();
        self.open.insert(message.id, exchange);
        events.push(Event::Dns { exchange, message });
    }

    /// Gives up the queries that were not answered.
    pub(crate) fn end(&mut self, events: &mut Vec<Event>) {
        let mut open: Vec<_> = self.open.drain().map(|(_, exchange)| exchange).collect();
        open.sort();
        events.extend(
            open.into_iter().map(|exchange| Event::ExchangeEnded {
                exchange,
                failure: Some(Failure::Unanswered),
            }),
        );
    }
}
