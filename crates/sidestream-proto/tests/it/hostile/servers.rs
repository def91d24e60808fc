//! Clients of a proxy that ask for one server after the other.

use sidestream_flow::Peer;
use sidestream_proto::{Input, Output};

use super::{Attacked, MIB, holds_at_most};
use crate::play::Play;

/// Asks a proxy for a server, and lets that answer.
fn ask(attacked: &mut Attacked, host: u32, server: u32) {
    attacked.ask(format!("GET http://{host}.test/ HTTP/1.1\r\nHost: {host}.test\r\n\r\n"));
    attacked.input(Input::Opened { server, addr: ([192, 0, 2, 1], 80).into() });
    let answer = "HTTP/1.1 204 No Content\r\n\r\n";
    attacked.input(Input::Data(Peer::Server(server), answer.into()));
}

#[test]
fn a_client_of_many_servers_is_served_a_thousand_times_on_a_connection() {
    holds_at_most(MIB, || {
        let mut attacked = Attacked::proxy();
        for server in 0..1000 {
            assert!(!attacked.done, "after {server}");
            ask(&mut attacked, server, server);
        }
        assert_eq!((attacked.ended, attacked.done), (1000, true));
        let flow = attacked.flow.unwrap();
        assert_eq!((flow.servers.len(), flow.failure()), (100, None));
        assert_eq!(flow.servers.last().unwrap().0, 999, "the last ones are kept");
    });
}

#[test]
fn a_server_idle_for_the_longest_makes_room_for_another() {
    let mut play = Play::proxy();
    let mut ask = |host: u32, opens: Option<u32>| {
        play.client(format!("GET http://{host}.test/ HTTP/1.1\r\nHost: {host}.test\r\n\r\n"));
        let server = opens.unwrap_or(host);
        if opens.is_some() {
            play.input(Input::Opened { server, addr: ([192, 0, 2, 1], 80).into() });
        }
        play.data(Peer::Server(server), "HTTP/1.1 204 No Content\r\n\r\n");
        let aborted = play.outputs.drain(..).filter_map(|output| match output {
            Output::Abort(peer) => Some(peer),
            _ => None,
        });
        aborted.collect::<Vec<_>>()
    };
    for host in 0..64 {
        assert_eq!(ask(host, Some(host)), []);
    }
    // The first one is asked again, so the second one is idle for the longest.
    assert_eq!(ask(0, None), []);
    assert_eq!(ask(64, Some(64)), [Peer::Server(1)]);
    assert_eq!(ask(0, None), []);
    assert_eq!(ask(65, Some(65)), [Peer::Server(2)]);
}
