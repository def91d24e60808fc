//! What is captured arrives with all that is known of it.

use std::net::{IpAddr, SocketAddr};

use sidestream_flow::Transport;
use sidestream_ipc::{FlowVerdict, NoticeKind};
use sidestream_testkit::{has_ipv6_loopback, skip};

use crate::actor::{Actor, BURST};
use crate::ground::{eventually, on_ground};
use crate::proxy::{CAPTURED, Proxy};
use crate::server::{self, DIRECT};

/// Nobody listens there: only the proxy can answer.
const SERVER: &str = "127.0.0.1:7";
const SERVER_V6: &str = "[::1]:7";

fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

#[test]
fn a_connection_of_a_chosen_process_is_handed_over() {
    if !on_ground("capture::a_connection_of_a_chosen_process_is_handed_over") {
        return;
    }
    let mut client = Actor::client();
    let proxy = Proxy::start(&format!("pid:{}", client.pid()));
    assert_eq!(client.tcp(addr(SERVER)), format!("{CAPTURED} by {SERVER}"));
    let told = proxy.told();
    let [flow] = &told.flows[..] else { panic!("{:?}", told.flows) };
    assert_eq!(flow.key.transport, Transport::Tcp);
    assert_eq!(flow.key.server, addr(SERVER));
    assert_eq!(flow.key.client.ip(), addr(SERVER).ip());
    assert_eq!(flow.verdict, FlowVerdict::Intercept);
    assert_eq!(flow.bound, None);
    let record = &told.processes[&flow.process.unwrap()];
    assert_eq!(record.process.pid, client.pid());
    assert_eq!(record.process.path, std::env::current_exe().ok());
    assert_eq!(record.process.user.as_ref().unwrap().uid, 0);
    let parent = &told.processes[&record.parent.unwrap()];
    assert_eq!(parent.process.pid, std::process::id());
}

#[test]
fn every_family_and_transport_is_captured() {
    if !on_ground("capture::every_family_and_transport_is_captured") {
        return;
    }
    let mut client = Actor::client();
    let proxy = Proxy::start(&format!("pid:{}", client.pid()));
    let mut servers = vec![SERVER];
    if has_ipv6_loopback() {
        servers.push(SERVER_V6);
    } else {
        skip("every_family_and_transport_is_captured (IPv6)", "there is no ::1");
    }
    for server in servers {
        assert_eq!(client.tcp(addr(server)), format!("{CAPTURED} by {server}"));
        assert_eq!(client.udp(addr(server)), format!("{CAPTURED} by {server}"));
        let told = proxy.told();
        let client: IpAddr = addr(server).ip();
        assert!(told.flows.iter().rev().take(2).all(|flow| flow.key.client.ip() == client));
    }
    eventually("the end of each association", || {
        let told = proxy.told();
        let udp = told.flows.iter().filter(|flow| flow.key.transport == Transport::Udp);
        udp.clone().count() > 0 && udp.clone().all(|flow| told.closed.contains(&flow.id))
    });
}

#[test]
fn who_is_not_chosen_connects_directly() {
    if !on_ground("capture::who_is_not_chosen_connects_directly") {
        return;
    }
    let (mut chosen, mut other) = (Actor::client(), Actor::client());
    let server = server::start("127.0.0.1");
    let proxy = Proxy::start(&format!("pid:{}", chosen.pid()));
    assert_eq!(chosen.tcp(server), format!("{CAPTURED} by {server}"));
    assert_eq!(other.tcp(server), format!("{DIRECT} by {server}"));
    assert_eq!(other.udp(server), format!("{DIRECT} by {server}"));
    assert_eq!(proxy.told().flows.len(), 1);
}

#[test]
fn what_a_chosen_tree_runs_is_known_after_it_has_gone() {
    let test = "capture::what_a_chosen_tree_runs_is_known_after_it_has_gone";
    if !on_ground(test) {
        return;
    }
    let mut parent = Actor::client();
    if parent.run("curl --version").is_empty() {
        return skip(test, "there is no curl");
    }
    let proxy = Proxy::start(&format!("tree:pid:{}", parent.pid()));
    let asked = "curl -s --http0.9 --max-time 10 http://127.0.0.1:7/";
    for _ in 0..20 {
        assert_eq!(parent.run(asked), CAPTURED);
    }
    let told = proxy.told();
    assert_eq!(told.flows.len(), 20);
    for flow in &told.flows {
        let record = &told.processes[&flow.process.unwrap()];
        assert_eq!(record.process.args.join(" "), asked);
        assert_eq!(record.process.path.as_ref().unwrap().file_name().unwrap(), "curl");
        let by = &told.processes[&record.parent.unwrap()];
        assert_eq!(by.process.pid, parent.pid());
    }
    let pids: std::collections::HashSet<_> =
        told.flows.iter().map(|flow| told.processes[&flow.process.unwrap()].process.pid).collect();
    assert_eq!(pids.len(), 20, "each has a record of its own");
}

#[test]
fn open_connections_are_reset_where_that_is_asked_for() {
    if !on_ground("capture::open_connections_are_reset_where_that_is_asked_for") {
        return;
    }
    let server = server::start_silent();
    let (mut chosen, mut other) = (Actor::client(), Actor::client());
    chosen.hold(server);
    other.hold(server);
    let proxy = Proxy::start_with(&[], &format!("pid:{}", chosen.pid()), true);
    assert_eq!(chosen.hear(), "error: ConnectionAborted");
    eventually("the notice", || {
        proxy.told().notices.iter().any(|it| it.kind == NoticeKind::Reset && it.count == 1)
    });
    assert_eq!(chosen.tcp(addr(SERVER)), format!("{CAPTURED} by {SERVER}"));
}

#[test]
fn no_datagram_of_a_burst_is_lost() {
    if !on_ground("capture::no_datagram_of_a_burst_is_lost") {
        return;
    }
    let mut client = Actor::client();
    let proxy = Proxy::start(&format!("pid:{}", client.pid()));
    for _ in 0..20 {
        client.burst(addr(SERVER));
    }
    eventually("every datagram", || {
        let mut told = proxy.told();
        let flows: Vec<u64> = told.flows.iter().map(|flow| flow.id).collect();
        let counts: Vec<usize> = flows.iter().map(|&flow| told.count_datagrams(flow)).collect();
        counts == [BURST; 20]
    });
    eventually("the end of each", || proxy.told().closed.len() == 20);
}

#[test]
fn thousands_of_connections_are_all_handed_over_and_attributed() {
    if !on_ground("capture::thousands_of_connections_are_all_handed_over_and_attributed") {
        return;
    }
    let mut clients = [Actor::client(), Actor::client()];
    let spec = clients.iter().map(|client| format!("pid:{}", client.pid()));
    let proxy = Proxy::start(&spec.collect::<Vec<_>>().join(","));
    std::thread::scope(|scope| {
        for client in &mut clients {
            scope.spawn(|| assert_eq!(client.tcp_times(addr(SERVER), 2000), "2000"));
        }
    });
    let told = proxy.told();
    assert_eq!(told.flows.len(), 4000);
    for client in &clients {
        let of_client = told
            .flows
            .iter()
            .filter(|flow| told.processes[&flow.process.unwrap()].process.pid == client.pid());
        assert_eq!(of_client.count(), 2000);
    }
}
