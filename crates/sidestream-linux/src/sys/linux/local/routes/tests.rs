//! The mirror beside the kernel's own answers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::time::Duration;

use sidestream_bpf::RouteEntry;

use super::prefix::Prefix;
use super::{Pace, Routes};
use crate::sys::imp::local::testing::{Neighbor, in_own_network, ip};

/// What the hooks make of the table.
fn mirrored(table: &[RouteEntry], destination: IpAddr) -> Option<IpAddr> {
    let whole = if destination.is_ipv4() { 32 } else { 128 };
    let host = Prefix::new(destination, whole).unwrap();
    let of = |entry: &&RouteEntry| Prefix::new(entry.addr, entry.prefix_len).unwrap();
    let entries = table.iter().filter(|entry| of(entry).contains(&host));
    entries.max_by_key(|entry| entry.prefix_len)?.source
}

/// What a program finds.
fn connected(destination: IpAddr) -> Option<IpAddr> {
    let any: IpAddr = match destination {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect((destination, 9)).ok()?;
    Some(socket.local_addr().unwrap().ip())
}

/// Numbers that are the same each time (a linear congruential generator).
fn numbers() -> impl Iterator<Item = u128> {
    let mut state = 7_u64;
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        u128::from(state >> 32)
    };
    std::iter::repeat_with(move || next() << 96 | next() << 64 | next() << 32 | next())
}

/// Addresses within each network of the table and just beside it, and some anywhere.
fn samples(table: &[RouteEntry]) -> Vec<IpAddr> {
    let mut numbers = numbers();
    let mut samples = Vec::new();
    for RouteEntry { addr, prefix_len, .. } in table {
        for number in numbers.by_ref().take(4) {
            samples.push(match addr {
                IpAddr::V4(addr) => {
                    let mask = u32::MAX.checked_shr((*prefix_len).into()).unwrap_or(0);
                    IpAddr::V4((addr.to_bits() | number as u32 & mask).into())
                }
                IpAddr::V6(addr) => {
                    let mask = u128::MAX.checked_shr((*prefix_len).into()).unwrap_or(0);
                    IpAddr::V6((addr.to_bits() | number & mask).into())
                }
            });
        }
        samples.push(*addr);
        samples.push(match addr {
            IpAddr::V4(addr) => IpAddr::V4(addr.to_bits().wrapping_sub(1).into()),
            IpAddr::V6(addr) => IpAddr::V6(addr.to_bits().wrapping_sub(1).into()),
        });
    }
    for number in numbers.by_ref().take(200) {
        samples.push(IpAddr::V4((number as u32).into()));
        samples.push(IpAddr::V6((number >> 3 | 1 << 125).into()));
        samples.push(IpAddr::V6((number >> 8 | 0xfd << 120).into()));
    }
    samples
}

/// Compares what the hooks would do with what the kernel does.
#[track_caller]
fn check(routes: &mut Routes, exact: bool) {
    let table = routes.table().unwrap();
    assert_eq!(table.exact, exact, "{table:?}");
    let mut compared = 0;
    for destination in samples(&table.entries) {
        let found = mirrored(&table.entries, destination);
        if super::left().any(|left| {
            left.contains(
                &Prefix::new(destination, if destination.is_ipv4() { 32 } else { 128 }).unwrap(),
            )
        }) {
            assert_eq!(found, None, "{destination} is to be left alone");
            continue;
        }
        assert_eq!(found, connected(destination), "to {destination} of {:#?}", table.entries);
        compared += 1;
    }
    assert!(compared > 200);
}

/// A host with two networks, addresses of both families and some odd routes.
fn network() -> Neighbor {
    let neighbor = Neighbor::new();
    for args in [
        "addr add 10.20.0.1/16 dev va",
        "-6 addr add 2001:db8:7::1/64 dev va nodad",
        "-6 addr add 2001:db8:7::2/64 dev va nodad",
        "-6 addr add fd01:0:0:7::1/64 dev va nodad",
        "route add default via 198.18.7.2",
        "-6 route add default via fd01::2",
        "route add 10.30.0.0/16 via 198.18.7.2 src 10.20.0.1",
        "route add unreachable 10.40.0.0/16",
        "route add 10.40.7.0/24 via 198.18.7.2",
        "route add blackhole 10.41.0.0/16",
        "route add prohibit 10.42.0.0/16",
        "route add throw 10.43.0.0/16",
        "route add local 10.44.0.0/16 dev lo src 10.20.0.1",
        "route add 10.44.7.0/24 via 198.18.7.2",
        "-6 route add unreachable 2001:db8:40::/48",
        "-6 route add 2001:db8:40:7::/64 via fd01::2",
        "-6 route add blackhole 2001:db8:41::/48",
        "-6 route add prohibit 2001:db8:42::/48",
        "-6 route add 2001:db8:43::/48 via fd01::2 src 2001:db8:7::2",
        "-6 route add local 2001:db8:44::/48 dev va",
    ] {
        ip(args);
    }
    neighbor
}

#[test]
fn every_source_is_the_one_that_the_kernel_takes() {
    if !in_own_network(module_path!(), "every_source_is_the_one_that_the_kernel_takes") {
        return;
    }
    let mut routes = Routes::open(Pace::CALM).unwrap();
    let _neighbor = network();
    check(&mut routes, true);
    ip("route del default");
    ip("-6 route del default");
    let table = routes.table().unwrap();
    assert!(table.entries.iter().all(|entry| entry.prefix_len > 0), "{table:?}");
    check(&mut routes, true);
}

#[test]
fn a_host_without_ipv6_has_no_routes_of_it() {
    if !in_own_network(module_path!(), "a_host_without_ipv6_has_no_routes_of_it") {
        return;
    }
    std::fs::write("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1").unwrap();
    let mut routes = Routes::open(Pace::CALM).unwrap();
    let sources = |routes: &mut Routes| {
        let entries = routes.table().unwrap().entries;
        entries.into_iter().filter(|entry| entry.source.is_some()).collect::<Vec<_>>()
    };
    let found = sources(&mut routes);
    assert!(found.iter().all(|entry| entry.addr.is_ipv4()), "{found:?}");
    let localhost = Some(IpAddr::from([127, 0, 0, 1]));
    assert_eq!(mirrored(&found, [127, 0, 0, 53].into()), localhost);
    assert_eq!(mirrored(&found, [192, 0, 2, 1].into()), None);
    std::fs::write("/proc/sys/net/ipv6/conf/all/disable_ipv6", "0").unwrap();
    let found = sources(&mut routes);
    assert_eq!(mirrored(&found, Ipv6Addr::LOCALHOST.into()), Some(Ipv6Addr::LOCALHOST.into()));
}

#[test]
fn rules_are_followed_as_far_as_they_look_at_destinations() {
    if !in_own_network(module_path!(), "rules_are_followed_as_far_as_they_look_at_destinations") {
        return;
    }
    let _neighbor = network();
    let mut routes = Routes::open(Pace::CALM).unwrap();
    for args in [
        // As VPN clients do it.
        "link add vpn type bridge",
        "addr add 10.99.0.2/32 dev vpn",
        "link set vpn up",
        "route add default dev vpn table 51820",
        "route add default dev vpn table 77",
        "rule add not fwmark 51820 table 51820",
        "rule add table main suppress_prefixlength 0",
        "rule add to 203.0.113.0/24 table main pref 100",
        "rule add to 203.0.113.128/25 prohibit pref 99",
    ] {
        ip(args);
    }
    check(&mut routes, true);
    let table = routes.table().unwrap().entries;
    assert_eq!(mirrored(&table, [192, 0, 2, 1].into()), Some([10, 99, 0, 2].into()));
    ip("rule add uidrange 0-0 table 77");
    check(&mut routes, false);
}

#[test]
fn a_range_of_own_addresses_has_no_single_source() {
    if !in_own_network(module_path!(), "a_range_of_own_addresses_has_no_single_source") {
        return;
    }
    ip("route add local 10.44.0.0/16 dev lo");
    let table = Routes::open(Pace::CALM).unwrap().table().unwrap();
    assert!(!table.exact);
    // It is captured all the same.
    assert!(mirrored(&table.entries, [10, 44, 9, 41].into()).is_some());
}

#[test]
fn changes_are_told_once_they_have_settled() {
    if !in_own_network(module_path!(), "changes_are_told_once_they_have_settled") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut routes = Routes::open(Pace::CALM).unwrap();
        let quiet = Duration::from_millis(200);
        assert!(tokio::time::timeout(quiet, routes.changed()).await.is_err());
        for args in [
            "link add va type veth peer name vb",
            "link set vb up",
            "link set va up",
            "addr add 10.1.0.1/24 dev va",
            "-6 addr add fd02::1/64 dev va nodad",
            "rule add table 7",
            "route add default via 10.1.0.2",
        ] {
            ip(args);
            // A waiting that is given up loses nothing.
            let short = Duration::from_millis(5);
            assert!(tokio::time::timeout(short, routes.changed()).await.is_err());
            let told = tokio::time::timeout(Duration::from_secs(10), routes.changed()).await;
            told.unwrap_or_else(|_| panic!("{args} is not told")).unwrap();
        }
        let table = routes.table().unwrap();
        assert_eq!(mirrored(&table.entries, [192, 0, 2, 1].into()), Some([10, 1, 0, 1].into()));
    });
}

#[test]
fn a_full_table_is_not_asked_about_one_by_one() {
    if !in_own_network(module_path!(), "a_full_table_is_not_asked_about_one_by_one") {
        return;
    }
    let _neighbor = network();
    let batch: String = (0..50_001_u32)
        .map(|n| {
            format!("route add 11.{}.{}.{}/32 via 198.18.7.2\n", n >> 16, n >> 8 & 255, n & 255)
        })
        .collect();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), batch).unwrap();
    ip(&format!("-batch {}", file.path().display()));
    let table = Routes::open(Pace::CALM).unwrap().table().unwrap();
    assert!(!table.exact);
    assert!(table.entries.len() < 100);
    assert_eq!(mirrored(&table.entries, [11, 0, 0, 7].into()), Some([198, 18, 7, 1].into()));
    assert_eq!(mirrored(&table.entries, [10, 20, 7, 7].into()), Some([10, 20, 0, 1].into()));
}
