//! The machine as a whole.

mod events;
mod packets;
mod proxy;

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::time::Instant;

use sidestream_packet::Batch;

use crate::flows::{Fate, Flows};
use crate::gather::Gather;
use crate::output::Note;
use crate::sockets::Sockets;
use crate::{Address, Config, Counters, Exemption, FlowNumber, Output, Usage};

/// How many packets WinDivert takes at once (`WINDIVERT_BATCH_MAX`).
const MAX_INJECTED: usize = 255;
/// How many bytes of packets are injected at once.
const MAX_INJECTED_BYTES: usize = 1 << 20;

/// Decides what becomes of each packet and socket event of a redirector; see the
/// [crate's documentation](crate) for how it is run.
pub struct Diverter {
    config: Config,
    now: Instant,
    sockets: Sockets,
    /// When closed sockets are forgotten.
    closing: BTreeSet<(Instant, u64)>,
    flows: Flows,
    waiting: usize,
    waiting_bytes: usize,
    gather: Gather,
    /// Until when the proxy must be heard of; `None` without one.
    beat: Option<Instant>,
    says: VecDeque<Output>,
    inject: Batch<Address>,
    counters: Counters,
}

impl Diverter {
    /// Makes a machine without a proxy: it passes all until
    /// [`handle_proxy_ready`](Self::handle_proxy_ready).
    pub fn new(config: Config, now: Instant) -> Self {
        Self {
            config,
            now,
            sockets: Sockets::default(),
            closing: BTreeSet::new(),
            flows: Flows::default(),
            waiting: 0,
            waiting_bytes: 0,
            gather: Gather::default(),
            beat: None,
            says: VecDeque::new(),
            inject: Batch::default(),
            counters: Counters::default(),
        }
    }

    /// Says what is to be done next: it is called until it answers [`Output::Wait`].
    pub fn poll_output(&mut self, now: Instant) -> Output {
        self.set_now(now);
        if let Some(output) = self.says.pop_front() {
            return output;
        }
        if !self.inject.is_empty() {
            return Output::Inject(std::mem::take(&mut self.inject));
        }
        if self.gather.is_due(self.now, &self.config) {
            let (batch, ended) = self.gather.take();
            self.says.extend(ended.into_iter().map(Output::Forget));
            return Output::ToProxy(batch);
        }
        let deadlines = [
            self.flows.next_deadline(),
            self.closing.first().map(|(at, _)| *at),
            self.beat,
            self.gather.deadline(&self.config),
        ];
        Output::Wait(deadlines.into_iter().flatten().min())
    }

    /// Takes the deadlines that have passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.set_now(now);
        if self.beat.is_some_and(|beat| beat <= self.now) {
            self.lose_proxy();
        }
        while let Some((at, socket)) = self.closing.first().copied()
            && at <= self.now
        {
            self.closing.pop_first();
            self.sockets.remove(socket);
        }
        while let Some(key) = self.flows.expired(self.now, &self.config) {
            let flow = self.flows.get(&key);
            if flow.is_some_and(|flow| matches!(flow.fate, Fate::Wait(_))) {
                self.give_up_waiting(&key);
            } else {
                self.forget(&key);
            }
        }
    }

    /// Returns what was counted.
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Returns what is held.
    pub fn usage(&self) -> Usage {
        Usage {
            sockets: self.sockets.len(),
            links: self.sockets.links(),
            flows: self.flows.len(),
            waiting: self.waiting,
            waiting_bytes: self.waiting_bytes,
            gathered: self.gather.batch().len(),
            gathered_bytes: self.gather.batch().bytes().len(),
            batches: self.gather.under_way(),
            timers: self.flows.timers() + self.closing.len(),
        }
    }

    /// Time never goes back, whatever the caller's threads think of it.
    fn set_now(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    fn note(&mut self, note: Note) {
        self.says.push_back(Output::Note(note));
    }

    fn exempt(&mut self, why: Exemption) {
        self.counters.exempt[why as usize] += 1;
    }

    /// Gives a packet to WinDivert as it came.
    fn pass(&mut self, packet: &[u8], address: Address) {
        self.counters.passed += 1;
        self.inject(packet, address);
    }

    fn inject(&mut self, packet: &[u8], address: Address) {
        let len = self.inject.bytes().len() + packet.len();
        if self.inject.len() >= MAX_INJECTED || len > MAX_INJECTED_BYTES {
            self.says.push_back(Output::Inject(std::mem::take(&mut self.inject)));
        }
        self.inject.push(packet, address);
    }

    /// Forgets a flow, and tells the proxy if it knows it.
    fn forget(&mut self, key: &sidestream_flow::FlowKey) {
        let Some(flow) = self.flows.remove(key) else { return };
        match flow.fate {
            // What the proxy is told of a flow's end comes after its packets.
            Fate::Divert(_) if self.gather.holds(flow.batch) => {
                self.gather.end(FlowNumber(flow.number));
            }
            Fate::Divert(_) => self.says.push_back(Output::Forget(FlowNumber(flow.number))),
            Fate::Wait(held) => self.release(held),
            Fate::Pass(_) | Fate::Reset => {}
        }
    }
}

impl fmt::Debug for Diverter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Diverter").field("usage", &self.usage()).finish_non_exhaustive()
    }
}
