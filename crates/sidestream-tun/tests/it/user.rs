//! An ordinary user, for whom root has made a device.

use std::env;
use std::net::IpAddr;
use std::process::Command;

use sidestream_testkit::{is_root, skip};
use sidestream_tun::{OpenError, Setting, Tun};
use tokio::net::UdpSocket;

use crate::ground::{
    again, block_on, eventually, eventually_as, in_own_network, ip, mirror, network, swap_ports,
};

const AS_USER: &str = "SIDESTREAM_TEST_AS_USER";
const NOBODY: &str = "65534";

/// Runs a shell command that prepares the ground; whether it succeeded.
fn sh(command: &str) -> bool {
    Command::new("sh").args(["-ec", command]).status().is_ok_and(|status| status.success())
}

fn setpriv() -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]);
    command
}

#[test]
fn a_device_is_used_by_its_owner_without_a_right() {
    let test = "a_device_is_used_by_its_owner_without_a_right";
    if env::var_os(AS_USER).is_some() {
        return as_user();
    }
    if !is_root() {
        return skip(test, "only root can make a device for another user");
    }
    if !in_own_network(module_path!(), test) {
        return;
    }
    let exe = env::current_exe().unwrap();
    let seen = setpriv().arg("test").arg("-x").arg(&exe).status();
    if !seen.is_ok_and(|status| status.success()) {
        return skip(test, "another user cannot get at the tests, or there is no setpriv");
    }
    let open_to_all =
        "mount -t tmpfs none /dev/net; mknod /dev/net/tun c 10 200; chmod 666 /dev/net/tun";
    if !sh(open_to_all) || !sh("test -w /dev/net/tun && : <>/dev/net/tun") {
        return skip(test, "no device node can be made");
    }
    ip(&format!("tuntap add dev mine mode tun user {NOBODY}"));
    ip("tuntap add dev theirs mode tun user 1");
    // Quiet, as its owner cannot make it.
    ip("link set mine mtu 9000 addrgenmode none multicast off up");
    ip("addr add 198.18.1.1/24 dev mine");
    ip("addr add fd01::1/64 dev mine nodad");
    ip("route add 198.19.0.0/16 dev mine");
    eventually("an address", || ip("-6 route show table local").contains("local fd01::1 "));
    eventually("no carrier", || ip("link show dev mine").contains("state DOWN"));
    let before = network();
    let mut user = setpriv();
    let user = again(user.arg(exe), module_path!(), test).env(AS_USER, "1");
    assert!(user.status().unwrap().success());
    eventually_as(&before);
}

fn as_user() {
    let address = |text: &str| -> IpAddr { text.parse().unwrap() };
    let mine = || Tun::builder().name("mine");
    let error = Tun::builder().open().unwrap_err();
    assert_eq!(
        error.to_string(),
        "no right to make a network device, give CAP_NET_ADMIN or have root make one to be used \
         by its name: ip tuntap add dev NAME mode tun user 65534"
    );
    let error = Tun::builder().name("theirs").open().unwrap_err();
    assert!(matches!(error, OpenError::NotOwner { name, .. } if name == "theirs"));
    let error = mine().mtu(1500).open().unwrap_err();
    assert!(matches!(error, OpenError::Setup { setting: Setting::Mtu(1500), .. }), "{error}");
    let error = mine().address(address("198.18.7.7"), 24).open().unwrap_err();
    assert_eq!(
        error.to_string(),
        "no right to set the address 198.18.7.7/24 of mine, have root set it or give CAP_NET_ADMIN"
    );
    // What is as it is wanted needs no right.
    let builder = mine().mtu(9000).address(address("198.18.1.1"), 24);
    let builder = builder.address(address("fd01::1"), 64).route(address("198.19.0.0"), 16);
    let tun = builder.open().unwrap();
    assert!(tun.properties().checksums);
    block_on(async {
        tokio::spawn(mirror(tun.into_queues().remove(0), |packet, _| swap_ports(packet)));
        for (here, there) in [("198.18.1.1", "198.19.1.2"), ("fd01::1", "fd01::2")] {
            let socket = UdpSocket::bind((here, 0)).await.unwrap();
            socket.connect((there, 7)).await.unwrap();
            socket.send(b"said").await.unwrap();
            assert_eq!(socket.recv(&mut [0; 10]).await.unwrap(), 4);
        }
    });
}
