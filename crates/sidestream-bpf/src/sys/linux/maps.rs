//! The maps of one set of hooks.

use std::io;
use std::sync::atomic::Ordering;

use aya::Ebpf;
use aya::maps::MapError;

use super::abi::{
    COUNTERS, ItemEntry, ItemSet, KnockEntry, PortsEntry, Route, RulesEntry, STRIPES, TOLD_OF_NETS,
    Told, VerdictsEntry,
};
use super::shared::Shared;
use super::slots::Slots;
use super::table::{Cells, Table, Trie};

pub(super) const UDP: u8 = 17;

/// Where in the state the epoch is, in units of four bytes.
const EPOCH: usize = 2;
/// Where in it the namespace is whose ports are there as well, and these, in units of eight; beside
/// the backlog is the number of its routes.
const NET: usize = 3;
const PORTS: usize = 4;
const BACKLOG: usize = 5;

/// The maps of one set of hooks.
pub(super) struct Maps {
    state: Shared,
    counters: Shared,
    pub(super) knocks: Cells<KnockEntry>,
    pub(super) rules: Cells<RulesEntry>,
    pub(super) item_sets: Cells<ItemSet>,
    pub(super) items: Cells<ItemEntry>,
    nets: Table<u64, PortsEntry>,
    pub(super) routes4: Trie<[u8; 8], Route>,
    pub(super) routes6: Trie<[u8; 20], Route>,
    told: Table<Told, u8>,
    pub(super) procs: Table<u32, VerdictsEntry>,
    pub(super) slots: Slots,
}

impl Maps {
    /// Takes the maps, of which so many cells are for slots.
    pub(super) fn take(ebpf: &mut Ebpf, cells: u32) -> Result<Self, MapError> {
        Ok(Self {
            state: Shared::take(ebpf, "state", 1, 48)?,
            counters: Shared::take(ebpf, "counters", COUNTERS * STRIPES, 8)?,
            knocks: Cells::take(ebpf, "knocks")?,
            rules: Cells::take(ebpf, "rules")?,
            item_sets: Cells::take(ebpf, "item_sets")?,
            items: Cells::take(ebpf, "items")?,
            nets: Table::take(ebpf, "nets")?,
            routes4: Trie::take(ebpf, "routes4")?,
            routes6: Trie::take(ebpf, "routes6")?,
            told: Table::take(ebpf, "told")?,
            procs: Table::take(ebpf, "procs")?,
            slots: Slots::take(ebpf, cells)?,
        })
    }

    /// Sets when the proxy last lived, by the clock that the hooks know; 0: it does not.
    pub(super) fn set_beat(&self, at_ns: u64) {
        self.state.words()[0].store(at_ns, Ordering::Release);
    }

    pub(super) fn set_epoch(&self, epoch: u32) {
        self.state.halves()[EPOCH].store(epoch, Ordering::Release);
    }

    /// Sets the ports of a network namespace.
    pub(super) fn set_net(&self, cookie: u64, ports: &PortsEntry) -> io::Result<()> {
        self.nets.set(&cookie, ports)?;
        let state = self.state.words();
        if [0, cookie].contains(&state[NET].load(Ordering::Acquire)) {
            let PortsEntry { tcp4, udp4, tcp6, udp6, backlog, net } = *ports;
            let [[a, b], [c, d]] =
                [[tcp4, udp4].map(u16::to_ne_bytes), [tcp6, udp6].map(u16::to_ne_bytes)];
            let all = [a[0], a[1], b[0], b[1], c[0], c[1], d[0], d[1]];
            state[PORTS].store(u64::from_ne_bytes(all), Ordering::Release);
            let [[a, b, c, d], [e, f, g, h]] = [backlog, net].map(u32::to_ne_bytes);
            let backlog = u64::from_ne_bytes([a, b, c, d, e, f, g, h]);
            state[BACKLOG].store(backlog, Ordering::Release);
            state[NET].store(cookie, Ordering::Release);
        }
        Ok(())
    }

    /// Forgets the ports of a network namespace.
    pub(super) fn remove_net(&self, cookie: u64) -> io::Result<()> {
        let net = &self.state.words()[NET];
        if net.load(Ordering::Acquire) == cookie {
            net.store(0, Ordering::Release);
        }
        self.nets.remove(&cookie)?;
        TOLD_OF_NETS
            .into_iter()
            .try_for_each(|reason| self.told.remove(&Told { whom: cookie, reason }).map(drop))
    }

    /// Gives a counter, by its place in `enum counter`.
    pub(super) fn counter(&self, index: usize) -> u64 {
        let stripes = self.counters.words().chunks_exact(COUNTERS);
        stripes.map(|stripe| stripe[index].load(Ordering::Relaxed)).sum()
    }
}
