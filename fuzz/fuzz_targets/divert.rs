//! Feeds the machine of a redirector any packets, events, answers and deadlines: it must not
//! panic, lose a packet uncounted, hold more than its limits allow, or ask for ever.
#![no_main]

use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use sidestream_divert::{
    Address, Answer, Config, Diverter, Endpoint, Operation, Output, QuestionId, SocketEvent,
    Ticks, Verdict,
};
use sidestream_flow::Transport;
use sidestream_packet::{Batch, Checksum, Offload, TcpFlags, build};

fuzz_target!(|bytes: &[u8]| {
    let mut now = Instant::now();
    let config = Config {
        own_pids: vec![3],
        inbound: true,
        loopback: true,
        max_waiting: 6,
        max_waiting_bytes: 4000,
        max_waiting_in_flow: 4,
        max_sockets: 4,
        max_flows: 6,
        batch_bytes: 2000,
        batch_packets: 4,
        max_batches: 2,
        ..Config::default()
    };
    let mut machine = Diverter::new(config.clone(), now);
    machine.handle_proxy_ready(now);
    for (index, act) in bytes.chunks(8).enumerate() {
        let [kind, rest @ ..] = act else { continue };
        let byte = |at: usize| rest.get(at).copied().unwrap_or(0);
        let (here, there) = (([10, 0, 0, 2], 1 + u16::from(byte(0) % 4)), ([192, 0, 2, 1], 443));
        let transport = if byte(1) % 2 == 0 { Transport::Tcp } else { Transport::Udp };
        let address = Address {
            outbound: byte(2) & 1 == 0,
            loopback: byte(2) & 2 != 0,
            impostor: byte(2) & 28 == 28,
            ip_checksum: byte(2) & 32 == 0,
            tcp_checksum: byte(2) & 64 == 0,
            udp_checksum: byte(2) & 128 == 0,
            ..Address::default()
        };
        let mut packet = Vec::new();
        let (from, to) = if kind & 128 == 0 { (here, there) } else { (there, here) };
        let payload = vec![0; usize::from(byte(3)) * 8];
        let flags = TcpFlags(u16::from(byte(4)));
        let header = build::TcpHeader { flags, sequence: u32::from(byte(5)), ..Default::default() };
        match transport {
            Transport::Tcp => build::tcp(&mut packet, from.into(), to.into(), &header, &payload),
            Transport::Udp => build::udp(&mut packet, from.into(), to.into(), &payload),
        }
        .expect("one family, and short");
        match kind % 12 {
            // Raw bytes to the end: parsers.
            0 => {
                let mut raw = bytes[index * 8 + 1..].to_vec();
                machine.handle_packet(&mut raw, address, now);
                assert_eq!(raw, bytes[index * 8 + 1..]);
            }
            1..=4 => machine.handle_packet(&mut packet, address, now),
            5 | 6 => {
                let operations = [
                    Operation::Accept,
                    Operation::Bind,
                    Operation::Close,
                    Operation::Connect,
                    Operation::Listen,
                ];
                let event = SocketEvent {
                    operation: operations[usize::from(byte(2) % 5)],
                    endpoint: Endpoint(u64::from(byte(3) % 8)),
                    pid: u32::from(byte(4) % 4),
                    transport,
                    local: here.into(),
                    remote: there.into(),
                    at: Ticks(i64::from(byte(5))),
                };
                machine.handle_event(&event, now);
            }
            7 => {
                let verdict = if byte(1) % 2 == 0 { Verdict::Divert } else { Verdict::Pass };
                let started = (byte(2) > 128).then(|| Ticks(i64::from(byte(2))));
                let answer = Answer { started, verdict };
                machine.handle_answer(QuestionId(u64::from(byte(0))), answer, now);
            }
            8 => {
                let mut batch = Batch::default();
                let checksum = match byte(2) % 3 {
                    0 => Checksum::Complete,
                    1 => Checksum::Verified,
                    _ => Checksum::Partial { start: byte(3).into(), offset: byte(4).into() },
                };
                let segment_size = (byte(5) % 2 == 1).then(|| u16::from(byte(6)));
                batch.push(&packet, Offload { checksum, segment_size });
                batch.push(&bytes[index * 8..], Offload::default());
                machine.handle_replies(&batch, now);
            }
            9 => {
                now += Duration::from_millis(u64::from(byte(0)) * u64::from(byte(1)));
                machine.handle_timeout(now);
            }
            10 => machine.handle_taken(now),
            _ if byte(0) % 2 == 0 => machine.handle_proxy_ready(now),
            _ => machine.handle_proxy_gone(now),
        }
        drain(&mut machine, now);
        let (usage, counters) = (machine.usage(), machine.counters());
        let fates = counters.passed + counters.diverted + counters.dropped + counters.refused;
        assert_eq!(counters.packets, fates + usage.waiting as u64, "{counters:?}");
        assert!(usage.waiting <= config.max_waiting, "{usage:?}");
        assert!(usage.waiting_bytes <= config.max_waiting_bytes, "{usage:?}");
        assert!(usage.sockets <= config.max_sockets && usage.flows <= config.max_flows);
        assert!(usage.gathered <= config.batch_packets && usage.batches <= config.max_batches);
        assert!(usage.timers <= config.max_sockets + config.max_flows, "{usage:?}");
    }
});

fn drain(machine: &mut Diverter, now: Instant) {
    for _ in 0..10_000 {
        if let Output::Wait(_) = machine.poll_output(now) {
            return;
        }
    }
    panic!("outputs never end");
}
