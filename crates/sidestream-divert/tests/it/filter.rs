//! The texts of filters.

use std::net::{IpAddr, SocketAddr};

use insta::assert_snapshot;
use proptest::prelude::*;
use sidestream_divert::Config;
use sidestream_divert::filter::{Scope, packets, sockets};
use sidestream_spec::{Facts, Spec, Verdict};

fn of(spec: &str) -> String {
    packets(&spec.parse().unwrap(), &Config::default())
}

#[test]
fn a_spec_on_processes_is_about_everywhere() {
    assert_snapshot!(of("curl"), @"outbound and !loopback and !impostor and !fragment and ((ip.DstAddr < 224.0.0.0 and (ip.DstAddr < 169.254.0.0 or ip.DstAddr > 169.254.255.255)) or ipv6.DstAddr < fe80::) and (icmp.Type == 3 or icmpv6.Type == 1 or ((tcp or (udp.DstPort != 67 and udp.DstPort != 547))))");
    assert_eq!(of("curl"), of("!curl"));
    assert_eq!(of("curl"), of("port:443,curl"));
    assert_eq!(of("curl"), of("host:*.test"));
}

#[test]
fn an_empty_spec_asks_for_nothing() {
    assert_eq!(packets(&Spec::nothing(), &Config::default()), "false");
    assert_eq!(packets(&Spec::everything(), &Config::default()), of("curl"));
}

#[test]
fn places_are_named() {
    assert_snapshot!(of("port:443,net:10.0.0.0/8,net:2001:db8::/32"), @"outbound and !loopback and !impostor and !fragment and ((ip.DstAddr < 224.0.0.0 and (ip.DstAddr < 169.254.0.0 or ip.DstAddr > 169.254.255.255)) or ipv6.DstAddr < fe80::) and (icmp.Type == 3 or icmpv6.Type == 1 or ((tcp or (udp.DstPort != 67 and udp.DstPort != 547)) and (tcp.DstPort == 443 or udp.DstPort == 443 or (ip.DstAddr >= 10.0.0.0 and ip.DstAddr <= 10.255.255.255) or (ipv6.DstAddr >= 2001:db8:: and ipv6.DstAddr <= 2001:db8:ffff:ffff:ffff:ffff:ffff:ffff))))");
}

#[test]
fn what_is_excluded_last_is_excluded() {
    assert_snapshot!(of("curl,!port:53,!net:10.0.0.0/8,!net:fd00::/8"), @"outbound and !loopback and !impostor and !fragment and ((ip.DstAddr < 224.0.0.0 and (ip.DstAddr < 169.254.0.0 or ip.DstAddr > 169.254.255.255)) or ipv6.DstAddr < fe80::) and (icmp.Type == 3 or icmpv6.Type == 1 or ((tcp or (udp.DstPort != 67 and udp.DstPort != 547)) and (ip or ipv6.DstAddr < fd00:: or ipv6.DstAddr > fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff) and (ipv6 or ip.DstAddr < 10.0.0.0 or ip.DstAddr > 10.255.255.255) and (tcp.DstPort != 53 or udp.DstPort != 53)))");
    // What another item may bring back is not.
    assert_eq!(of("!port:53,curl"), of("curl"));
}

#[test]
fn what_is_asked_for_is_not_left_out() {
    let config = Config {
        inbound: true,
        loopback: true,
        link_local: true,
        broadcasts: vec![[10, 0, 0, 255].into()],
        ..Config::default()
    };
    assert_snapshot!(packets(&"curl".parse().unwrap(), &config), @"!impostor and !fragment and ((ip.DstAddr < 224.0.0.0 and ip.DstAddr != 10.0.0.255) or ipv6.DstAddr < ff00::) and (icmp.Type == 3 or icmpv6.Type == 1 or ((tcp or (udp.DstPort != 67 and udp.DstPort != 547))))");
    assert_snapshot!(sockets(&config), @"(tcp or udp) and (event == CLOSE or (event == CONNECT) or (udp and (event == BIND or event == ACCEPT)) or (tcp and event == LISTEN))");
    assert_snapshot!(sockets(&Config::default()), @"(tcp or udp) and (event == CLOSE or (event == CONNECT and !loopback) or (udp and (event == BIND or event == ACCEPT)))");
}

#[test]
fn too_many_places_are_left_to_the_machine() {
    let spec: Vec<_> = (1..=200).map(|port| format!("port:{port}")).collect();
    assert_eq!(of(&spec.join(",")), of("curl"));
    // WINDIVERT_FILTER_MAXLEN is 256.
    for count in 1..200 {
        let text = of(&spec[..count].join(","));
        let tests = text.split(" and ").flat_map(|part| part.split(" or ")).count();
        assert!(tests < 256, "{tests} tests for {count} places");
    }
}

fn item() -> impl Strategy<Value = String> {
    let matcher = prop_oneof![
        (1_u16..5).prop_map(|port| format!("port:{port}")),
        (0_u8..4, 8_u8..=32).prop_map(|(net, len)| format!("net:10.0.0.{net}/{len}")),
        (0_u8..4, 32_u8..=128).prop_map(|(net, len)| format!("net:2001:db8::{net}/{len}")),
        Just("curl".to_owned()),
        Just("host:a.test".to_owned()),
    ];
    (any::<bool>(), matcher).prop_map(|(not, text)| if not { format!("!{text}") } else { text })
}

proptest! {
    #[test]
    fn nothing_that_a_spec_would_divert_is_left_out(
        items in prop::collection::vec(item(), 1..6),
        v6 in any::<bool>(),
        host in 0_u8..4,
        port in 1_u16..5,
    ) {
        let spec: Spec = items.join(",").parse().unwrap();
        let ip: IpAddr = if v6 {
            format!("2001:db8::{host}").parse().unwrap()
        } else {
            [10, 0, 0, host].into()
        };
        let server = SocketAddr::new(ip, port);
        let facts = Facts { destination: server.into(), ..Facts::default() };
        if !Scope::of(&spec).admits(server) {
            prop_assert_eq!(spec.decide(&facts), Verdict::Pass);
        }
    }
}
