//! How fast streams are over links that lose and delay, as tables.

use std::fmt::Write;
use std::time::Duration;

use sidestream_netstack::{Config, Counters};
use smoltcp::socket::tcp::State;

use crate::link::{Faults, Narrow};
use crate::world::{World, bytes};

/// What is moved in each cell.
const LEN: usize = 2 << 20;

#[test]
fn goodput_by_loss_delay_and_buffer() {
    let mut table = String::from(
        "2 MiB, MTU 1500         to the client             with CUBIC                from the client\n\
         loss  delay    buffer   Mbit/s again asked all   Mbit/s again asked all   Mbit/s again\n",
    );
    for (loss, percent) in [(0, "0 %"), (10, "1 %"), (50, "5 %"), (100, "10 %")] {
        for delay in [1, 10, 50] {
            for buffer in [64 << 10, 1 << 20] {
                write!(table, "{percent:>5} {delay:>3} ms {:>5} KiB ", buffer >> 10).unwrap();
                let faults =
                    Faults { loss, delay: Duration::from_millis(delay), ..Faults::default() };
                let config = Config { max_buffer: buffer, ..Config::default() };
                table += &down(measure(&config, faults, Way::Down));
                let controlled = Config { congestion_control: true, ..config.clone() };
                table += &down(measure(&controlled, faults, Way::Down));
                let (rate, counters) = measure(&config, faults, Way::Up);
                writeln!(table, "   {rate:>6.1} {:>5}", counters.repeated_in).unwrap();
            }
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn goodput_over_a_narrow_link() {
    let mut table = String::from(
        "2 MiB, 1 MiB buffer, 20 ms   any window               with CUBIC\n\
         rate         queue         Mbit/s again asked all   Mbit/s again asked all\n",
    );
    for rate in [2, 20, 100] {
        for queue in [16, 64, 256] {
            write!(table, "{rate:>3} Mbit/s   {queue:>3} KiB     ").unwrap();
            let narrow = Some(Narrow { bytes_per_second: rate * 125_000, queue: queue << 10 });
            let delay = Duration::from_millis(20);
            let faults = Faults { delay, narrow, ..Faults::default() };
            for congestion_control in [false, true] {
                let config = Config { congestion_control, ..Config::default() };
                table += &down(measure(&config, faults, Way::Down));
            }
            table.push('\n');
        }
    }
    insta::assert_snapshot!(table);
}

/// How often something was lost, and how often the end of a flight, or all of it, was.
fn down((rate, counters): (f64, Counters)) -> String {
    let Counters { repeated_out, tail_probes, silences, .. } = counters;
    format!("  {rate:>6.1} {repeated_out:>5} {tail_probes:>5} {silences:>3}")
}

#[derive(Clone, Copy, PartialEq)]
enum Way {
    Down,
    Up,
}

/// Returns Mbit/s from the end of the handshake on, and what was counted.
fn measure(config: &Config, faults: Faults, way: Way) -> (f64, Counters) {
    let sound = Faults { loss: 0, ..faults };
    let mut world = World::new(config.clone(), sound, 42);
    let index = world.client.connect("192.0.2.1:80".parse().unwrap(), 4000, 1 << 20);
    let connected = world.until(Duration::from_secs(9), |world| {
        world.client.state(0) == State::Established && !world.server.streams.is_empty()
    });
    assert!(connected);
    world.up.set(faults);
    world.down.set(faults);
    let began = world.now;
    let done = match way {
        Way::Down => {
            let stream = world.server.streams.values_mut().next().unwrap();
            stream.to_send = bytes(LEN, 1);
            world.until(Duration::from_secs(3600), |world| {
                world.client.streams[0].received.len() == LEN
            })
        }
        Way::Up => {
            world.client.streams[index].to_send = bytes(LEN, 1);
            world.until(Duration::from_secs(3600), |world| {
                world.server.streams.values().any(|stream| stream.received.len() == LEN)
            })
        }
    };
    assert!(done, "{:?}", world.stack.counters());
    let seconds = (world.now - began).as_secs_f64();
    (LEN as f64 * 8.0 / seconds / 1e6, *world.stack.counters())
}
