//! The model of a stream: bytes in are bytes out, in order, whatever the link does and whenever
//! somebody ends it.

use std::time::Duration;

use proptest::prelude::*;
use sidestream_netstack::Config;

use crate::link::Faults;
use crate::world::{World, bytes};

#[derive(Clone, Debug)]
struct Case {
    seed: u64,
    faults: (u32, u32, u32, u64),
    up: usize,
    down: usize,
    buffers: (usize, usize),
    segmentation: bool,
    controlled: bool,
    /// When, in milliseconds after the beginning, who does what.
    acts: Vec<(u64, Act)>,
}

#[derive(Clone, Copy, Debug)]
enum Act {
    ClientCloses,
    ClientResets,
    ClientStopsReading(bool),
    ServerCloses,
    ServerResets,
    ServerStopsReading(bool),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => Just(Act::ClientCloses),
        1 => Just(Act::ClientResets),
        2 => any::<bool>().prop_map(Act::ClientStopsReading),
        3 => Just(Act::ServerCloses),
        1 => Just(Act::ServerResets),
        2 => any::<bool>().prop_map(Act::ServerStopsReading),
    ]
}

fn case() -> impl Strategy<Value = Case> {
    let faults = (0..100_u32, 0..200_u32, 0..100_u32, 0..40_u64);
    let acts = prop::collection::vec((0..6000_u64, act()), 0..6);
    let buffers = (prop::sample::select(vec![4096, 16384, 32768]), 15..20_u32);
    (any::<u64>(), faults, 0..400_000_usize, 0..400_000_usize, buffers, any::<(bool, bool)>(), acts)
        .prop_map(|(seed, faults, up, down, buffers, (segmentation, controlled), acts)| Case {
            seed,
            faults,
            up,
            down,
            buffers: (buffers.0, 1 << buffers.1),
            segmentation,
            controlled,
            acts,
        })
}

fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(48)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..Default::default() })]

    #[test]
    fn bytes_in_are_bytes_out_in_order(case in case()) {
        run(case);
    }
}

fn run(case: Case) {
    let (loss, reorder, duplicate, delay) = case.faults;
    let delay = Duration::from_millis(delay);
    let config = Config {
        initial_buffer: case.buffers.0,
        max_buffer: case.buffers.1,
        segmentation: case.segmentation,
        checksums: case.segmentation,
        congestion_control: case.controlled,
        ..Config::default()
    };
    let mut world =
        World::new(config, Faults { loss, reorder, duplicate, delay, narrow: None }, case.seed);
    let (up, down) = (bytes(case.up, 1), bytes(case.down, 2));
    world.server.script = down.clone();
    let index = world.client.connect("192.0.2.1:80".parse().unwrap(), 4000, 1 << 18);
    world.client.streams[index].to_send = up.clone();
    // smoltcp as a client asks for a lost window again only if it asks whether anybody is there.
    let (every, timeout) = (Duration::from_secs(10), Duration::from_secs(900));
    world.client.keep_alive(index, every, timeout);

    let mut acts = case.acts;
    acts.sort_by_key(|(at, _)| *at);
    let began = world.now;
    let (mut reset, mut closed) = (false, (false, false));
    for (at, act) in acts {
        let at = began + Duration::from_millis(at);
        world.pass(at.saturating_duration_since(world.now));
        match act {
            Act::ClientCloses => world.client.streams[index].closes = true,
            Act::ClientStopsReading(stops) => world.client.streams[index].reads = !stops,
            Act::ClientResets => {
                world.client.abort(index);
                reset = true;
            }
            server_act => {
                let Some((id, stream)) = world.server.streams.iter_mut().next() else { continue };
                match server_act {
                    Act::ServerCloses => stream.closes = true,
                    Act::ServerStopsReading(stops) => stream.reads = !stops,
                    _ if stream.end.is_none() => {
                        world.stack.reset(*id);
                        stream.end = Some("reset by us");
                        reset = true;
                    }
                    _ => {}
                }
            }
        }
    }
    world.client.streams[index].reads = true;
    world.client.streams[index].closes = true;
    for stream in world.server.streams.values_mut() {
        stream.reads = true;
        stream.closes = true;
    }
    world.server.closes = true;
    world.pass(Duration::from_secs(1500));

    // Five answers to a handshake may get lost, and the client with them.
    reset |= world.stack.counters().syn_repeated >= 4 && world.stack.counters().timeouts == 1;
    closed.0 = world.client.streams[index].finished;
    let received = &world.client.streams[index].received;
    assert_eq!(*received, down[..received.len()], "to the client");
    for stream in world.server.streams.values() {
        assert_eq!(stream.received, up[..stream.received.len()], "to the server");
        assert!(stream.end.is_some(), "never ended: {:?}", world.stack.counters());
        closed.1 = stream.end == Some("closed");
        if !reset {
            assert_eq!(stream.received.len(), up.len(), "{:?}", world.stack.counters());
        }
    }
    if !reset {
        assert_eq!(received.len(), down.len());
        assert_eq!(closed, (true, true), "{:?} {:?}", world.server.log, world.stack.counters());
    }
    assert_eq!(world.stack.usage(), sidestream_netstack::Usage::default());
}

/// Both ends once repeated old bytes to each other for ever, each taking the other's
/// acknowledgments for old.
#[test]
fn two_ends_that_both_go_back_find_each_other_again() {
    run(Case {
        seed: 5_858_903_831_210_449_440,
        faults: (44, 21, 10, 1),
        up: 41205,
        down: 26605,
        buffers: (4096, 32768),
        segmentation: false,
        controlled: false,
        acts: vec![],
    });
}

/// A client that is gone says so in a reset without an acknowledgment.
#[test]
fn a_reset_that_got_lost_is_said_again_when_asked() {
    run(Case {
        seed: 12_615_242_495_063_674_686,
        faults: (42, 166, 1, 19),
        up: 167_897,
        down: 202_449,
        buffers: (16384, 32768),
        segmentation: false,
        controlled: false,
        acts: vec![(173, Act::ClientResets)],
    });
}
