//! A day of virtual time: nothing is left of it.

use std::time::Duration;

use sidestream_netstack::{Config, Usage};

use crate::link::{Faults, Random};
use crate::world::{World, bytes};

#[test]
fn nothing_is_left_of_a_day_with_ten_thousand_streams() {
    const DAY: Duration = Duration::from_secs(24 * 3600);
    const STREAMS: usize = 10_000;
    let delay = Duration::from_millis(5);
    let faults = Faults { loss: 5, reorder: 5, duplicate: 5, delay, narrow: None };
    let mut world = World::new(Config::default(), faults, 9);
    world.server.echoes = true;
    world.server.closes = true;
    let mut random = Random::new(9);
    let began = world.now;
    let mut most = 0;
    for number in 0..STREAMS {
        let at = began + DAY * u32::try_from(number).unwrap() / u32::try_from(STREAMS).unwrap();
        world.pass(at.saturating_duration_since(world.now));
        let port = u16::try_from(1024 + number % 60_000).unwrap();
        let index = world.client.connect("192.0.2.1:80".parse().unwrap(), port, 1 << 14);
        world.client.streams[index].to_send = bytes(random.below(3000) as usize, 1);
        most = most.max(world.stack.usage().active);
        // Some live for long; the others end in one of three ways.
        if world.client.streams.len() < 30 {
            continue;
        }
        let victim = random.below(30) as usize;
        match random.below(3) {
            0 => world.client.abort(victim),
            1 => world.client.streams[victim].closes = true,
            _ => {
                let (id, _) = world.server.streams.pop_first().unwrap();
                world.stack.reset(id);
            }
        }
        world.pass(Duration::from_secs(2));
        world.client.remove(victim);
        world.server.streams.retain(|_, stream| stream.end.is_none());
    }
    world.client.streams.clear();
    for id in world.server.streams.keys() {
        world.stack.reset(*id);
    }
    world.server.streams.clear();
    world.pass(Duration::from_secs(60));
    assert_eq!(world.stack.usage(), Usage::default(), "{:?}", world.stack.counters());
    assert!(most < 40, "{most} streams had buffers at once");
}
