//! Who gets in, and who does not.

use sidestream_wireguard::{Drop, Peer};

use crate::world::{Client, World, addr, key, packet, peer, preshared};

const HOME: &str = "192.0.2.7:4000";
const ABROAD: &str = "[2001:db8::7]:5000";

fn one() -> (World, Client) {
    let world = World::new(vec![peer(&key(2), &["10.0.0.2/32", "fd00::2/128"])]);
    let client = Client::new(&key(2), world.public);
    (world, client)
}

#[test]
fn packets_of_both_versions_pass_both_ways() {
    let (mut world, mut client) = one();
    world.join(&mut client, HOME);
    for (source, destination) in [("10.0.0.2", "192.0.2.1"), ("fd00::2", "2001:db8::1")] {
        let out = packet(source, destination);
        assert_eq!(world.send(HOME, &client.seal(&out)), Some(out));
        let back = packet(destination, source);
        let (to, datagram) = world.seal(&back).unwrap();
        assert_eq!(to, addr(HOME));
        assert_eq!(client.take(&datagram).0, Some(back));
    }
    world.check_dropped(&[]);
    let [status] = &world.hub.handle().peers()[..] else { panic!() };
    assert_eq!(status.endpoint, Some(addr(HOME)));
    assert!(status.last_handshake.is_some() && status.received > 148 && status.sent > 92);
}

#[test]
fn a_preshared_key_lets_in_whoever_has_it_and_nobody_else() {
    let guarded = Peer { preshared_key: Some(preshared(9)), ..peer(&key(2), &["10.0.0.2/32"]) };
    let mut world = World::new(vec![guarded]);
    let mut knows = Client::with(&key(2), world.public, Some([9; 32]));
    world.join(&mut knows, HOME);
    let out = packet("10.0.0.2", "192.0.2.1");
    assert_eq!(world.send(HOME, &knows.seal(&out)), Some(out.clone()));

    for psk in [None, Some([8; 32])] {
        let mut wrong = Client::with(&key(2), world.public, psk);
        let initiation = wrong.initiation();
        world.send(HOME, &initiation);
        let replies = world.replies();
        let (packet, sends) = wrong.take(&replies[0].1);
        assert_eq!((packet, sends), (None, vec![]), "the response is not for it");
    }
    assert_eq!(world.send(HOME, &knows.seal(&out)), Some(out), "the other goes on");
}

#[test]
fn a_stranger_gets_no_answer() {
    let (mut world, _) = one();
    let initiation = Client::new(&key(3), world.public).initiation();
    world.send(HOME, &initiation);
    assert_eq!(world.replies(), []);
    world.check_dropped(&[(Drop::UnknownPeer, 1)]);
}

#[test]
fn whoever_looks_for_another_server_gets_no_answer() {
    let (mut world, _) = one();
    let initiation = Client::new(&key(2), key(5).public_key()).initiation();
    world.send(HOME, &initiation);
    assert_eq!(world.replies(), []);
    world.check_dropped(&[(Drop::Mac, 1)]);
}

#[test]
fn a_peer_is_followed_to_where_it_was_last_heard() {
    let (mut world, mut client) = one();
    world.join(&mut client, HOME);
    let out = packet("10.0.0.2", "192.0.2.1");
    assert!(world.send(ABROAD, &client.seal(&out)).is_some());
    let (to, _) = world.seal(&packet("192.0.2.1", "10.0.0.2")).unwrap();
    assert_eq!(to, addr(ABROAD));
    assert_eq!(world.hub.handle().peers()[0].endpoint, Some(addr(ABROAD)));
}

#[test]
fn a_forged_datagram_moves_nobody() {
    let (mut world, mut client) = one();
    world.join(&mut client, HOME);
    let mut forged = client.seal(&packet("10.0.0.2", "192.0.2.1"));
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(world.send(ABROAD, &forged), None);
    world.check_dropped(&[(Drop::Forged, 1)]);
    let (to, _) = world.seal(&packet("192.0.2.1", "10.0.0.2")).unwrap();
    assert_eq!(to, addr(HOME));
}

#[test]
fn what_was_there_before_is_dropped() {
    let (mut world, mut client) = one();
    let initiation = client.initiation();
    world.send(HOME, &initiation);
    let replies = world.replies();
    for datagram in client.take(&replies[0].1).1 {
        world.send(HOME, &datagram);
    }
    let datagram = client.seal(&packet("10.0.0.2", "192.0.2.1"));
    assert!(world.send(HOME, &datagram).is_some());
    assert_eq!(world.send(ABROAD, &datagram), None);
    world.send(ABROAD, &initiation);
    assert_eq!(world.replies(), []);
    world.check_dropped(&[(Drop::Replay, 2)]);
    assert_eq!(world.hub.handle().peers()[0].endpoint, Some(addr(HOME)));
}

#[test]
fn a_datagram_that_is_cut_anywhere_does_no_harm() {
    let (mut world, mut client) = one();
    let initiation = client.initiation();
    for len in 0..initiation.len() {
        world.send(HOME, &initiation[..len]);
    }
    assert_eq!(world.replies(), []);
    world.join(&mut client, HOME);
    let datagram = client.seal(&packet("10.0.0.2", "192.0.2.1"));
    for len in 0..datagram.len() {
        assert_eq!(world.send(HOME, &datagram[..len]), None, "{len}");
    }
    assert!(world.send(HOME, &datagram).is_some());
}

#[test]
fn a_session_that_is_not_there_is_counted() {
    let (mut world, mut client) = one();
    world.join(&mut client, HOME);
    let mut datagram = client.seal(&packet("10.0.0.2", "192.0.2.1"));
    datagram[4] ^= 0x55;
    assert_eq!(world.send(HOME, &datagram), None);
    datagram[5] ^= 0x55;
    assert_eq!(world.send(HOME, &datagram), None);
    world.check_dropped(&[(Drop::NoSession, 2)]);
}

#[test]
fn a_server_that_was_started_anew_is_found_again() {
    let (mut world, mut client) = one();
    world.join(&mut client, HOME);
    let (mut anew, _) = one();
    let datagram = client.seal(&packet("10.0.0.2", "192.0.2.1"));
    assert_eq!(anew.send(HOME, &datagram), None);
    assert!(anew.replies().is_empty());
    anew.join(&mut client, HOME);
    let out = packet("10.0.0.2", "192.0.2.1");
    assert_eq!(anew.send(HOME, &client.seal(&out)), Some(out));
}

#[test]
fn thousands_of_peers_are_told_apart() {
    const PEERS: u32 = 3000;
    let address = |id: u32| std::net::Ipv4Addr::from_bits(0x0a00_0000 + id).to_string();
    let keys: Vec<_> = (0..PEERS)
        .map(|id| {
            let mut bytes = [7; 32];
            bytes[1..5].copy_from_slice(&id.to_le_bytes());
            sidestream_wireguard::PrivateKey::from_bytes(bytes)
        })
        .collect();
    let prefix = |id| format!("{}/32", address(id));
    let peers = keys.iter().zip(0..).map(|(key, id)| peer(key, &[&prefix(id)]));
    let mut world = World::new(peers.collect());
    // A hundred handshakes a second are looked into without a proof of where they come from.
    for (count, id) in (0..PEERS).step_by(101).enumerate() {
        let from = format!("192.0.2.7:{}", 1000 + id);
        let mut client = Client::new(&keys[id as usize], world.public);
        assert!(count < 100);
        world.join(&mut client, &from);
        let out = packet(&address(id), "192.0.2.1");
        assert_eq!(world.send(&from, &client.seal(&out)), Some(out));
        let (to, _) = world.seal(&packet("192.0.2.1", &address(id))).unwrap();
        assert_eq!(to, addr(&from));
    }
    world.check_dropped(&[]);
}
