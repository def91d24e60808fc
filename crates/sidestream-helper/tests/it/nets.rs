//! Programs in other network namespaces than the proxy's, as those of containers are.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use sidestream_flow::Transport;
use sidestream_ipc::{NoticeKind, OpenSocket};
use sidestream_testkit::skip;

use crate::actor::Actor;
use crate::ground::{eventually, on_machine, on_prepared_ground};
use crate::proxy::{CAPTURED, Proxy};
use crate::server::{self, DIRECT};

/// A network namespace with a way to the first one, where the addresses end with 1.
const CONTAINER: &str = "
    mount -t tmpfs none /run
    ip netns add inside
    ip link add out type veth peer name in netns inside
    ip address add 192.0.2.1/24 dev out
    ip -6 address add 2001:db8::1/64 dev out nodad
    ip link set out up
    ip -n inside link set lo up
    ip -n inside address add 192.0.2.2/24 dev in
    ip -n inside -6 address add 2001:db8::2/64 dev in nodad
    ip -n inside link set in up
    ip -n inside route add default via 192.0.2.1";

const INSIDE: &str = "/run/netns/inside";

/// Nobody listens there: only the proxy can answer.
const SERVERS: [&str; 2] = ["198.51.100.7:7", "[2001:db8::77]:7"];

fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// The inode of the network namespace of a process.
fn net_of(pid: u32) -> Option<String> {
    Some(fs::read_link(format!("/proc/{pid}/ns/net")).ok()?.to_str()?.to_owned())
}

/// The devices in the namespace.
fn devices() -> String {
    crate::ground::ip("-n inside -o link show")
}

#[track_caller]
fn assert_captured(client: &mut Actor, server: SocketAddr) {
    assert_eq!(client.tcp(server), format!("{CAPTURED} by {server}"));
}

#[test]
fn a_program_in_a_container_is_captured_with_its_true_addresses() {
    let test = "nets::a_program_in_a_container_is_captured_with_its_true_addresses";
    if !on_machine(test, CONTAINER) {
        return;
    }
    let mut client = Actor::client_in(Path::new(INSIDE));
    let proxy = Proxy::start(&format!("pid:{}", client.pid()));
    assert_captured(&mut client, addr(SERVERS[0]));
    for (server, source) in SERVERS.into_iter().zip(["192.0.2.2", "2001:db8::2"]) {
        assert_eq!(client.tcp(addr(server)), format!("{CAPTURED} by {server}"));
        assert_eq!(client.udp(addr(server)), format!("{CAPTURED} by {server}"));
        let told = proxy.told();
        for flow in told.flows.iter().rev().take(2) {
            assert_eq!(flow.key.server, addr(server));
            assert_eq!(flow.key.client.ip().to_string(), source);
            assert!(flow.net.is_some());
            let record = &told.processes[&flow.process.unwrap()];
            assert_eq!(record.process.pid, client.pid());
            let net = record.process.netns.map(|inode| format!("net:[{inode}]"));
            assert_eq!(net, net_of(client.pid()));
        }
    }
    assert_eq!(client.tcp(addr("127.0.0.1:7")), format!("{CAPTURED} by 127.0.0.1:7"));
    let flow = proxy.told().flows.last().unwrap().clone();
    assert_eq!(flow.key.client.ip().to_string(), "127.0.0.1");
}

#[test]
fn a_server_is_reached_from_the_namespace_of_the_program() {
    let test = "nets::a_server_is_reached_from_the_namespace_of_the_program";
    if !on_machine(test, CONTAINER) {
        return;
    }
    let mut client = Actor::client_in(Path::new(INSIDE));
    // On loopback of the container, which is not ours.
    let mut other = Actor::client_in(Path::new(INSIDE));
    let server: SocketAddr = other.ask("serve 127.0.0.1").parse().unwrap();
    assert_eq!(client.tcp(server), format!("{DIRECT} by {server}"));
    TcpStream::connect(server).unwrap_err();
    let mut proxy = Proxy::start(&format!("pid:{}", client.pid()));
    assert_captured(&mut client, server);
    let net = proxy.told().flows.last().unwrap().net.unwrap();
    for (serial, transport) in [(1, Transport::Tcp), (2, Transport::Udp)] {
        let request = OpenSocket { serial, net, transport, ipv6: false };
        let socket = proxy.open(request).unwrap();
        rustix::io::ioctl_fionbio(&socket, false).unwrap();
        rustix::net::connect(&socket, &server).unwrap();
        let mut said = String::new();
        if transport == Transport::Tcp {
            TcpStream::from(socket).read_to_string(&mut said).unwrap();
        } else {
            let socket = std::net::UdpSocket::from(socket);
            socket.send(b"question").unwrap();
            let mut buf = [0; 64];
            let len = socket.recv(&mut buf).unwrap();
            said.push_str(str::from_utf8(&buf[..len]).unwrap());
        }
        assert_eq!(said, DIRECT);
    }
    let unknown = OpenSocket { serial: 3, net: net + 7, transport: Transport::Tcp, ipv6: false };
    assert_eq!(proxy.open(unknown).unwrap_err(), libc_enonet());
    proxy.helper.kill();
    eventually("no capture", || client.tcp(server) == format!("{DIRECT} by {server}"));
    eventually("the devices gone", || !devices().contains("sidestream"));
}

/// `ENONET`: the machine is not on the network.
const fn libc_enonet() -> i32 {
    64
}

#[test]
fn who_is_not_chosen_in_a_container_connects_directly() {
    let test = "nets::who_is_not_chosen_in_a_container_connects_directly";
    if !on_machine(test, CONTAINER) {
        return;
    }
    let (mut client, mut other) =
        (Actor::client_in(Path::new(INSIDE)), Actor::client_in(Path::new(INSIDE)));
    let server = server::start("192.0.2.1");
    let proxy = Proxy::start(&format!("pid:{}", client.pid()));
    assert_captured(&mut client, server);
    let before = proxy.told().flows.len();
    assert_eq!(other.tcp(server), format!("{DIRECT} by {server}"));
    assert_eq!(other.udp(server), format!("{DIRECT} by {server}"));
    assert_eq!(proxy.told().flows.len(), before);
    assert_eq!(proxy.set_spec(1, &format!("pid:{}", other.pid())), None);
    assert_eq!(other.tcp(server), format!("{CAPTURED} by {server}"));
    assert_eq!(client.tcp(server), format!("{DIRECT} by {server}"));
}

#[test]
fn a_namespace_ends_with_its_last_process() {
    let test = "nets::a_namespace_ends_with_its_last_process";
    if !on_machine(test, CONTAINER) {
        return;
    }
    let mut client = Actor::client_in(Path::new(INSIDE));
    let proxy = Proxy::start(&format!("pid:{}", client.pid()));
    assert_captured(&mut client, addr(SERVERS[0]));
    assert!(devices().contains("sidestream"), "{}", devices());
    // Nothing but the program holds it from here on, and us.
    assert!(Command::new("umount").args(["-l", INSIDE]).status().unwrap().success());
    fs::remove_file(INSIDE).unwrap();
    drop(client);
    // The other end of its device goes when the kernel has ended the namespace.
    eventually("the end of the namespace", || !crate::ground::ip("-o link show").contains("out@"));
    drop(proxy);
}

#[test]
fn a_namespace_where_loopback_is_down_is_left_alone_until_it_is_up() {
    let test = "nets::a_namespace_where_loopback_is_down_is_left_alone_until_it_is_up";
    if !on_machine(test, CONTAINER) {
        return;
    }
    crate::ground::ip("-n inside link set lo down");
    let mut client = Actor::client_in(Path::new(INSIDE));
    let server = server::start("192.0.2.1");
    let _proxy = Proxy::start(&format!("pid:{}", client.pid()));
    assert!(devices().contains("sidestream"));
    for _ in 0..20 {
        assert_eq!(client.tcp(server), format!("{DIRECT} by {server}"));
    }
    crate::ground::ip("-n inside link set lo up");
    eventually("the capture", || client.tcp(server) == format!("{CAPTURED} by {server}"));
}

/// Starts programs in network namespaces of their own, each of which lives as long as its program.
fn spawn_namespaces(count: usize, seconds: &str) -> Vec<Child> {
    let spawn = |_| {
        let mut command = Command::new("unshare");
        command.args(["--net", "sh", "-c", "ip link set lo up; exec sleep \"$0\"", seconds]);
        command.stdout(Stdio::null()).spawn().unwrap()
    };
    (0..count).map(spawn).collect()
}

/// The inodes of network namespaces that processes hold by descriptors or are in.
fn held_by(pid: u32) -> BTreeSet<String> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
    let links = entries.filter_map(|entry| fs::read_link(entry.path()).ok());
    links
        .filter_map(|to| to.to_str().filter(|to| to.starts_with("net:")).map(str::to_owned))
        .collect()
}

#[test]
fn a_hundred_namespaces_come_and_go() {
    let test = "nets::a_hundred_namespaces_come_and_go";
    if !on_machine(test, "true") {
        return;
    }
    let mut client = Actor::client();
    let server = server::start("127.0.0.1");
    // Whatever is run may be chosen.
    let proxy = Proxy::start(&format!("pid:{},name:nothing", client.pid()));
    let helper = proxy.helper.pid();
    let before = held_by(helper);
    for mut child in spawn_namespaces(100, "0.01") {
        assert!(child.wait().unwrap().success());
        assert_eq!(client.tcp(server), format!("{CAPTURED} by {server}"));
    }
    let mut living = spawn_namespaces(30, "1000");
    eventually("all of them entered", || held_by(helper).len() >= before.len() + 30);
    for child in &mut living {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    eventually("none of them held", || held_by(helper) == before);
    assert_eq!(client.tcp(server), format!("{CAPTURED} by {server}"));
}

#[test]
fn inside_of_a_namespace_only_that_one_is_captured() {
    let test = "nets::inside_of_a_namespace_only_that_one_is_captured";
    if !on_prepared_ground(test, CONTAINER) {
        return;
    }
    let mut client = Actor::client_in(Path::new(INSIDE));
    let server = server::start("192.0.2.1");
    let proxy = Proxy::start(&format!("pid:{}", client.pid()));
    assert_eq!(client.tcp(server), format!("{DIRECT} by {server}"));
    let notice = || {
        let told = proxy.told();
        told.notices.iter().any(|notice| notice.kind == NoticeKind::ForeignNamespace)
    };
    eventually("the notice", notice);
    assert!(!devices().contains("sidestream"));
    assert!(proxy.told().flows.is_empty());
}

#[test]
fn the_first_connection_of_a_program_in_a_known_namespace_is_captured() {
    let test = "nets::the_first_connection_of_a_program_in_a_known_namespace_is_captured";
    if !on_machine(test, CONTAINER) {
        return;
    }
    let mut keeper = Actor::client_in(Path::new(INSIDE));
    if keeper.run("curl --version").is_empty() {
        return skip(test, "there is no curl");
    }
    let proxy = Proxy::start(&format!("curl,pid:{}", keeper.pid()));
    assert_captured(&mut keeper, addr(SERVERS[0]));
    let asked = "curl -s --http0.9 --max-time 10 http://198.51.100.7:7/";
    for _ in 0..50 {
        assert_eq!(keeper.run(asked), CAPTURED);
    }
    drop(proxy);
}
