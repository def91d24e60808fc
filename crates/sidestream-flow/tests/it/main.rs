//! What the words promise.

use std::net::SocketAddr;
use std::sync::Arc;

use sidestream_flow::{FlowKey, Ids, Peer, Process, Redacted, Transport};

#[test]
fn ids_are_never_given_out_twice_also_from_clones() {
    let ids = Ids::default();
    let clone = ids.clone();
    assert_eq!([ids.flow().0, clone.flow().0, ids.flow().0], [1, 2, 3]);
    assert_eq!([ids.exchange().0, clone.exchange().0], [1, 2]);
    assert_eq!(ids.message().0, 1);
}

#[test]
fn a_key_reads_from_client_to_server() {
    let client: SocketAddr = ([10, 0, 0, 2], 4000).into();
    let server: SocketAddr = ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1], 443).into();
    let key = FlowKey { transport: Transport::Udp, client, server };
    assert_eq!(key.to_string(), "udp 10.0.0.2:4000 > [2001:db8::1]:443");
}

#[test]
fn only_servers_after_the_first_are_numbered() {
    assert_eq!(
        [Peer::Client, Peer::Server(0), Peer::Server(3)].map(|peer| peer.to_string()),
        ["client", "server", "server 3"]
    );
}

#[test]
fn parents_go_up_to_init() {
    let init = Arc::new(Process { pid: 1, ..Process::default() });
    let shell = Arc::new(Process { pid: 7, parent: Some(init), ..Process::default() });
    let curl = Process { pid: 42, parent: Some(shell), ..Process::default() };
    assert_eq!(curl.parents().map(|process| process.pid).collect::<Vec<_>>(), [7, 1]);
}

#[test]
fn a_secret_is_printed_by_no_format() {
    let secret = Redacted("hunter2");
    assert_eq!(format!("{secret} {secret:?} {:#?}", Some(secret)).matches("hunter2").count(), 0);
}
