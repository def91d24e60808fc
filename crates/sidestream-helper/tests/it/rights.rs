//! What the helper may do, and over whom it has a say.

use std::fs;

use crate::actor::Actor;
use crate::ground::{USER, eventually, on_ground, on_ground_of_a_user};
use crate::proxy::{CAPTURED, Helper, Proxy};
use crate::server::{self, DIRECT};

const NET_ADMIN: u64 = 1 << 12;
const SYS_PTRACE: u64 = 1 << 19;
const SYS_ADMIN: u64 = 1 << 21;
const DAC_READ_SEARCH: u64 = 1 << 2;
const PERFMON: u64 = 1 << 38;
const BPF: u64 = 1 << 39;

/// Reads a set of capabilities, or another number, of a process.
fn status(pid: u32, field: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    u64::from_str_radix(line.trim_start_matches(':').trim(), 16).unwrap()
}

#[test]
fn only_the_capabilities_that_are_needed_are_kept() {
    if !on_ground("rights::only_the_capabilities_that_are_needed_are_kept") {
        return;
    }
    // It has heard nothing from its proxy yet.
    let (helper, _line) = Helper::start(&[]);
    let needed = NET_ADMIN | SYS_PTRACE | DAC_READ_SEARCH | PERFMON | BPF;
    eventually("no new rights", || status(helper.pid(), "NoNewPrivs") == 1);
    assert_eq!(status(helper.pid(), "CapEff"), needed);
    // What enters other network namespaces is in force only while it does.
    for set in ["CapPrm", "CapBnd"] {
        assert_eq!(status(helper.pid(), set), needed | SYS_ADMIN, "{set}");
    }
    for set in ["CapInh", "CapAmb"] {
        assert_eq!(status(helper.pid(), set), 0, "{set}");
    }
    assert_eq!(fs::read_link(format!("/proc/{}/cwd", helper.pid())).unwrap().to_str(), Some("/"));
}

#[test]
fn processes_of_other_users_are_left_alone_unless_root_consents() {
    if !on_ground_of_a_user("rights::processes_of_other_users_are_left_alone_unless_root_consents")
    {
        return;
    }
    let server = server::start("127.0.0.1");
    let (mut own, mut other) = (Actor::client(), Actor::client_of(0));
    let proxy = Proxy::start("!0");
    assert_eq!(own.tcp(server), format!("{CAPTURED} by {server}"));
    assert_eq!(other.tcp(server), format!("{DIRECT} by {server}"));
    assert_eq!(other.udp(server), format!("{DIRECT} by {server}"));
    assert_eq!(proxy.told().flows.len(), 1);
    assert_eq!(status(proxy.helper.pid(), "CapPrm"), NET_ADMIN | PERFMON | BPF);
}

#[test]
fn nobody_but_root_works_for_another_user() {
    if !on_ground_of_a_user("rights::nobody_but_root_works_for_another_user") {
        return;
    }
    let (status, words) = Helper::spawn("/nonexistent/socket", &["--uid", "0"]).end();
    assert!(!status.success());
    let expected = format!("user {USER} may not have it work for user 0, only root may");
    assert_eq!(words, format!("sidestream-helper: {expected}\n"));
}

#[test]
fn a_forged_connection_gets_nothing() {
    if !on_ground("rights::a_forged_connection_gets_nothing") {
        return;
    }
    let (mut chosen, mut other) = (Actor::client(), Actor::client());
    let proxy = Proxy::start(&format!("pid:{}", chosen.pid()));
    let ports = listening();
    assert!(!ports.is_empty());
    for port in ports {
        for slot in 0..4 {
            let forged = format!("127.64.0.{slot}:{port}").parse().unwrap();
            assert_eq!(other.tcp(forged), "error: PermissionDenied");
            assert_eq!(chosen.tcp(forged), "error: PermissionDenied");
            // This process is the proxy, and may no more.
            std::net::TcpStream::connect(forged).unwrap_err();
        }
        // What is no fake address finds a door that leads nowhere.
        let straight = format!("127.0.0.1:{port}").parse().unwrap();
        let answer = other.tcp(straight);
        assert!(["error: ConnectionReset", "error: NotConnected"].contains(&&*answer), "{answer}");
    }
    assert!(proxy.told().flows.is_empty());
}

/// Lists the TCP ports over IPv4 on which somebody listens in this network namespace.
fn listening() -> Vec<u16> {
    let sockets = fs::read_to_string("/proc/net/tcp").unwrap();
    let listening = sockets.lines().filter(|line| line.split_whitespace().nth(3) == Some("0A"));
    let port = |line: &str| {
        let local = line.split_whitespace().nth(1)?;
        u16::from_str_radix(local.split_once(':')?.1, 16).ok()
    };
    listening.filter_map(port).collect()
}
