//! A client, a link and the stack with its servers, in virtual time.

use std::time::{Duration, Instant};

use sidestream_netstack::{Config, Netstack, Output};
use sidestream_packet::{Checksum, Offload};

use crate::client::Client;
use crate::link::{Faults, Link};
use crate::server::{Door, Server};

pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) client: Client,
    pub(crate) server: Server,
    pub(crate) stack: Netstack,
    pub(crate) up: Link,
    pub(crate) down: Link,
    /// Packets that go to the client as they are, for tests that look at them.
    pub(crate) seen: Vec<Vec<u8>>,
    pub(crate) keep_seen: bool,
}

impl World {
    pub(crate) fn new(config: Config, faults: Faults, seed: u64) -> Self {
        let now = Instant::now();
        let mtu = config.mtu;
        Self {
            now,
            client: Client::new(now, mtu, seed ^ 0xc11e),
            server: Server::new(Door::Accept),
            stack: Netstack::new(config, seed, now),
            up: Link::new(faults, seed.wrapping_mul(2)),
            down: Link::new(faults, seed.wrapping_mul(2) + 1),
            seen: Vec::new(),
            keep_seen: false,
        }
    }

    pub(crate) fn perfect() -> Self {
        Self::new(Config::default(), Faults::default(), 1)
    }

    /// Does all that is to be done now.
    pub(crate) fn settle(&mut self) {
        loop {
            let mut moved = false;
            self.client.poll(self.now);
            while let Some(packet) = self.client.device.outbox.pop_front() {
                self.up.push(&packet, Offload::default(), self.now);
            }
            while let Some((mut packet, offload)) = self.up.pop(self.now) {
                self.stack.handle_packet(&mut packet, offload, self.now);
                moved = true;
            }
            moved |= self.drain();
            moved |= self.server.run(&mut self.stack, self.now);
            moved |= self.drain();
            while let Some((packet, offload)) = self.down.pop(self.now) {
                self.deliver(&packet, offload);
                moved = true;
            }
            if !moved {
                return;
            }
        }
    }

    fn drain(&mut self) -> bool {
        let mut moved = false;
        for _ in 0..100_000 {
            let output = self.stack.poll_output(self.now);
            let syn = self.server.take(&output);
            match output {
                Output::Wait(_) => return moved,
                Output::Packet { bytes, offload } => self.down.push(bytes, offload, self.now),
                _ => {}
            }
            moved = true;
            if let Some(syn) = syn {
                self.server.meet(&mut self.stack, syn, self.now);
            }
        }
        panic!("outputs never end");
    }

    fn deliver(&mut self, packet: &[u8], offload: Offload) {
        if self.keep_seen {
            self.seen.push(packet.to_vec());
        }
        let inbox = &mut self.client.device.inbox;
        if offload.segment_size.is_some() {
            sidestream_packet::segment(packet, offload, |segment| {
                inbox.push_back(segment.to_vec())
            })
            .unwrap();
            return;
        }
        let mut packet = packet.to_vec();
        sidestream_packet::complete(&mut packet, offload.checksum).unwrap();
        sidestream_packet::Packet::parse(&packet, Checksum::Complete).unwrap();
        inbox.push_back(packet);
    }

    /// Goes to the next moment at which something happens, at most to `limit`; answers whether
    /// there is any.
    pub(crate) fn step(&mut self, limit: Instant) -> bool {
        self.settle();
        let wait = match self.stack.poll_output(self.now) {
            Output::Wait(at) => at,
            output => panic!("{output:?} after all was done"),
        };
        let next = [wait, self.client.next(self.now), self.up.next(), self.down.next()];
        let next = next.into_iter().flatten().min().map(|at| at.max(self.now));
        let Some(at) = next.filter(|at| *at <= limit) else {
            self.now = limit;
            self.stack.handle_timeout(self.now);
            self.settle();
            return false;
        };
        // A moment never lasts: whoever wants to be woken now is woken a little later.
        self.now = if at == self.now { at + Duration::from_micros(100) } else { at };
        self.stack.handle_timeout(self.now);
        true
    }

    /// Lets that much time pass.
    pub(crate) fn pass(&mut self, time: Duration) {
        let limit = self.now + time;
        while self.step(limit) {}
    }

    /// Lets time pass until it is as wanted; answers whether that came within the limit.
    pub(crate) fn until(&mut self, limit: Duration, wanted: impl Fn(&mut Self) -> bool) -> bool {
        let limit = self.now + limit;
        loop {
            self.settle();
            if wanted(self) {
                return true;
            }
            if !self.step(limit) {
                return wanted(self);
            }
        }
    }
}

/// Bytes that are not the same anywhere near.
pub(crate) fn bytes(len: usize, salt: u8) -> Vec<u8> {
    (0..len).map(|at| (at / 251 + at % 251) as u8 ^ salt).collect()
}
