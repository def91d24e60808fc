//! Address ranges.

use sidestream_spec::{Matcher, Net, Spec};

fn net(cidr: &str) -> Net {
    let spec: Spec = format!("net:{cidr}").parse().unwrap();
    match spec.items().next().unwrap().matcher() {
        Matcher::Net(net) => *net,
        other => panic!("{other:?} is not a range"),
    }
}

#[track_caller]
fn check(cidr: &str, addr: &str, expected: bool) {
    assert_eq!(net(cidr).contains(addr.parse().unwrap()), expected, "{addr} in {cidr}");
}

#[test]
fn an_ipv4_range_holds_its_addresses() {
    check("10.0.0.0/8", "10.255.0.1", true);
    check("10.0.0.0/8", "11.0.0.0", false);
    check("192.0.2.128/25", "192.0.2.127", false);
    check("192.0.2.1", "192.0.2.1", true);
    check("192.0.2.1", "192.0.2.2", false);
    check("0.0.0.0/0", "203.0.113.9", true);
    check("10.0.0.0/8", "::a00:0", false);
}

#[test]
fn an_ipv6_range_holds_its_addresses() {
    check("2001:db8::/32", "2001:db8:1::1", true);
    check("2001:db8::/32", "2001:db9::", false);
    check("::1", "::1", true);
    check("::/0", "2001:db8::1", true);
}

#[test]
fn a_mapped_address_is_an_ipv4_address() {
    check("10.0.0.0/8", "::ffff:10.1.2.3", true);
    check("::ffff:10.0.0.0/104", "10.1.2.3", true);
    check("::ffff:10.0.0.0/104", "::ffff:10.1.2.3", true);
    check("::ffff:10.1.2.3", "10.1.2.3", true);
    check("::ffff:0:0/96", "203.0.113.9", true);
    check("::/0", "::ffff:10.1.2.3", false);
    check("::/0", "10.1.2.3", false);
}

#[test]
fn bits_beyond_the_prefix_do_not_count() {
    assert_eq!(net("10.1.2.3/8"), net("10.0.0.0/8"));
    assert_eq!(net("10.1.2.3/8").to_string(), "10.0.0.0/8");
    assert_eq!(net("2001:db8::1/32").to_string(), "2001:db8::/32");
    assert_eq!(net("::ffff:10.1.2.3/104").to_string(), "10.0.0.0/8");
    assert_eq!(net("1.2.3.4/0").to_string(), "0.0.0.0/0");
    assert_eq!((net("::1").addr(), net("::1").prefix_len()), ("::1".parse().unwrap(), 128));
}
