//! Dials an address given on the command line and says how it went.
#![expect(clippy::print_stdout, reason = "an example prints")]

use std::net::SocketAddr;

use sidestream_capture::{Destination, Dial, Direct, Egress, FlowInfo, Target};
use sidestream_flow::{FlowKey, Transport};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let server = std::env::args().nth(1).and_then(|addr| addr.parse().ok());
    let server = server.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 80)));
    let key = FlowKey { transport: Transport::Tcp, client: ([127, 0, 0, 1], 1).into(), server };
    let flow = FlowInfo {
        key,
        process: None,
        via: "example",
        destination: Destination::Original,
        egress: Egress::default(),
        residual: None,
    };
    match Direct::default().dial(&flow, &Target::Addr(server)).await {
        Ok(dialed) => println!("{} accepted", dialed.addr),
        Err(failure) => println!("{failure}"),
    }
}
