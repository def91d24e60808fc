//! Flows that nobody looks at: their two connections are relayed as they are.

use std::task::{Context, Poll};

use sidestream_capture::Stream;
use sidestream_flow::Peer;
use sidestream_proto::{Input, SpliceEnd};
use sidestream_relay::{Ending, Ends, Relay, Which};

use crate::side::Side;

const ENDS: Ends<Box<dyn Stream>> =
    Ends { socket: |stream| stream.socket(), reset: |stream| stream.reset() };

/// The two connections of a flow, the client's first.
pub(crate) struct Splice {
    relay: Relay<Box<dyn Stream>>,
    server: u32,
}

impl Splice {
    pub(crate) fn new(client: Side, server: Side, number: u32) -> Self {
        let (client, server) = (client.into_parts(), server.into_parts());
        let relay = Relay::new(client.stream, server.stream, ENDS);
        let mut relay = relay.with_early(client.waiting, server.waiting);
        if client.ended {
            relay = relay.with_ended(Which::A, server.is_shut);
        }
        if server.ended {
            relay = relay.with_ended(Which::B, client.is_shut);
        }
        Self { relay, server: number }
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Input> {
        self.relay.poll_relayed(cx).map(|relayed| {
            self.over(match relayed.ending {
                Ending::Reset(Which::A) => SpliceEnd::Reset(Peer::Client),
                Ending::Reset(Which::B) => SpliceEnd::Reset(Peer::Server(self.server)),
                _ => SpliceEnd::Closed,
            })
        })
    }

    /// Ends it because the proxy is to stop. What one peer has ended is nearly over anyway.
    pub(crate) fn stop(self) -> Input {
        self.over(if self.relay.is_ending() { SpliceEnd::Closed } else { SpliceEnd::Stopped })
    }

    fn over(&self, end: SpliceEnd) -> Input {
        let (from_client, from_server) = (self.relay.from_a(), self.relay.from_b());
        Input::Spliced { from_client, from_server, end }
    }
}
