//! Networks without IPv6, or with it later.

use std::fs;

use insta::assert_snapshot;

use crate::ground::{eventually, on_prepared_ground};
use crate::scene::{Scene, logged};
use crate::server::{self, DIRECT};

const SWITCH: &str = "/proc/sys/net/ipv6/conf/all/disable_ipv6";
const OFF: &str = "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6";

#[test]
fn without_ipv6_programs_see_none_and_ipv4_is_captured() {
    if !on_prepared_ground("v6::without_ipv6_programs_see_none_and_ipv4_is_captured", OFF) {
        return;
    }
    let mut scene = Scene::new();
    let server = "[::1]:7".parse().unwrap();
    let without = scene.client.tcp(server);
    let proxy = scene.capture();
    scene.assert_captured();
    assert_eq!(scene.client.tcp(server), without);
    assert_snapshot!(without, @"error: AddrNotAvailable");
    assert_snapshot!(logged(&proxy, "IPv6"), @"connections over IPv6 pass: this network has no IPv6");
}

#[test]
fn ipv6_that_comes_later_is_left_alone() {
    if !on_prepared_ground("v6::ipv6_that_comes_later_is_left_alone", OFF) {
        return;
    }
    let mut scene = Scene::new();
    let _proxy = scene.capture();
    scene.assert_captured();
    fs::write(SWITCH, "0").unwrap();
    let server = server::start("[::1]");
    assert_eq!(scene.client.tcp(server), format!("{DIRECT} by {server}"));
    scene.assert_captured();
}

#[test]
fn ipv6_that_goes_is_gone_for_programs_too() {
    if !on_prepared_ground("v6::ipv6_that_goes_is_gone_for_programs_too", "true") {
        return;
    }
    let mut scene = Scene::on("[::1]");
    let _proxy = scene.capture();
    scene.assert_captured();
    fs::write(SWITCH, "1").unwrap();
    let gone = "error: AddrNotAvailable";
    eventually("the error that there is without us", || scene.client.tcp(scene.server) == gone);
    fs::write(SWITCH, "0").unwrap();
    eventually("IPv6 again", || !scene.client.tcp(scene.server).starts_with("error"));
}
