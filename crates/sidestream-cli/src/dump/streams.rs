//! Connections without exchanges, as a dump has them.

use std::collections::HashMap;

use sidestream::dump::{self, Content, Message};
use sidestream::flow::{FlowId, Peer, Transport};
use sidestream::record::Finished;

/// How many bytes of a connection are held.
const HELD_BYTES: usize = 64 * 1024 * 1024;

/// Holds what went by on connections without exchanges until they have ended.
#[derive(Debug, Default)]
pub(crate) struct Streams(HashMap<FlowId, Stream>);

#[derive(Debug, Default)]
struct Stream {
    messages: Vec<Message>,
    bytes: usize,
    left_out: u64,
}

impl Streams {
    /// Takes what is finished, and returns the flow that is whole by it, and how much of it had
    /// to be left out.
    pub(crate) fn take(&mut self, finished: &Finished) -> Option<(dump::Flow, u64)> {
        match finished {
            Finished::Message(flow, message) => {
                let stream = self.0.entry(flow.id).or_default();
                let taken = message.data.len() + size_of::<Message>();
                if stream.bytes + taken > HELD_BYTES {
                    stream.left_out += message.data.len() as u64;
                    return None;
                }
                stream.bytes += taken;
                stream.messages.push(Message {
                    from_client: message.from == Peer::Client,
                    data: message.data.to_vec(),
                    at: message.at,
                });
                None
            }
            Finished::Flow(flow) => {
                let stream = self.0.remove(&flow.id);
                if stream.is_none() && flow.exchanges > 0 {
                    return None;
                }
                let Stream { messages, left_out, .. } = stream.unwrap_or_default();
                let mut whole = super::noted(&flow.notes, super::frame(flow));
                whole.content = match flow.key.transport {
                    Transport::Tcp => Content::Tcp(messages),
                    Transport::Udp => Content::Udp(messages),
                };
                let at = flow.closed.as_ref().map_or(flow.opened_at, |(at, _)| *at);
                let failure = flow.failure();
                whole.failure = failure.map(|it| dump::Failure { message: it.to_string(), at });
                Some((whole, left_out))
            }
            _ => None,
        }
    }
}
