//! A router between its hosts and the servers, each in a network of its own.
//!
//! ```text
//!   client 198.51.100.2 ── lan ─┐
//!                               ├─ router 203.0.113.1 ── wan ── the test, servers on 203.0.113.5
//!   second 198.51.102.2 ─ lan2 ─┘
//! ```

use std::ffi::OsStr;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::{Command, Output};

use sidestream_testkit::{DnsOrigin, Origin, Request, Service, UdpOrigin, Wire};

use crate::harness::Bench;
use crate::harness::program;
use crate::local::ground::on_prepared_ground;
use crate::local::{Capturing, check_output, command};

/// Where the servers are.
pub(super) const SERVER: &str = "203.0.113.5";
pub(super) const SERVER_V6: &str = "2001:db8:5::5";
/// The addresses of the first host behind the router, and the router's.
pub(super) const HOST: &str = "198.51.100.2";
pub(super) const HOST_V6: &str = "2001:db8:1::2";
pub(super) const ROUTER: &str = "203.0.113.1";
pub(super) const ROUTER_V6: &str = "2001:db8:5::1";

const PREPARE: &str = "
    mkdir -p /run/netns
    mount -t tmpfs tmpfs /run/netns
    # Addresses of the links can be used at once: no other has them.
    at_once=net.ipv6.conf.default.accept_dad=0
    sysctl -qw $at_once
    for net in router client second; do
        ip netns add $net
        ip netns exec $net sysctl -qw $at_once
        ip -n $net link set lo up
    done
    ip link add srv type veth peer name wan netns router
    ip -n router link add lan type veth peer name eth0 netns client
    ip -n router link add lan2 type veth peer name eth0 netns second
    up() {
        ip -n $1 address add $3 dev $2
        ip -n $1 -6 address add $4 dev $2 nodad
        ip -n $1 link set $2 up
    }
    up router wan 203.0.113.1/24 2001:db8:5::1/64
    up router lan 198.51.100.1/24 2001:db8:1::1/64
    up router lan2 198.51.102.1/24 2001:db8:2::1/64
    up client eth0 198.51.100.2/24 2001:db8:1::2/64
    up second eth0 198.51.102.2/24 2001:db8:2::2/64
    ip address add 203.0.113.5/24 dev srv
    ip -6 address add 2001:db8:5::5/64 dev srv nodad
    ip link set srv up
    ip route add 198.51.0.0/16 via 203.0.113.1
    ip -6 route add 2001:db8::/32 via 2001:db8:5::1
    ip -n client route add default via 198.51.100.1
    ip -n client -6 route add default via 2001:db8:1::1
    ip -n second route add default via 198.51.102.1
    ip -n second -6 route add default via 2001:db8:2::1
    ip netns exec router sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1";

/// Whether this machine has what the test needs; if so, the test is in networks of its own.
pub(super) fn is_ready(module: &str, test: &str, programs: &[&str]) -> bool {
    programs.iter().all(|name| program(test, name).is_some())
        && on_prepared_ground(module, test, PREPARE)
}

/// A program of one of the networks.
pub(super) fn within<S: AsRef<OsStr>>(bench: &Bench, network: &str, words: &[S]) -> Command {
    let mut command = command(bench, "ip", ["netns", "exec", network]);
    command.args(words);
    command
}

/// Has a program of the router's do something, which must succeed.
#[track_caller]
pub(super) fn on_router(bench: &Bench, words: &str) -> String {
    let words: Vec<_> = words.split(' ').collect();
    let output = within(bench, "router", &words).output().unwrap();
    assert!(output.status.success(), "{words:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Has a host ask for something by curl, which trusts our root and theirs.
pub(super) fn curl(bench: &Bench, network: &str, args: &[&str]) -> Output {
    let common = ["curl", "-sS", "--max-time", "30", "--cacert"];
    let mut command = within(bench, network, &common);
    command.arg(bench.path("roots.pem")).args(args).output().unwrap()
}

/// Checks whom the server sees asking for that.
#[track_caller]
pub(super) fn check_seen(bench: &Bench, network: &str, url: &str, seen: &str) {
    check_output(&curl(bench, network, &[url]), &format!("{seen}\n"));
}

/// The program on the router.
pub(super) fn sidestream(bench: &Bench, args: &[&str]) -> Command {
    let plain = bench.sidestream(args);
    let mut command = within(bench, "router", &[plain.get_program()]);
    command.args(plain.get_args());
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    // Whoever runs the test is nobody of this machine.
    command.env_remove("SUDO_UID").env_remove("SUDO_GID");
    command
}

/// Starts the program on the router; hosts trust its root from then on.
pub(super) fn start(bench: &Bench, args: &[&str]) -> Capturing {
    let mut command = sidestream(bench, args);
    begin(bench, command.arg("--json").arg(bench.path("flows.json")))
}

pub(super) fn begin(bench: &Bench, command: &mut Command) -> Capturing {
    let capturing = Capturing::spawn(command);
    let ours = std::fs::read_to_string(bench.path("conf/root-cert.pem")).unwrap();
    bench.write("roots.pem", &format!("{ours}{}", bench.ca.pem()));
    capturing
}

/// Servers that tell their clients who they are.
pub(super) struct Servers {
    _origins: Vec<Origin>,
    pub(super) dns: DnsOrigin,
    _udp: Vec<UdpOrigin>,
}

impl Servers {
    pub(super) fn start(bench: &Bench) -> Self {
        bench.write("roots.pem", bench.ca.pem());
        let at = |ip: &str, port: u16| SocketAddr::new(ip.parse().unwrap(), port);
        let mut origins = Vec::new();
        for ip in [SERVER, SERVER_V6] {
            let config = bench.ca.server_config(&[ip]);
            let secure = Service::http(who).over_tls(config);
            origins.push(Origin::listen(at(ip, 443), secure).unwrap());
            origins.push(Origin::listen(at(ip, 80), Service::http(who)).unwrap());
        }
        let echo = |ip| UdpOrigin::listen(at(ip, 7), |bytes, _| vec![bytes.to_vec()]).unwrap();
        let names = [("here.test", SERVER.parse().unwrap())];
        Self {
            _origins: origins,
            dns: DnsOrigin::listen(at(SERVER, 53), &names).unwrap(),
            _udp: vec![echo(SERVER), echo(SERVER_V6)],
        }
    }
}

fn who(_: &Request, wire: &mut Wire) -> io::Result<()> {
    let seen = format!("{}\n", wire.peer_addr()?.ip());
    write!(wire, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{seen}", seen.len())
}

/// What there is to see of a router's network.
pub(super) fn state(bench: &Bench) -> String {
    let mut state = String::new();
    let shown = [
        "ip -4 rule",
        "ip -6 rule",
        "ip -4 route show table all",
        "ip -6 route show table all",
        "ip -oneline link",
        "nft list ruleset",
        "sysctl --all --pattern ^net.(core|ipv4|ipv6)",
    ];
    for words in shown {
        let told = on_router(bench, words);
        // What counts what goes by, what routers learn, and what comes with modules for others.
        let changes = ["conntrack_count", "nf_conntrack_", "expires ", "cwnd"];
        let lines = told.lines().filter(|line| !changes.iter().any(|word| line.contains(word)));
        lines.for_each(|line| state.extend([line, "\n"]));
    }
    state
}
