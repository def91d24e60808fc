//! Connects to a server through a proxy:
//! `cargo run -p sidestream-upstream --example through -- socks5://127.0.0.1:1080 example.com 80`.

#![expect(clippy::print_stdout, reason = "an example prints")]

use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use sidestream_capture::{Destination, Dial, Direct, Egress, FlowInfo, Target};
use sidestream_flow::{FlowKey, Transport};
use sidestream_upstream::{Server, Upstream};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<_> = std::env::args().skip(1).collect();
    let [proxy, host, port] = &words[..] else { return Err("PROXY HOST PORT".into()) };
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let dial = Upstream::new(proxy.parse::<Server>()?, Arc::new(Direct::default()), Arc::new(tls));
    let nowhere = ([0, 0, 0, 0], 0).into();
    let key = FlowKey { transport: Transport::Tcp, client: nowhere, server: nowhere };
    let flow = FlowInfo {
        key,
        process: None,
        via: "example",
        destination: Destination::Named,
        egress: Egress::default(),
        residual: None,
    };
    match dial.dial(&flow, &Target::Name(host.clone(), port.parse()?)).await {
        Ok(dialed) => println!("connected, from {:?}", dialed.stream.local_addr()),
        Err(failure) => println!("{failure}"),
    }
    Ok(())
}
