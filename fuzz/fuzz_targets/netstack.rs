//! Feeds the stack any packets, deadlines and calls: it must not panic, hold more than its limits
//! allow, or ask for ever.
#![no_main]

use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use sidestream_netstack::{Config, Netstack, Output, Refusal};
use sidestream_packet::{Checksum, Offload, TcpFlags, Unreachable, build};

fuzz_target!(|bytes: &[u8]| {
    let mut now = Instant::now();
    let config = Config {
        initial_buffer: 4096,
        max_buffer: 1 << 16,
        max_waiting: 4,
        max_streams: 16,
        max_associations: 4,
        max_datagrams: 4,
        max_echoes: 4,
        ..Config::default()
    };
    let mut stack = Netstack::new(config, 1, now);
    let (mut streams, mut theirs) = (Vec::new(), 0);
    for (index, act) in bytes.chunks(12).enumerate() {
        let [kind, rest @ ..] = act else { continue };
        let number = |at: usize| u16::from(rest.get(at).copied().unwrap_or(0));
        match kind % 10 {
            // Raw bytes to the end: parsers.
            0 => {
                let mut raw = bytes[index * 12 + 1..].to_vec();
                let offload = Offload { checksum: Checksum::Verified, segment_size: None };
                stack.handle_packet(&mut raw, offload, now);
            }
            // Segments that may fit.
            1..=4 => {
                let flags = [TcpFlags::SYN, TcpFlags::ACK, TcpFlags::ACK | TcpFlags::FIN];
                let flags = flags.get(usize::from(number(0) % 8)).copied();
                let header = build::TcpHeader {
                    sequence: 1001_u32.wrapping_add_signed(i32::from(number(1).cast_signed()) * 7),
                    acknowledgment: u32::wrapping_add(theirs, u32::from(number(2))),
                    flags: flags.unwrap_or(TcpFlags(number(3))),
                    window: number(4) << 8,
                    options: if number(5) % 2 == 0 { &[] } else { &[1, 3, 3, 7, 2, 4, 5, 0] },
                };
                let (client, server) = (([10, 0, 0, 2], 1 + number(6) % 3), [192, 0, 2, 1]);
                let mut packet = Vec::new();
                let payload = vec![0; usize::from(number(7)) * 40];
                let built =
                    build::tcp(&mut packet, client.into(), (server, 80).into(), &header, &payload);
                built.expect("one family, and short");
                stack.handle_packet(&mut packet, Offload::default(), now);
            }
            5 => {
                now += Duration::from_millis(u64::from(number(0)) * u64::from(number(1)));
                stack.handle_timeout(now);
            }
            act => {
                let Some(id) = streams.get(usize::from(number(0)) % streams.len().max(1)) else {
                    continue;
                };
                match (act, number(1) % 4) {
                    (6, _) => drop(stack.read(*id, |bytes| bytes.len() / 2 + 1)),
                    (7, _) => drop(stack.write(*id, &[0; 3000], now)),
                    (8, 0) => stack.shutdown(*id, now),
                    (8, 1) => stack.reset(*id),
                    (8, 2) => stack.refuse(*id, Refusal::Reset),
                    (8, _) => stack.refuse(*id, Refusal::Unreachable(Unreachable::Host)),
                    _ => stack.accept(*id, now),
                }
            }
        }
        drain(&mut stack, now, &mut streams, &mut theirs);
        let usage = stack.usage();
        assert!(usage.waiting <= 4 && usage.associations <= 4 && usage.echoes <= 4, "{usage:?}");
        assert!(usage.buffered <= 16 * (2 << 17), "{usage:?}");
    }
});

fn drain(
    stack: &mut Netstack,
    now: Instant,
    streams: &mut Vec<sidestream_netstack::StreamId>,
    theirs: &mut u32,
) {
    for _ in 0..100_000 {
        match stack.poll_output(now) {
            Output::Wait(_) => return,
            Output::Syn { id, .. } => {
                streams.push(id);
                if streams.len() % 3 != 0 {
                    stack.accept(id, now);
                }
            }
            Output::Packet { bytes, .. } => {
                if bytes.len() >= 40 && bytes[9] == 6 && bytes[33] & 2 != 0 {
                    let first = [bytes[24], bytes[25], bytes[26], bytes[27]];
                    *theirs = u32::from_be_bytes(first).wrapping_add(1);
                }
            }
            _ => {}
        }
    }
    panic!("outputs never end");
}
