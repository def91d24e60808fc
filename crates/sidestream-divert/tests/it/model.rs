//! Any order of events, packets, answers, deadlines and ends of the proxy.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use sidestream_divert::{
    Address, Answer, Config, Diverter, Endpoint, Operation, Output, QuestionId, SocketEvent, Ticks,
    Verdict,
};
use sidestream_flow::{FlowKey, Transport};
use sidestream_packet::{Batch, Checksum, Offload, Packet, TcpFlags, Transport as Carried};

use crate::play::{HERE, OUT, THERE, nowhere, tcp, udp};

/// What a packet of the proxy's carries in place of a number.
const REPLY: u32 = u32::MAX;
/// The pid of ourselves.
const OWN: u32 = 3;

#[derive(Clone, Debug)]
enum Act {
    Answer { back: u64, divert: bool, late: bool },
    Beat,
    Event { operation: Operation, transport: Transport, endpoint: u64, port: u16, peer: u16 },
    Gone,
    Packet { transport: Transport, port: u16, peer: u16, kind: u8, len: usize, way: u8 },
    Ready,
    Reply { transport: Transport, port: u16, peer: u16, kind: u8 },
    Taken,
    Wait(u64),
}

fn act() -> impl Strategy<Value = Act> {
    use Operation::{Accept, Bind, Close, Connect, Listen};
    let transport = || prop_oneof![Just(Transport::Tcp), Just(Transport::Udp)];
    let operation = prop::sample::select(vec![Accept, Bind, Bind, Close, Connect, Connect, Listen]);
    prop_oneof![
        4 => (0_u64..3, any::<bool>(), prop::bool::weighted(0.1))
            .prop_map(|(back, divert, late)| Act::Answer { back, divert, late }),
        4 => (operation, transport(), 0_u64..5, 1_u16..4, 1_u16..3).prop_map(
            |(operation, transport, endpoint, port, peer)| {
                Act::Event { operation, transport, endpoint, port, peer }
            }
        ),
        10 => (transport(), 1_u16..4, 1_u16..3, 0_u8..6, 0_usize..200, 0_u8..12).prop_map(
            |(transport, port, peer, kind, len, way)| {
                Act::Packet { transport, port, peer, kind, len, way }
            }
        ),
        3 => (transport(), 1_u16..4, 1_u16..3, 0_u8..4).prop_map(
            |(transport, port, peer, kind)| Act::Reply { transport, port, peer, kind }
        ),
        1 => Just(Act::Gone),
        1 => Just(Act::Ready),
        2 => Just(Act::Beat),
        3 => Just(Act::Taken),
        3 => prop_oneof![0_u64..3, 0_u64..400, 0_u64..200_000].prop_map(Act::Wait),
    ]
}

struct Model {
    machine: Diverter,
    now: Instant,
    config: Config,
    next: u32,
    given: HashMap<u32, (Vec<u8>, Address)>,
    seen: HashSet<u32>,
    /// The last number that left, by channel and flow.
    last: HashMap<(bool, FlowKey), u32>,
    asked: Vec<(u64, u32)>,
    opened: HashSet<u64>,
    forgotten: HashSet<u64>,
}

impl Model {
    fn new() -> Self {
        let config = Config {
            own_pids: vec![OWN],
            inbound: true,
            loopback: true,
            max_waiting: 6,
            max_waiting_bytes: 800,
            max_waiting_in_flow: 4,
            max_sockets: 4,
            max_flows: 5,
            batch_bytes: 500,
            batch_packets: 4,
            max_batches: 2,
            tcp_idle: Duration::from_secs(30),
            udp_idle: Duration::from_secs(20),
            linger: Duration::from_secs(10),
            ..Config::default()
        };
        let now = Instant::now();
        Self {
            machine: Diverter::new(config.clone(), now),
            now,
            config,
            next: 0,
            given: HashMap::new(),
            seen: HashSet::new(),
            last: HashMap::new(),
            asked: Vec::new(),
            opened: HashSet::new(),
            forgotten: HashSet::new(),
        }
    }

    fn act(&mut self, act: &Act) {
        match *act {
            Act::Answer { back, divert, late } => {
                let index = (self.asked.len() as u64).checked_sub(back + 1);
                let Some((id, _)) = index.and_then(|at| self.asked.get(at as usize)) else {
                    return;
                };
                let verdict = if divert { Verdict::Divert } else { Verdict::Pass };
                let started = late.then_some(Ticks(i64::MAX));
                self.machine.handle_answer(QuestionId(*id), Answer { started, verdict }, self.now);
            }
            Act::Beat => self.machine.handle_beat(self.now),
            Act::Event { operation, transport, endpoint, port, peer } => {
                let event = SocketEvent {
                    operation,
                    endpoint: Endpoint(endpoint),
                    pid: endpoint as u32,
                    transport,
                    local: (HERE, port).into(),
                    remote: if operation == Operation::Bind {
                        nowhere()
                    } else {
                        (THERE, peer).into()
                    },
                    at: Ticks(i64::from(self.next)),
                };
                self.machine.handle_event(&event, self.now);
            }
            Act::Gone => self.machine.handle_proxy_gone(self.now),
            Act::Packet { transport, port, peer, kind, len, way } => {
                let (here, there): (SocketAddr, SocketAddr) =
                    ((HERE, port).into(), (THERE, peer).into());
                let (from, to, address) = match way {
                    0 => (there, here, Address { outbound: false, ..OUT }),
                    1 => (here, there, Address { loopback: true, ..OUT }),
                    2 => (here, there, Address { impostor: true, ..OUT }),
                    _ => (here, there, OUT),
                };
                let mut payload = self.next.to_be_bytes().to_vec();
                payload.resize(4 + len, 0);
                let packet = packet(transport, (from, to), kind, &payload);
                self.given.insert(self.next, (packet.clone(), address));
                self.next += 1;
                let mut bytes = packet.clone();
                self.machine.handle_packet(&mut bytes, address, self.now);
                assert_eq!(bytes, packet);
            }
            Act::Ready => self.machine.handle_proxy_ready(self.now),
            Act::Reply { transport, port, peer, kind } => {
                let ends = ((THERE, peer).into(), (HERE, port).into());
                let mut batch = Batch::default();
                let packet = packet(transport, ends, kind, &REPLY.to_be_bytes());
                batch.push(&packet, Offload::default());
                self.machine.handle_replies(&batch, self.now);
            }
            Act::Taken => self.machine.handle_taken(self.now),
            Act::Wait(millis) => {
                self.now += Duration::from_millis(millis);
                self.machine.handle_timeout(self.now);
            }
        }
    }

    fn drain(&mut self) -> Option<Instant> {
        loop {
            match self.machine.poll_output(self.now) {
                Output::Ask(question) => {
                    assert_ne!(question.pid, OWN);
                    assert!(self.asked.iter().all(|(id, _)| *id != question.id.0), "asked twice");
                    self.asked.push((question.id.0, question.pid));
                }
                Output::Forget(flow) => {
                    assert!(self.opened.contains(&flow.0) && self.forgotten.insert(flow.0));
                }
                Output::Inject(batch) => {
                    for (bytes, address) in batch.iter() {
                        let Some((key, number)) = numbered(bytes) else { continue };
                        if number != REPLY {
                            let given = &self.given[&number];
                            assert_eq!((bytes, address), (&given.0[..], &given.1));
                            self.leaves(false, key, number);
                        }
                    }
                }
                Output::Note(_) => {}
                Output::Opened { flow, owner, .. } => {
                    assert_ne!(owner.pid, OWN);
                    assert!(self.opened.insert(flow.0));
                }
                Output::ToProxy(batch) => {
                    assert!(batch.len() <= self.config.batch_packets);
                    assert!(batch.bytes().len() <= self.config.batch_bytes || batch.len() == 1);
                    for (bytes, tag) in batch.iter() {
                        let (key, number) = numbered(bytes).unwrap();
                        assert_eq!(bytes, self.given[&number].0);
                        assert!(self.opened.contains(&tag.flow.0), "told of before");
                        assert!(!self.forgotten.contains(&tag.flow.0), "and after");
                        self.leaves(true, key, number);
                    }
                }
                Output::Wait(until) => return until,
            }
        }
    }

    /// A packet has its fate: its only one, and after all earlier ones of its flow.
    fn leaves(&mut self, diverted: bool, key: FlowKey, number: u32) {
        assert!(self.seen.insert(number), "{number} has two fates");
        if self.given[&number].1.impostor {
            return;
        }
        let last = self.last.insert((diverted, key), number);
        assert!(last.is_none_or(|last| last < number), "{number} was overtaken");
    }

    fn check(&self) {
        let (usage, counters) = (self.machine.usage(), self.machine.counters());
        let fates = counters.passed + counters.diverted + counters.dropped + counters.refused;
        assert_eq!(counters.packets, fates + usage.waiting as u64);
        // None is missing but those that are counted.
        let missing = counters.dropped + counters.refused + counters.lost;
        let held = (usage.waiting + usage.gathered) as u64;
        assert_eq!(u64::from(self.next), self.seen.len() as u64 + missing + held);
        let config = &self.config;
        assert!(usage.waiting <= config.max_waiting, "{usage:?}");
        assert!(usage.waiting_bytes <= config.max_waiting_bytes, "{usage:?}");
        assert!(usage.flows <= config.max_flows && usage.sockets <= config.max_sockets);
        assert!(usage.links <= 16 * config.max_sockets, "{usage:?}");
        assert!(usage.gathered <= config.batch_packets && usage.batches <= config.max_batches);
        assert!(usage.timers <= config.max_flows + config.max_sockets, "{usage:?}");
    }
}

fn packet(
    transport: Transport,
    (from, to): (SocketAddr, SocketAddr),
    kind: u8,
    payload: &[u8],
) -> Vec<u8> {
    let flags = match kind {
        0 => TcpFlags::SYN,
        1 => TcpFlags::FIN | TcpFlags::ACK,
        2 => TcpFlags::RST,
        3 => TcpFlags::SYN | TcpFlags::ACK,
        _ => TcpFlags::ACK,
    };
    match transport {
        // Two beginnings are told apart by their numbers, of which there are two.
        Transport::Tcp => tcp(from, to, flags, (payload.len() as u32 % 2, 1), payload),
        Transport::Udp => udp(from, to, payload),
    }
}

/// Reads the number that a packet carries; a reset of the machine's own has none.
fn numbered(bytes: &[u8]) -> Option<(FlowKey, u32)> {
    let packet = Packet::parse(bytes, Checksum::Verified).unwrap();
    let payload = match packet.transport() {
        Carried::Tcp(tcp) => tcp.payload(),
        Carried::Udp(udp) => udp.payload(),
        _ => unreachable!("nothing else was given"),
    };
    Some((packet.key().unwrap(), u32::from_be_bytes(*payload.first_chunk()?)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn each_packet_has_one_fate_in_order_within_bounds(
        acts in prop::collection::vec((act(), prop::bool::weighted(0.8)), 1..120),
    ) {
        let mut model = Model::new();
        model.act(&Act::Ready);
        for (act, drain) in &acts {
            model.act(act);
            if *drain {
                model.drain();
                model.check();
            }
        }
        // Left alone, and with a proxy that takes all, it comes to rest.
        for _ in 0..4 {
            model.act(&Act::Taken);
            model.drain();
        }
        let mut until = model.drain();
        model.check();
        let mut wakes = 0;
        while let Some(at) = until {
            wakes += 1;
            prop_assert!(wakes < 1000, "it asks for ever");
            model.now = model.now.max(at);
            model.machine.handle_timeout(model.now);
            model.act(&Act::Taken);
            until = model.drain();
            if model.machine.usage().flows == 0 && model.machine.usage().timers == 0 {
                break;
            }
        }
        model.check();
        model.machine.handle_proxy_gone(model.now);
        model.drain();
        let usage = model.machine.usage();
        prop_assert_eq!((usage.flows, usage.waiting, usage.gathered), (0, 0, 0));
    }
}
