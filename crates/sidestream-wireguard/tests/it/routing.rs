//! Whose packets are taken, and who gets them.

use sidestream_wireguard::{Drop, Peer};

use crate::world::{Client, World, addr, key, packet, peer};

const ONE: &str = "192.0.2.7:1";
const TWO: &str = "192.0.2.7:2";

fn two() -> (World, Client, Client) {
    let peers = vec![
        peer(&key(2), &["10.0.0.0/24", "fd00::/64"]),
        peer(&key(3), &["10.0.0.3/32", "fd00::3/128"]),
    ];
    let world = World::new(peers);
    let (one, two) = (Client::new(&key(2), world.public), Client::new(&key(3), world.public));
    (world, one, two)
}

#[test]
fn a_peer_sends_from_its_own_addresses_only() {
    let (mut world, mut one, mut two) = two();
    world.join(&mut one, ONE);
    world.join(&mut two, TWO);
    let mut spoof = |client: &mut Client, source, destination| {
        let out = packet(source, destination);
        let taken = world.send(ONE, &client.seal(&out));
        taken.inspect(|taken| assert_eq!(*taken, out)).is_some()
    };
    assert!(spoof(&mut one, "10.0.0.9", "192.0.2.1"));
    assert!(!spoof(&mut one, "10.0.0.3", "192.0.2.1"), "a longer range makes it another's");
    assert!(!spoof(&mut one, "10.0.1.9", "192.0.2.1"));
    assert!(!spoof(&mut one, "fd00::3", "2001:db8::1"));
    assert!(spoof(&mut one, "fd00::4", "2001:db8::1"));
    assert!(!spoof(&mut two, "10.0.0.2", "192.0.2.1"));
    assert!(spoof(&mut two, "fd00::3", "2001:db8::1"));
    world.check_dropped(&[(Drop::Source, 4)]);
}

#[test]
fn a_packet_goes_to_the_peer_with_the_longest_range() {
    let (mut world, mut one, mut two) = two();
    world.join(&mut one, ONE);
    world.join(&mut two, TWO);
    let mut to = |destination| world.seal(&packet("192.0.2.1", destination)).map(|(to, _)| to);
    assert_eq!(to("10.0.0.2"), Some(addr(ONE)));
    assert_eq!(to("10.0.0.3"), Some(addr(TWO)));
    assert_eq!(to("10.0.1.3"), None);
    world.check_dropped(&[(Drop::NoRoute, 1)]);
}

#[test]
fn nobody_reaches_the_loopback_of_the_server() {
    let (mut world, mut one, _) = two();
    world.join(&mut one, ONE);
    for destination in ["127.0.0.1", "127.9.9.9", "0.0.0.0"] {
        assert_eq!(world.send(ONE, &one.seal(&packet("10.0.0.2", destination))), None);
    }
    for destination in ["::1", "::", "::ffff:127.0.0.1", "::127.0.0.1"] {
        assert_eq!(world.send(ONE, &one.seal(&packet("fd00::2", destination))), None);
    }
    world.check_dropped(&[(Drop::Destination, 7)]);
}

#[test]
fn what_is_no_packet_is_counted() {
    let (mut world, mut one, _) = two();
    world.join(&mut one, ONE);
    let mut longer = packet("10.0.0.2", "192.0.2.1");
    longer[3] += 1;
    for bytes in [&b"no packet"[..], &[0x45; 10], &longer] {
        assert_eq!(world.send(ONE, &one.seal(bytes)), None);
    }
    assert_eq!(world.seal(b"no packet"), None);
    assert_eq!(world.seal(b""), None);
    world.check_dropped(&[(Drop::NoRoute, 2), (Drop::NotIp, 3)]);
}

#[test]
fn a_packet_that_does_not_fit_is_counted() {
    let (mut world, mut one, _) = two();
    world.join(&mut one, ONE);
    let mut long = packet("10.0.0.2", "192.0.2.1");
    long.resize(3000, 0);
    long[2..4].copy_from_slice(&3000_u16.to_be_bytes());
    assert_eq!(world.send(ONE, &one.seal(&long)), None);
    world.check_dropped(&[(Drop::TooLong, 1)]);
}

#[test]
fn a_peer_that_was_never_heard_is_sent_nothing() {
    let (mut world, _, _) = two();
    assert_eq!(world.seal(&packet("192.0.2.1", "10.0.0.2")), None);
    assert_eq!(world.replies(), []);
    world.check_dropped(&[(Drop::NoEndpoint, 1)]);
}

#[test]
fn what_is_for_a_peer_with_an_endpoint_waits_for_its_session() {
    let endpoint = Some("192.0.2.9:9".parse().unwrap());
    let mut world = World::new(vec![Peer { endpoint, ..peer(&key(2), &["10.0.0.2/32"]) }]);
    let sent: Vec<_> = (0..20).map(|_| packet("192.0.2.1", "10.0.0.2")).collect();
    for packet in &sent {
        assert_eq!(world.seal(packet), None);
    }
    world.check_dropped(&[(Drop::Queue, 4)]);
    let replies = world.replies();
    let [(to, initiation)] = &replies[..] else { panic!("{replies:?}") };
    assert_eq!(*to, addr("192.0.2.9:9"));

    let mut client = Client::new(&key(2), world.public);
    let (_, response) = client.take(initiation);
    world.send("192.0.2.9:9", &response[0]);
    let taken = world.replies().into_iter().filter_map(|(_, datagram)| client.take(&datagram).0);
    assert_eq!(taken.collect::<Vec<_>>(), sent[..16]);
    assert!(world.seal(&sent[0]).is_some());
}
