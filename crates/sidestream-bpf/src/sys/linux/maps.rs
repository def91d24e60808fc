//! The maps of one set of hooks, and what several of them say together.

use std::io;
use std::time::Duration;

use aya::Ebpf;
use aya::maps::MapError;

use super::abi::{
    ItemEntry, ItemSet, KnockEntry, NO_SLOT, OriginEntry, PortsEntry, Route, RulesEntry, State,
    UdpFlow, VerdictsEntry,
};
use super::table::{Cells, Table, Trie};

pub(super) const UDP: u8 = 17;

/// The maps of one set of hooks.
pub(super) struct Maps {
    pub(super) state: Cells<State>,
    pub(super) knocks: Cells<KnockEntry>,
    pub(super) counters: Cells<u64>,
    pub(super) rules: Cells<RulesEntry>,
    pub(super) item_sets: Cells<ItemSet>,
    pub(super) items: Cells<ItemEntry>,
    pub(super) nets: Table<u64, PortsEntry>,
    pub(super) routes4: Trie<[u8; 4], Route>,
    pub(super) routes6: Trie<[u8; 16], Route>,
    pub(super) procs: Table<u32, VerdictsEntry>,
    slots: Table<u32, OriginEntry>,
    accepted: Table<u32, u8>,
    unclaimed: Table<u32, u64>,
    udp_flows: Table<UdpFlow, u32>,
}

impl Maps {
    pub(super) fn take(ebpf: &mut Ebpf) -> Result<Self, MapError> {
        Ok(Self {
            state: Cells::take(ebpf, "state")?,
            knocks: Cells::take(ebpf, "knocks")?,
            counters: Cells::take(ebpf, "counters")?,
            rules: Cells::take(ebpf, "rules")?,
            item_sets: Cells::take(ebpf, "item_sets")?,
            items: Cells::take(ebpf, "items")?,
            nets: Table::take(ebpf, "nets")?,
            routes4: Trie::take(ebpf, "routes4")?,
            routes6: Trie::take(ebpf, "routes6")?,
            procs: Table::take(ebpf, "procs")?,
            slots: Table::take(ebpf, "slots")?,
            accepted: Table::take(ebpf, "accepted")?,
            unclaimed: Table::take(ebpf, "unclaimed")?,
            udp_flows: Table::take(ebpf, "udp_flows")?,
        })
    }

    /// Looks a slot up for whoever accepted its connection.
    ///
    /// The socket may be closed at the same time: it says so first and looks at `accepted` then,
    /// and here it is the other way round, so that at least one of both removes the slot. That may
    /// be the socket as soon as `accepted` is set, so the slot is read before.
    pub(super) fn accept(&self, slot: u32) -> io::Result<Option<OriginEntry>> {
        let Some(entry) = self.slots.get(&slot)? else { return Ok(None) };
        self.accepted.set(&slot, &1)?;
        let closed = self.slots.get(&slot)?.is_none_or(|entry| entry.closed != 0);
        if closed {
            self.remove(slot)?;
        }
        Ok(Some(OriginEntry { closed: closed.into(), ..entry }))
    }

    /// Removes the slots that were closed before anybody accepted them, long enough ago.
    pub(super) fn sweep(&self, older_than: Duration, now: Duration) -> io::Result<usize> {
        let mut count = 0;
        for (slot, closed_ns) in self.unclaimed.entries() {
            if now.saturating_sub(Duration::from_nanos(closed_ns)) >= older_than {
                count += usize::from(self.remove(slot)?);
            }
        }
        Ok(count)
    }

    /// Removes a slot and the next one of a closed socket; gives the one after it.
    pub(super) fn remove_chained(&self, slot: u32) -> io::Result<Option<(u32, u8)>> {
        let Some(entry) = self.slots.get(&slot)? else {
            return Ok(None);
        };
        if entry.protocol == UDP {
            let OriginEntry { socket_cookie, destination, port, .. } = entry;
            self.udp_flows.remove(&UdpFlow {
                socket_cookie,
                destination,
                port,
                padding: [0; 6],
            })?;
        }
        self.remove(slot)?;
        Ok(Some((entry.next, entry.protocol)))
    }

    /// Removes a slot; says whether it was there.
    fn remove(&self, slot: u32) -> io::Result<bool> {
        let removed = self.slots.remove(&slot)?;
        self.accepted.remove(&slot)?;
        self.unclaimed.remove(&slot)?;
        Ok(removed)
    }
}

/// Whether a chain goes on after its last slot.
pub(super) const fn is_slot(slot: u32) -> bool {
    slot != NO_SLOT
}
