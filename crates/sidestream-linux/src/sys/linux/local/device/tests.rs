//! The device, and that nothing is left of it.

use std::env;
use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};

use sidestream_testkit::skip;

use super::{Device, DeviceError};
use crate::sys::imp::local::testing::{eventually, in_own_network, ip};

/// Everything that a device could have changed.
fn network() -> String {
    let six = ip("-6 route show table all") + &ip("-6 addr") + &ip("-6 rule");
    six + &ip("route show table all") + &ip("addr") + &ip("maddress")
}

/// The devices that are there.
fn names() -> Vec<String> {
    let links = ip("-o link");
    let names = links.lines().filter_map(|line| line.split(": ").nth(1));
    names.filter(|name| name.starts_with("sidestream")).map(ToOwned::to_owned).collect()
}

/// Opens a device, unless this user may not.
fn open(test: &str) -> Option<Device> {
    match Device::open() {
        Ok(device) => Some(device),
        Err(error @ (DeviceError::Forbidden(_) | DeviceError::NoTun | DeviceError::NoIpv6)) => {
            skip(test, &error.to_string());
            None
        }
        Err(error) => panic!("{error:?}"),
    }
}

#[test]
fn the_range_is_local_until_the_device_is_dropped() {
    let test = "the_range_is_local_until_the_device_is_dropped";
    if !in_own_network(module_path!(), test) {
        return;
    }
    let before = network();
    let Some(device) = open(test) else { return };
    let listener = TcpListener::bind("[::]:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let stream = TcpStream::connect(("fd73:6473::12:3456", port)).unwrap();
    let (accepted, _) = listener.accept().unwrap();
    assert_eq!(accepted.local_addr().unwrap(), stream.peer_addr().unwrap());
    // One route, and neither an address nor a place for multicast.
    let [name] = &names()[..] else { panic!("{:?}", names()) };
    let routes = ip("-6 route show table all");
    let ours: Vec<_> = routes.lines().filter(|line| line.contains(name)).collect();
    assert_eq!(ours.len(), 1, "{routes}");
    assert!(ours[0].starts_with(&format!("local fd73:6473::/32 dev {name} ")), "{routes}");
    assert_eq!(ip(&format!("-6 addr show dev {name}")), "");
    drop((stream, accepted, device));
    eventually("the network as before", || network() == before);
}

#[test]
fn two_devices_stand_beside_each_other() {
    let test = "two_devices_stand_beside_each_other";
    if !in_own_network(module_path!(), test) {
        return;
    }
    let Some(first) = open(test) else { return };
    let _second = Device::open().unwrap();
    assert_eq!(names().len(), 2);
    drop(first);
    eventually("one device less", || names().len() == 1);
    let listener = TcpListener::bind("[::]:0").unwrap();
    TcpStream::connect(("fd73:6473::1", listener.local_addr().unwrap().port())).unwrap();
}

#[test]
fn a_killed_holder_leaves_nothing() {
    const HOLD: &str = "SIDESTREAM_TEST_HOLD";
    let test = "a_killed_holder_leaves_nothing";
    if env::var_os(HOLD).is_some() {
        let _device = Device::open().unwrap();
        eprintln!("held");
        _ = std::io::stdin().read(&mut [0]);
        return;
    }
    if !in_own_network(module_path!(), test) {
        return;
    }
    let before = network();
    if open(test).is_none() {
        return;
    }
    eventually("the network as before", || network() == before);
    let mut holder = Command::new(env::current_exe().unwrap())
        .args(env::args().skip(1))
        .env(HOLD, "1")
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(holder.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "held"));
    assert_ne!(network(), before);
    holder.kill().unwrap();
    holder.wait().unwrap();
    eventually("the network as before", || network() == before);
}

#[test]
fn without_ipv6_there_is_no_device() {
    let test = "without_ipv6_there_is_no_device";
    if !in_own_network(module_path!(), test) {
        return;
    }
    let set = |which: &str, value: &str| {
        std::fs::write(format!("/proc/sys/net/ipv6/conf/{which}/disable_ipv6"), value).unwrap();
    };
    set("all", "1");
    assert!(matches!(Device::open(), Err(DeviceError::NoIpv6)));
    assert!(!ip("link").contains("sidestream"));
    // New devices have none by default, those that are there do.
    set("lo", "0");
    let Some(_device) = open(test) else { return };
    let listener = TcpListener::bind("[::]:0").unwrap();
    TcpStream::connect(("fd73:6473::1", listener.local_addr().unwrap().port())).unwrap();
}
