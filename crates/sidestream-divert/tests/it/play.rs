//! The harness of plays: a machine, virtual time, and a transcript of what went in and came out.

use std::fmt::Display;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use sidestream_divert::{
    Address, Answer, Config, Diverter, Endpoint, Operation, Output, Owner, QuestionId, SocketEvent,
    Tag, Ticks, Verdict,
};
use sidestream_flow::Transport;
use sidestream_packet::{Batch, Checksum, Offload, Packet, TcpFlags, build};

/// The program's address.
pub(crate) const HERE: [u8; 4] = [10, 0, 0, 2];
/// The server's.
pub(crate) const THERE: [u8; 4] = [192, 0, 2, 1];

/// Leaves the machine, with checksums.
pub(crate) const OUT: Address = Address {
    outbound: true,
    loopback: false,
    impostor: false,
    ip_checksum: true,
    tcp_checksum: true,
    udp_checksum: true,
    interface: 7,
    subinterface: 0,
};

pub(crate) struct Play {
    pub(crate) machine: Diverter,
    start: Instant,
    pub(crate) now: Instant,
    shown: Option<Duration>,
    transcript: String,
    /// Until when the machine wants to wait.
    pub(crate) until: Option<Instant>,
    /// What was injected, and what went to the proxy, since the beginning.
    pub(crate) injected: Vec<(Vec<u8>, Address)>,
    pub(crate) diverted: Vec<(Vec<u8>, Tag)>,
}

impl Play {
    /// With a proxy.
    pub(crate) fn new(config: Config) -> Self {
        let mut play = Self::without_proxy(config);
        play.machine.handle_proxy_ready(play.now);
        play
    }

    /// With a proxy that need not be heard of.
    pub(crate) fn patient(config: Config) -> Self {
        Self::new(Config { silence: Duration::from_hours(24), ..config })
    }

    pub(crate) fn without_proxy(config: Config) -> Self {
        let now = Instant::now();
        Self {
            machine: Diverter::new(config, now),
            start: now,
            now,
            shown: None,
            transcript: String::new(),
            until: None,
            injected: Vec::new(),
            diverted: Vec::new(),
        }
    }

    pub(crate) fn line(&mut self, arrow: &str, what: impl Display) {
        let at = self.now - self.start;
        if self.shown != Some(at) {
            self.transcript += &format!("{} ms\n", at.as_millis());
            self.shown = Some(at);
        }
        self.transcript += &format!("  {arrow} {what}\n");
    }

    pub(crate) fn transcript(&self) -> &str {
        &self.transcript
    }

    pub(crate) fn event(&mut self, operation: Operation, transport: Transport, who: Who) {
        let Who { endpoint, pid, local, remote, at } = who;
        self.line(">>", format!("{operation:?} {transport} {local} > {remote}, pid {pid}"));
        let (endpoint, at) = (Endpoint(endpoint), Ticks(at));
        let event = SocketEvent { operation, endpoint, pid, transport, local, remote, at };
        self.machine.handle_event(&event, self.now);
        self.drain();
    }

    pub(crate) fn answer(&mut self, question: u64, verdict: Verdict) {
        self.line(">>", format!("answer {question}: {verdict:?}"));
        let answer = Answer { started: Some(Ticks(0)), verdict };
        self.machine.handle_answer(QuestionId(question), answer, self.now);
        self.drain();
    }

    pub(crate) fn packet(&mut self, packet: &[u8]) {
        self.packet_with(packet, OUT);
    }

    pub(crate) fn packet_with(&mut self, packet: &[u8], address: Address) {
        self.line(">>", shown(packet));
        let mut bytes = packet.to_vec();
        self.machine.handle_packet(&mut bytes, address, self.now);
        assert_eq!(bytes, packet, "the caller's bytes are left as they are");
        self.drain();
    }

    pub(crate) fn reply(&mut self, packet: &[u8]) {
        self.reply_with(packet, Offload::default());
    }

    pub(crate) fn reply_with(&mut self, packet: &[u8], offload: Offload) {
        self.line(">>", format!("proxy: {}", shown(packet)));
        let mut batch = Batch::default();
        batch.push(packet, offload);
        self.machine.handle_replies(&batch, self.now);
        self.drain();
    }

    pub(crate) fn taken(&mut self) {
        self.line(">>", "taken");
        self.machine.handle_taken(self.now);
        self.drain();
    }

    pub(crate) fn proxy_gone(&mut self) {
        self.line(">>", "proxy gone");
        self.machine.handle_proxy_gone(self.now);
        self.drain();
    }

    pub(crate) fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(until) = self.until.filter(|until| *until <= end) {
            self.now = until.max(self.now);
            self.machine.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    pub(crate) fn drain(&mut self) {
        for _ in 0..100_000 {
            match self.machine.poll_output(self.now) {
                Output::Ask(question) => {
                    let remote = question.remote.map(|to| format!(" > {to}")).unwrap_or_default();
                    let (id, pid, local) = (question.id.0, question.pid, question.local);
                    self.line("<<", format!("ask {id}: pid {pid}, {local}{remote}"));
                }
                Output::Forget(flow) => self.line("<<", format!("forget {}", flow.0)),
                Output::Inject(batch) => {
                    for (packet, address) in batch.iter() {
                        let way = if address.outbound { "out" } else { "in" };
                        self.line("<<", format!("inject {way} {}", shown(packet)));
                        self.injected.push((packet.to_vec(), *address));
                    }
                }
                Output::Note(note) => self.line("<<", format!("{note:?}")),
                Output::Opened { flow, key, owner: Owner { pid, .. }, way } => {
                    self.line("<<", format!("flow {}: {key}, pid {pid}, {way:?}", flow.0));
                }
                Output::ToProxy(batch) => {
                    for (packet, tag) in batch.iter() {
                        self.line("<<", format!("to proxy {}: {}", tag.flow.0, shown(packet)));
                        self.diverted.push((packet.to_vec(), *tag));
                    }
                }
                Output::Wait(until) => {
                    self.until = until;
                    return;
                }
            }
        }
        panic!("outputs never end");
    }

    /// Makes a socket that is to be diverted, or passed.
    pub(crate) fn connected(&mut self, transport: Transport, who: Who, verdict: Verdict) {
        self.event(Operation::Connect, transport, who);
        self.answer(who.endpoint, verdict);
    }
}

/// A socket, by the names that plays have for them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Who {
    pub(crate) endpoint: u64,
    pub(crate) pid: u32,
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
    pub(crate) at: i64,
}

/// The first socket's program speaks from port 4000 to port 443.
pub(crate) fn who(endpoint: u64) -> Who {
    let (local, remote) = (client(), server());
    Who { endpoint, pid: 70 + u32::try_from(endpoint).unwrap(), local, remote, at: 1 }
}

pub(crate) fn client() -> SocketAddr {
    (HERE, 4000).into()
}

pub(crate) fn server() -> SocketAddr {
    (THERE, 443).into()
}

pub(crate) fn nowhere() -> SocketAddr {
    ([0; 4], 0).into()
}

pub(crate) fn udp(from: SocketAddr, to: SocketAddr, payload: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    build::udp(&mut packet, from, to, payload).unwrap();
    packet
}

/// A segment with a sequence number and an acknowledgment.
pub(crate) fn tcp(
    from: SocketAddr,
    to: SocketAddr,
    flags: TcpFlags,
    (sequence, acknowledgment): (u32, u32),
    payload: &[u8],
) -> Vec<u8> {
    let mut packet = Vec::new();
    let header = build::TcpHeader { sequence, acknowledgment, flags, ..Default::default() };
    build::tcp(&mut packet, from, to, &header, payload).unwrap();
    packet
}

pub(crate) fn syn(sequence: u32) -> Vec<u8> {
    tcp(client(), server(), TcpFlags::SYN, (sequence, 0), &[])
}

pub(crate) fn ack(numbers: (u32, u32), payload: &[u8]) -> Vec<u8> {
    tcp(client(), server(), TcpFlags::ACK, numbers, payload)
}

fn shown(packet: &[u8]) -> String {
    match Packet::parse(packet, Checksum::Verified) {
        Ok(packet) => packet.to_string(),
        Err(defect) => format!("{} bytes, {}", packet.len(), defect.name()),
    }
}
