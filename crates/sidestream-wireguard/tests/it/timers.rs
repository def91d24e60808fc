//! Who is looked after, and when. The protocol's own clock is the system's, so what takes minutes
//! is not tried here.

use std::num::NonZeroU16;
use std::time::Duration;

use sidestream_wireguard::Peer;

use crate::world::{Client, World, addr, key, packet, peer};

const TICK: Duration = Duration::from_millis(250);

#[test]
fn peers_that_were_never_heard_are_never_looked_after() {
    let peers = (2..200).map(|seed| peer(&key(seed), &[&format!("10.0.0.{seed}/32")]));
    let mut world = World::new(peers.collect());
    assert_eq!(world.hub.poll_timeout(), None);
    let mut client = Client::new(&key(2), world.public);
    world.join(&mut client, "192.0.2.7:7");
    assert_eq!(world.hub.poll_timeout(), Some(world.now + TICK), "one is");
    world.now += TICK;
    world.hub.handle_timeout(world.now);
    assert_eq!(world.hub.poll_timeout(), Some(world.now + TICK), "it has been busy");
    world.now += TICK;
    world.hub.handle_timeout(world.now);
    assert_eq!(world.hub.poll_timeout(), Some(world.now + 4 * TICK), "it is silent");
    let out = packet("10.0.0.2", "192.0.2.1");
    assert!(world.send("192.0.2.7:7", &client.seal(&out)).is_some());
    assert_eq!(world.hub.poll_timeout(), Some(world.now + TICK), "and no longer");
    assert_eq!(world.replies(), []);
}

#[test]
fn a_peer_to_be_kept_alive_is_looked_after_from_the_beginning() {
    let endpoint = Some("192.0.2.9:9".parse().unwrap());
    let persistent_keepalive = NonZeroU16::new(1);
    let kept = Peer { endpoint, persistent_keepalive, ..peer(&key(2), &["10.0.0.2/32"]) };
    let mut world = World::new(vec![kept]);
    assert_eq!(world.hub.poll_timeout(), Some(world.now));
    // The keepalive is due after a second of the system's clock.
    let started = std::time::Instant::now();
    let replies = loop {
        world.now = std::time::Instant::now();
        world.hub.handle_timeout(world.now);
        let replies = world.replies();
        if !replies.is_empty() {
            break replies;
        }
        assert!(started.elapsed() < Duration::from_secs(20), "never");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!((replies[0].0, replies[0].1.len()), (addr("192.0.2.9:9"), 148));
}
