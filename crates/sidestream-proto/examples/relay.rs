//! Plays one plain HTTP exchange through the machine and prints what it says to do.
#![expect(clippy::print_stdout, reason = "an example prints")]
#![expect(clippy::disallowed_methods, reason = "an engine knows the time")]

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use rustls::crypto::aws_lc_rs::default_provider;
use sidestream_flow::{FlowKey, Ids, Peer, Transport};
use sidestream_proto::tls::{Downstream, Upstream};
use sidestream_proto::{Config, Conn, Input, Output, PassRules, Start};

fn main() {
    let (client, server) = (([10, 0, 0, 2], 40000).into(), ([192, 0, 2, 1], 80).into());
    let key = FlowKey { transport: Transport::Tcp, client, server };
    let provider = Arc::new(default_provider());
    let config =
        Config::new(Upstream::trusting_nobody(Arc::clone(&provider)), Downstream::new(provider));
    let start = Start {
        key,
        named: false,
        host: None,
        ids: Ids::default(),
        pass: PassRules::default(),
        fate: Default::default(),
    };
    let mut conn = Conn::new(Arc::new(config), start, Instant::now());
    let request = Bytes::from_static(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    let response = Bytes::from_static(b"HTTP/1.1 204 No Content\r\n\r\n");
    let inputs = [
        Input::Opened { server: 0, addr: server },
        Input::Data(Peer::Client, request),
        Input::Data(Peer::Server(0), response),
        Input::Eof(Peer::Client),
        Input::Eof(Peer::Server(0)),
    ];
    for input in inputs {
        println!(">> {input:?}");
        conn.handle_input(input, Instant::now());
        loop {
            match conn.poll_output() {
                Output::Wait(_) => break,
                Output::Done => return,
                output => println!("<< {output:?}"),
            }
        }
    }
}
