//! Floods: they cost their senders more than us.

use sidestream_wireguard::Drop;

use crate::world::{Client, World, key, packet, peer};

#[test]
fn under_a_flood_of_handshakes_a_cookie_lets_in_who_is_where_it_says() {
    let mut world = World::new(vec![peer(&key(2), &["10.0.0.2/32"])]);
    let mut stranger = Client::new(&key(3), world.public);
    for _ in 0..300 {
        let initiation = stranger.initiation();
        world.send("198.51.100.1:1", &initiation);
    }
    let handle = world.hub.handle().clone();
    assert_eq!(handle.cookies(), 200, "the first hundred were looked into");
    world.check_dropped(&[(Drop::UnknownPeer, 100)]);
    assert!(world.replies().iter().all(|(_, reply)| reply.len() == 64));

    let mut client = Client::new(&key(2), world.public);
    let initiation = client.initiation();
    world.send("192.0.2.7:7", &initiation);
    let replies = world.replies();
    assert_eq!(replies[0].1.len(), 64, "a cookie");
    client.take(&replies[0].1);
    world.join(&mut client, "192.0.2.7:7");

    let initiation = client.initiation();
    world.send("192.0.2.8:7", &initiation);
    assert_eq!(world.replies()[0].1.len(), 64, "a cookie is of use in one place only");
    let out = packet("10.0.0.2", "192.0.2.1");
    assert_eq!(world.send("192.0.2.7:7", &client.seal(&out)), Some(out));
}

#[test]
fn garbage_is_counted_and_answered_by_nothing() {
    let mut world = World::new(vec![peer(&key(2), &["10.0.0.2/32"])]);
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as u8
    };
    for round in 0..20_000_usize {
        let lens = [0, 3, 4, 15, 16, 32, 64, 92, 148, 1452];
        let mut datagram: Vec<_> = (0..lens[round % lens.len()]).map(|_| next()).collect();
        if let Some(kind) = datagram.first_chunk_mut::<4>() {
            *kind = [(round % 5) as u8, 0, 0, 0];
        }
        assert_eq!(world.send("198.51.100.1:1", &datagram), None);
    }
    assert_eq!(world.replies(), []);
}
