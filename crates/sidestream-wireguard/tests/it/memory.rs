//! What a peer costs.

use allocation_counter::measure;

use crate::world::{Client, World, key, packet, peer};

const PEERS: u8 = 24;
/// Each peer shakes hands so often, all together fewer times than needs a cookie.
const HANDSHAKES: u8 = 4;

fn world(peers: u8) -> World {
    let seeds = 2..2 + peers;
    World::new(seeds.map(|seed| peer(&key(seed), &[&format!("10.0.0.{seed}/32")])).collect())
}

/// Returns how many bytes more are held after that.
fn held(work: impl FnOnce()) -> i64 {
    measure(work).bytes_current
}

/// Lets a client shake hands; returns how many bytes more its server holds then.
fn join(world: &mut World, client: &mut Client, number: u8) -> i64 {
    let remote = format!("192.0.2.{number}:7");
    let (initiation, mut response) = (client.initiation(), [0; 92]);
    let mut grown = held(|| {
        world.send(&remote, &initiation);
        response.copy_from_slice(&world.replies()[0].1);
    });
    for datagram in client.take(&response).1 {
        grown += held(|| assert_eq!(world.send(&remote, &datagram), None));
    }
    let out = client.seal(&packet(&format!("10.0.0.{number}"), "192.0.2.1"));
    grown + held(|| assert!(world.send(&remote, &out).is_some()))
}

#[test]
fn a_peer_costs_little_until_it_is_heard_and_not_much_then() {
    let (mut one, mut all) = (None, None);
    let alone = held(|| one = Some(world(1)));
    let silent = (held(|| all = Some(world(PEERS))) - alone) / i64::from(PEERS - 1);
    let mut world = all.unwrap();
    let heard = (2..2 + PEERS).map(|number| {
        let mut client = Client::new(&key(number), key(1).public_key());
        (0..HANDSHAKES).map(|_| join(&mut world, &mut client, number)).sum::<i64>()
    });
    let heard = heard.sum::<i64>() / i64::from(PEERS);
    eprintln!("{alone} alone, a silent peer {silent} bytes more, with keys {heard} bytes more");
    assert!(silent <= 768, "{silent} bytes");
    assert!(heard <= 12 << 10, "{heard} bytes");
}
