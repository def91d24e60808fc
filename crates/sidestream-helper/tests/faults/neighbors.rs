//! Others who have a say about connections: programs on the same hooks, VPNs, other proxies,
//! containers.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use insta::assert_snapshot;
use sidestream_ipc::NoticeKind;
use sidestream_testkit::skip;

use crate::container::{CGROUP, in_container};
use crate::ground::{eventually, ip, on_prepared_ground};
use crate::program;
use crate::proxy::CAPTURED;
use crate::scene::{Scene, logged, noticed};
use crate::server::DIRECT;

const BPFTOOL: &str = "/usr/sbin/bpftool";

#[test]
fn in_a_container_it_captures_the_container() {
    if !in_container("neighbors::in_a_container_it_captures_the_container") {
        return;
    }
    let mut scene = Scene::new();
    let proxy = scene.capture();
    scene.assert_captured();
    assert_snapshot!(logged(&proxy, "container"), @"only the programs in this container (cgroup namespace) are captured");
    drop(proxy);
    scene.assert_untouched();
    if Path::new(BPFTOOL).exists() {
        let attached = || Command::new(BPFTOOL).args(["cgroup", "show", CGROUP]).output().unwrap();
        eventually("a cgroup without programs", || attached().stdout.is_empty());
    }
}

#[test]
fn who_is_denied_by_another_program_stays_denied() {
    if !in_container("neighbors::who_is_denied_by_another_program_stays_denied") {
        return;
    }
    let mut scene = Scene::new();
    let denied: SocketAddr = "127.0.0.1:7".parse().unwrap();
    let before = program::attach(Path::new(CGROUP), &program::denies(7));
    assert_eq!(scene.client.tcp(denied), "error: PermissionDenied");
    let proxy = scene.capture();
    assert_eq!(scene.client.tcp(denied), "error: PermissionDenied");
    scene.assert_captured();
    assert_eq!(proxy.told().flows.len(), 1, "what was denied is no flow");
    drop(before);
    assert_eq!(scene.client.tcp(denied), format!("{CAPTURED} by {denied}"));
}

#[test]
fn another_program_that_comes_after_sees_where_we_divert_to() {
    let test = "neighbors::another_program_that_comes_after_sees_where_we_divert_to";
    if !in_container(test) {
        return;
    }
    let mut scene = Scene::new();
    let denied: SocketAddr = "127.0.0.1:7".parse().unwrap();
    let _proxy = scene.capture();
    let _after = program::attach(Path::new(CGROUP), &program::denies(7));
    // What denies by destination does so for the proxy, which connects in the program's place.
    assert_eq!(scene.client.tcp(denied), format!("{CAPTURED} by {denied}"));
    std::net::TcpStream::connect(denied).unwrap_err();
    scene.assert_captured();
}

#[test]
fn what_another_program_rewrites_is_captured_as_rewritten() {
    let test = "neighbors::what_another_program_rewrites_is_captured_as_rewritten";
    if !in_container(test) {
        return;
    }
    let mut scene = Scene::new();
    let asked: SocketAddr = "127.0.0.1:7".parse().unwrap();
    let rewrites = program::rewrites(7, scene.server.port());
    let before = program::attach(Path::new(CGROUP), &rewrites);
    assert_eq!(scene.client.tcp(asked), format!("{DIRECT} by {}", scene.server));
    let proxy = scene.capture();
    assert_eq!(scene.client.tcp(asked), format!("{CAPTURED} by {}", scene.server));
    assert_eq!(proxy.told().flows.last().unwrap().key.server, scene.server);
    drop(before);
    // After us it finds nothing to rewrite, and the proxy asks it in the program's place.
    let _after = program::attach(Path::new(CGROUP), &rewrites);
    assert_eq!(scene.client.tcp(asked), format!("{CAPTURED} by {asked}"));
    assert_eq!(proxy.told().flows.last().unwrap().key.server, asked);
    assert!(std::net::TcpStream::connect(asked).is_ok());
}

#[test]
fn a_hook_that_another_program_has_alone_is_named() {
    let test = "neighbors::a_hook_that_another_program_has_alone_is_named";
    if !in_container(test) {
        return;
    }
    let mut scene = Scene::new();
    let (_other, id) = program::load(&program::denies(7));
    let id = id.to_string();
    let attach = ["cgroup", "attach", CGROUP, "connect4", "id", &id];
    match Command::new(BPFTOOL).args(attach).status() {
        Ok(status) => assert!(status.success()),
        Err(_) => return skip(test, "there is no bpftool"),
    }
    assert_snapshot!(scene.refusal(), @"the kernel cannot capture connections here: another program has the hook connect4 for itself: `bpf_link_create` failed: Operation not permitted (os error 1); find it with `bpftool cgroup tree` and have it attached with `multi`");
}

/// A network with one device, and a VPN that takes all that it has not marked itself.
const VPN: &str = "
    ip tuntap add lan mode tun
    ip address add 192.0.2.2/24 dev lan
    ip link set lan up
    ip route add default dev lan
    ip tuntap add vpn mode tun
    ip address add 10.9.0.1/24 dev vpn
    ip link set vpn up
    ip route add default dev vpn table 51820
    ip rule add not fwmark 1 table 51820 priority 100
    ip rule add table main suppress_prefixlength 0 priority 99";

#[test]
fn a_vpn_is_left_alone_and_what_goes_through_it_is_captured() {
    let test = "neighbors::a_vpn_is_left_alone_and_what_goes_through_it_is_captured";
    if !on_prepared_ground(test, VPN) {
        return;
    }
    let mut scene = Scene::on("192.0.2.2");
    let proxy = scene.capture();
    assert_eq!(scene.client.ask(&format!("marked {}", scene.server)), DIRECT);
    assert_eq!(noticed(&proxy, NoticeKind::Marked), (1, 1));
    let far: SocketAddr = "198.51.100.7:80".parse().unwrap();
    assert_eq!(scene.client.tcp(far), format!("{CAPTURED} by {far}"));
    let source = |proxy: &crate::proxy::Proxy| proxy.told().flows.last().unwrap().key.client.ip();
    assert_eq!(source(&proxy).to_string(), "10.9.0.1");
    // It goes down: from then on the flows have the other source.
    ip("link del vpn");
    eventually("the other source", || {
        scene.client.tcp(far);
        source(&proxy).to_string() == "192.0.2.2"
    });
}

#[test]
fn redirections_of_a_firewall_hold_for_who_is_not_chosen() {
    let test = "neighbors::redirections_of_a_firewall_hold_for_who_is_not_chosen";
    if !on_prepared_ground(test, VPN) {
        return;
    }
    let mut scene = Scene::new();
    let mut other = crate::actor::Actor::client();
    let far: SocketAddr = "198.51.100.7:8080".parse().unwrap();
    let rules = format!(
        "table ip other {{ chain out {{ type nat hook output priority -100\n \
         ip daddr != 127.0.0.0/8 tcp dport 1-65535 redirect to :{}\n }}\n }}\n",
        scene.server.port()
    );
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), rules).unwrap();
    match Command::new("nft").arg("-f").arg(file.path()).status() {
        Ok(status) => assert!(status.success()),
        Err(_) => return skip(test, "there is no nft"),
    }
    let proxy = scene.capture();
    assert_eq!(other.tcp(far), format!("{DIRECT} by {far}"));
    assert_eq!(scene.client.tcp(far), format!("{CAPTURED} by {far}"));
    assert_eq!(proxy.told().flows.len(), 1);
}
