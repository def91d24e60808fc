//! `--mode transparent`: hosts behind a router that is ours.

mod ends;
mod place;
mod rules;

use crate::harness::Bench;
use crate::local::{check_output, line_to};
use crate::modern::Modern;
use crate::wireguard::phone::PINGS;

use place::{
    HOST, HOST_V6, ROUTER, ROUTER_V6, SERVER, SERVER_V6, Servers, check_seen, curl, is_ready,
    on_router, start, within,
};

/// Sends the largest datagrams that there are, and says whether they come back.
const LARGE: &str = "
import os, socket, sys
udp = socket.socket(socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
udp.settimeout(20)
udp.connect((sys.argv[1], 7))
for length in (0, 1, 1472, 1473, 9000, 65507):
    data = os.urandom(length)
    udp.send(data)
    print(length, udp.recv(65536) == data)
";
const ALL_CAME_BACK: &str = "0 True\n1 True\n1472 True\n1473 True\n9000 True\n65507 True\n";

/// Says how a connection ends.
const CONNECTS: &str = "
import socket, sys
try:
    tcp = socket.create_connection((sys.argv[1], int(sys.argv[2])), 20)
    print(tcp.recv(1))
except OSError as error:
    print(error.strerror)
";

const PYTHON: &str = "/usr/bin/python3";
const UP: [&str; 4] = ["gateway", "up", "--interface", "lan"];

#[test]
fn hosts_behind_a_gateway_reach_everything_and_are_read() {
    let test = "hosts_behind_a_gateway_reach_everything_and_are_read";
    if !is_ready(module_path!(), test, &["curl", "dig", "python3"]) {
        return;
    }
    let bench = Bench::new();
    let servers = Servers::start(&bench);
    let gateway = start(&bench, &UP);
    for (ip, seen) in [(SERVER.to_owned(), ROUTER), (format!("[{SERVER_V6}]"), ROUTER_V6)] {
        check_seen(&bench, "client", &format!("http://{ip}/plain"), seen);
        check_seen(&bench, "client", &format!("https://{ip}/secret"), seen);
        let refused = curl(&bench, "client", &[&format!("http://{ip}:81/")]);
        // It depends on when curl looks whether it was connected before the reset came.
        assert!(matches!(refused.status.code(), Some(7 | 56)), "a reset: {refused:?}");
    }
    let dig = |args: &[&str]| {
        let common = ["dig", "+short", "+tries=1", "@203.0.113.5", "here.test"];
        within(&bench, "client", &[&common, args].concat()).output().unwrap()
    };
    check_output(&dig(&[]), &format!("{SERVER}\n"));
    check_output(&dig(&["+tcp"]), &format!("{SERVER}\n"));
    assert_eq!(servers.dns.queries().len(), 2);
    for ip in [SERVER, SERVER_V6] {
        let python = within(&bench, "client", &[PYTHON, "-c", LARGE, ip]).output().unwrap();
        check_output(&python, ALL_CAME_BACK);
    }

    let lines = gateway.finish(&bench);
    for (server, host) in [(SERVER.to_owned(), HOST), (format!("[{SERVER_V6}]"), HOST_V6)] {
        let line = line_to(&lines, "http", &format!("{server}:443"));
        assert_eq!(line["request"]["target"], "/secret", "{line:#}");
        assert_eq!((&line["via"], &line["process"]), (&"transparent".into(), &().into()));
        assert!(line["client"].as_str().unwrap().contains(host), "{line:#}");
        line_to(&lines, "http", &format!("{server}:80"));
        let line = lines.iter().find(|line| line["server"] == format!("{server}:81")).unwrap();
        assert!(line["error"]["message"].as_str().unwrap().contains("refused"), "{line:#}");
    }
    assert!(lines.iter().any(|line| line["kind"] == "dns"), "{lines:#?}");
}

#[test]
fn http2_passes_a_gateway() {
    let test = "http2_passes_a_gateway";
    if !is_ready(module_path!(), test, &["curl", "node"]) {
        return;
    }
    let bench = Bench::new();
    let _servers = Servers::start(&bench);
    let Some(origin) = Modern::https_at(test, &bench, SERVER) else { return };
    let gateway = start(&bench, &UP);
    let url = format!("{}?1", origin.url_at(SERVER, "page"));
    let output = curl(&bench, "client", &["-o", "/dev/null", "-w", "%{http_version}", &url]);
    check_output(&output, "2");
    let lines = gateway.finish(&bench);
    let line = lines.iter().find(|line| line["kind"] == "http").unwrap();
    assert_eq!(line["request"]["version"], "HTTP/2", "{line:#}");
    assert_eq!(origin.requests().len(), 1);
}

#[test]
fn only_what_is_routed_from_the_named_interfaces_is_taken() {
    let test = "only_what_is_routed_from_the_named_interfaces_is_taken";
    if !is_ready(module_path!(), test, &["curl", "python3"]) {
        return;
    }
    let bench = Bench::new();
    let _servers = Servers::start(&bench);
    let gateway = start(&bench, &UP);
    let (url, url_v6) = (format!("http://{SERVER}/"), format!("http://[{SERVER_V6}]/"));
    // Of the other interface, of the router itself, and the router's own services.
    check_seen(&bench, "second", &url, "198.51.102.2");
    check_seen(&bench, "second", &url_v6, "2001:db8:2::2");
    check_seen(&bench, "router", &url, ROUTER);
    for ip in ["198.51.100.1", "2001:db8:1::1", ROUTER] {
        let words = [PYTHON, "-c", CONNECTS, ip, "22"];
        let refused = within(&bench, "client", &words).output().unwrap();
        check_output(&refused, "Connection refused\n");
    }
    // What is neither TCP nor UDP, between hosts and to the router's address on the link.
    for ip in [SERVER, SERVER_V6, "198.51.100.1", "2001:db8:1::1"] {
        let ping = within(&bench, "client", &[PYTHON, "-c", PINGS, ip]).output().unwrap();
        check_output(&ping, "is it there?\n");
    }
    check_seen(&bench, "client", &url, ROUTER);
    let lines = gateway.finish(&bench);
    assert_eq!(lines.len(), 1, "{lines:#?}");
}

#[test]
fn several_interfaces_are_taken_and_answered_each_on_its_own() {
    let test = "several_interfaces_are_taken_and_answered_each_on_its_own";
    if !is_ready(module_path!(), test, &["curl", "dig"]) {
        return;
    }
    let bench = Bench::new();
    let _servers = Servers::start(&bench);
    // As strict as a router can be with addresses that are not its own.
    for (name, value) in [("rp_filter", 1), ("src_valid_mark", 1), ("accept_local", 0)] {
        for interface in ["all", "lan", "lan2", "wan"] {
            on_router(&bench, &format!("sysctl -qw net.ipv4.conf.{interface}.{name}={value}"));
        }
    }
    let gateway = start(&bench, &["--mode", "transparent@8081", "--gateway", "lan,lan2"]);
    for network in ["client", "second", "client"] {
        check_seen(&bench, network, &format!("http://{SERVER}/"), ROUTER);
        check_seen(&bench, network, &format!("http://[{SERVER_V6}]/"), ROUTER_V6);
        let dig = ["dig", "+short", "+tries=1", "@203.0.113.5", "here.test"];
        check_output(&within(&bench, network, &dig).output().unwrap(), &format!("{SERVER}\n"));
    }
    let (code, told) = gateway.interrupt();
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("rp_filter is strict on lan, lan2, wan"), "{told}");
}

#[test]
fn a_machine_that_does_not_forward_is_told_so_and_is_a_gateway_all_the_same() {
    let test = "a_machine_that_does_not_forward_is_told_so_and_is_a_gateway_all_the_same";
    if !is_ready(module_path!(), test, &["curl", "python3"]) {
        return;
    }
    let bench = Bench::new();
    let _servers = Servers::start(&bench);
    let off = "net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0";
    on_router(&bench, &format!("sysctl -qw {off}"));
    let mut gateway = start(&bench, &UP);
    gateway.wait_for("IPv4 is not forwarded");
    gateway.wait_for("IPv6 is not forwarded");
    check_seen(&bench, "client", &format!("http://{SERVER}/"), ROUTER);
    check_seen(&bench, "client", &format!("https://[{SERVER_V6}]/"), ROUTER_V6);
    let udp = within(&bench, "client", &[PYTHON, "-c", LARGE, SERVER_V6]).output().unwrap();
    check_output(&udp, ALL_CAME_BACK);
    gateway.finish(&bench);
    let settings = on_router(&bench, "sysctl -n net.ipv4.ip_forward net.ipv6.conf.all.forwarding");
    assert_eq!(settings, "0\n0\n", "no setting is changed");
}
