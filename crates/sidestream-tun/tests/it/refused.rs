//! What cannot be opened, and what is said about it.

use std::net::IpAddr;

use sidestream_tun::{Builder, OpenError, Setting, Tun};

use crate::ground::{in_own_network, ip, network};

fn refused(builder: Builder) -> OpenError {
    let before = network();
    let error = builder.open().unwrap_err();
    assert_eq!(network(), before, "{error}");
    error
}

#[test]
fn a_name_that_is_taken_is_told_by_whom() {
    if !in_own_network(module_path!(), "a_name_that_is_taken_is_told_by_whom") {
        return;
    }
    ip("tuntap add dev tap mode tap");
    ip("tuntap add dev one mode tun");
    let named = |name| Tun::builder().name(name);
    assert!(matches!(refused(named("lo")), OpenError::NotTun { name } if name == "lo"));
    assert!(matches!(refused(named("tap")), OpenError::NotTun { name } if name == "tap"));
    let error = refused(named("one").queues(2));
    assert!(matches!(&error, OpenError::SingleQueue { name } if name == "one"));
    assert_eq!(
        error.to_string(),
        "one has one queue, ask for one or have it made anew with `multi_queue`"
    );
    let _one = named("one").open().unwrap();
    assert!(matches!(refused(named("one")), OpenError::Busy { name } if name == "one"));
    // Nobody's packets are taken away by a queue more.
    let _many = named("many").queues(2).open().unwrap();
    assert!(matches!(refused(named("many").queues(2)), OpenError::Busy { .. }));
}

#[test]
fn an_address_or_route_that_cannot_be_is_named() {
    if !in_own_network(module_path!(), "an_address_or_route_that_cannot_be_is_named") {
        return;
    }
    let address = |text: &str| -> IpAddr { text.parse().unwrap() };
    ip("route add 198.19.0.0/16 dev lo");
    let error = refused(Tun::builder().name("mine").route(address("198.19.0.0"), 16));
    assert_eq!(
        error.to_string(),
        "cannot set the route 198.19.0.0/16 of mine, choose what nothing else on this machine has"
    );
    let error = refused(Tun::builder().address(address("ff02::1"), 64));
    let wanted = Setting::Address(address("ff02::1"), 64);
    assert!(matches!(error, OpenError::Refused { setting, .. } if setting == wanted));
    // The same twice is the same.
    let twice = Tun::builder().address(address("198.18.0.1"), 24).route(address("fd00::"), 64);
    twice.address(address("198.18.0.1"), 24).route(address("fd00::"), 64).open().unwrap();
}
