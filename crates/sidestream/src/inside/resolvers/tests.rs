//! What resolv.conf(5) allows.

use super::*;

#[track_caller]
fn check(text: &str, wanted: &[&str]) {
    let index_of = |name: &str| (name == "eth0").then_some(7);
    let found: Vec<_> = parse(text, &index_of).iter().map(ToString::to_string).collect();
    assert_eq!(found, wanted, "{text}");
}

#[test]
fn resolvers_are_read_in_their_order() {
    check("", &[]);
    check("nameserver 192.0.2.1\n", &["192.0.2.1:53"]);
    check("nameserver 192.0.2.1\nnameserver 2001:db8::1", &["192.0.2.1:53", "[2001:db8::1]:53"]);
    check("\tnameserver\t192.0.2.1 # ours\r\n", &["192.0.2.1:53"]);
    check("search example.test\noptions edns0 trust-ad\nnameserver 127.0.0.53", &["127.0.0.53:53"]);
}

#[test]
fn what_is_no_resolver_is_none() {
    check("# nameserver 192.0.2.1\n;nameserver 192.0.2.2", &[]);
    check("nameserver\nnameserver resolver.test\nnameserver 192.0.2.256", &[]);
    check("nameservers 192.0.2.1\nnameserver=192.0.2.1", &[]);
}

#[test]
fn a_zone_is_a_number_or_an_interface() {
    check("nameserver fe80::1%3", &["[fe80::1%3]:53"]);
    check("nameserver fe80::1%eth0", &["[fe80::1%7]:53"]);
    check("nameserver fe80::1%eth9\nnameserver 192.0.2.1%eth0", &[]);
    assert_eq!(interface_index("../lo"), None);
}

#[test]
fn no_more_are_asked_than_elsewhere() {
    let many: String = (1..9).map(|last| format!("nameserver 192.0.2.{last}\n")).collect();
    check(&many, &["192.0.2.1:53", "192.0.2.2:53", "192.0.2.3:53"]);
}

#[test]
fn the_one_that_answered_last_is_asked_first() {
    let addr = |last: u8| SocketAddr::from(([192, 0, 2, last], 53));
    let resolvers = Resolvers::fixed(vec![addr(1), addr(2), addr(3)]);
    resolvers.prefer(addr(2));
    assert_eq!(resolvers.list(), [addr(2), addr(3), addr(1)]);
    resolvers.prefer(addr(9));
    assert_eq!(resolvers.list()[0], addr(2));
}
