//! How a device ends, and what is left.

use std::env;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::net::IpAddr;
use std::process::{Command, Stdio};

use sidestream_capture::send_packet;
use sidestream_packet::Offload;
use sidestream_tun::{Builder, Tun};

use crate::ground::{again, block_on, eventually_as, in_own_network, ip, network, next};

/// A device with something of all that can be set.
fn builder() -> Builder {
    let ip = |text: &str| -> IpAddr { text.parse().unwrap() };
    let builder = Tun::builder().address(ip("198.18.0.1"), 24).address(ip("fd00::1"), 64);
    builder.route(ip("198.19.7.7"), 16).route(ip("2001:db8::7"), 32).route(ip("::"), 0)
}

#[test]
fn a_dropped_device_leaves_nothing() {
    if !in_own_network(module_path!(), "a_dropped_device_leaves_nothing") {
        return;
    }
    let before = network();
    let tun = builder().open().unwrap();
    assert!(tun.name().starts_with("sidestream"), "{tun:?}");
    assert!(ip("route").contains(&format!("198.19.0.0/16 dev {} ", tun.name())));
    assert!(ip("-6 route").contains(&format!("2001:db8::/32 dev {} ", tun.name())));
    assert!(ip("-6 route").contains(&format!("default dev {} ", tun.name())));
    assert!(ip(&format!("link show {}", tun.name())).contains("mtu 65520"));
    let second = Tun::builder().open().unwrap();
    assert_ne!(second.name(), tun.name());
    assert_ne!(second.index(), tun.index());
    drop((second, tun));
    eventually_as(&before);
}

#[test]
fn a_killed_holder_leaves_nothing() {
    const HOLD: &str = "SIDESTREAM_TEST_HOLD";
    let test = "a_killed_holder_leaves_nothing";
    if env::var_os(HOLD).is_some() {
        let _tun = builder().open().unwrap();
        eprintln!("held");
        _ = std::io::stdin().read(&mut [0]);
        return;
    }
    if !in_own_network(module_path!(), test) {
        return;
    }
    let before = network();
    let mut holder = Command::new(env::current_exe().unwrap());
    let holder = again(&mut holder, module_path!(), test).env(HOLD, "1");
    let mut holder = holder.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(holder.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "held"));
    assert_ne!(network(), before);
    holder.kill().unwrap();
    holder.wait().unwrap();
    eventually_as(&before);
}

#[test]
fn a_device_that_is_removed_ends_for_whoever_waits() {
    if !in_own_network(module_path!(), "a_device_that_is_removed_ends_for_whoever_waits") {
        return;
    }
    let queues = builder().name("gone").queues(2).open().unwrap().into_queues();
    let Ok([mut waiting, mut late]) = <[_; 2]>::try_from(queues) else { panic!("two queues") };
    block_on(async {
        let removed = async {
            // The other one waits by now.
            tokio::task::yield_now().await;
            ip("link del gone");
        };
        let (end, ()) = tokio::join!(next(&mut waiting), removed);
        assert_eq!(end, None);
        assert_eq!(next(&mut waiting).await, None);
        // Who asks for the first time finds the same.
        assert_eq!(next(&mut late).await, None);
        let error = send_packet(&mut late, &[0x45; 20], Offload::default()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotConnected);
    });
}

#[test]
fn packets_for_a_device_that_is_down_are_counted() {
    if !in_own_network(module_path!(), "packets_for_a_device_that_is_down_are_counted") {
        return;
    }
    let tun = builder().name("low").open().unwrap();
    let losses = tun.losses();
    let mut queue = tun.into_queues().remove(0);
    block_on(async {
        let packet = [&[0x60, 0, 0, 0, 0, 0, 59, 1][..], &[0; 32]].concat();
        send_packet(&mut queue, &packet, Offload::default()).await.unwrap();
        assert_eq!(losses.undelivered(), 0);
        ip("link set dev low down");
        send_packet(&mut queue, &packet, Offload::default()).await.unwrap();
        assert_eq!(losses.undelivered(), 1);
        ip("link set dev low up");
        send_packet(&mut queue, &packet, Offload::default()).await.unwrap();
        assert_eq!((losses.undelivered(), losses.malformed(), losses.truncated()), (1, 0, 0));
    });
}
