//! Prints the words that a flow is described with.
#![expect(clippy::print_stdout, reason = "an example prints")]

use sidestream_flow::{FlowKey, Ids, Peer, Transport};

fn main() {
    let ids = Ids::default();
    let key = FlowKey {
        transport: Transport::Udp,
        client: ([10, 0, 0, 2], 5353).into(),
        server: ([192, 0, 2, 53], 53).into(),
    };
    println!("flow {}: {key}; it has a {} and a {}", ids.flow(), Peer::Client, Peer::Server(0));
}
