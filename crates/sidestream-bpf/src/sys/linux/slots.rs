//! The slots, which the hooks fill and end, and whose cells are freed here.
//!
//! Only here are cells freed, by one thread at a time: the hooks mark what is closed, and no
//! instruction that every kernel has lets them tell who comes first.

use std::collections::HashMap;
use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use aya::Ebpf;
use aya::maps::MapError;

use super::abi::{
    CLAIM, CLAIMS, DISTANCE_SHIFT, FAR, HAS_CHAIN, IS_ACCEPTED, IS_CLOSED, IS_USED, NO_SLOT,
    OriginEntry, UdpFlow, WAITS_AT_V4, WAITS_AT_V6,
};
use super::shared::Shared;
use super::table::{Cells, Table, lock};

/// A connection waits to be accepted, however long that takes. A datagram is at its listener when
/// it has been sent, and many sockets are connected that never send one: whoever looks for a
/// source address does so, for each name that is resolved.
const DATAGRAM: Duration = Duration::from_secs(3);

/// The slots of one set of hooks.
pub(super) struct Slots {
    entries: Cells<OriginEntry>,
    /// Of each cell its state, and of how many slots it is the home.
    cells: Shared,
    /// The number of cells, which is a power of two.
    count: u32,
    /// How many slots their sockets ended.
    ended: Shared,
    /// How many connections came to the listeners of each family, and how many were accepted.
    queues: Shared,
    udp_flows: Table<UdpFlow, u32>,
    sweep: Mutex<Sweep>,
}

/// What is known of closed slots.
#[derive(Debug, Default)]
struct Sweep {
    /// How many had been ended when all cells were looked at.
    ended: u64,
    /// Since when those are closed, at least, that nobody has asked for.
    unclaimed: HashMap<u32, Duration>,
}

impl Slots {
    pub(super) fn take(ebpf: &mut Ebpf, count: u32) -> Result<Self, MapError> {
        Ok(Self {
            entries: Cells::take(ebpf, "slots")?,
            cells: Shared::take(ebpf, "cells", count as usize, 8)?,
            count,
            ended: Shared::take(ebpf, "ended", 1, 8)?,
            queues: Shared::take(ebpf, "queues", 2, 16)?,
            udp_flows: Table::take(ebpf, "udp_flows")?,
            sweep: Mutex::default(),
        })
    }

    /// Looks a slot up for whoever accepted its connection; says also whether it is closed.
    pub(super) fn accept(&self, slot: u32) -> io::Result<Option<(OriginEntry, bool)>> {
        let mut sweep = lock(&self.sweep);
        let Some(entry) = self.entry(slot)? else { return Ok(None) };
        let cell = self.cell(slot);
        let before = self.state(cell).fetch_or(IS_ACCEPTED, Ordering::AcqRel);
        if before & IS_ACCEPTED == 0 {
            self.leave_queue(before);
        }
        let closed = before & IS_CLOSED != 0;
        if closed && before & HAS_CHAIN == 0 {
            self.free(cell, &mut sweep);
            if before & IS_ACCEPTED != 0 {
                return Ok(None);
            }
        }
        Ok(Some((entry, closed)))
    }

    /// Ends the slots that a closed one leads to, and gives them.
    pub(super) fn end(&self, slot: u32) -> io::Result<Vec<u32>> {
        let mut sweep = lock(&self.sweep);
        let Some(entry) = self.entry(slot)? else { return Ok(Vec::new()) };
        let ended = self.end_chain(entry.next, &mut sweep)?;
        let cell = self.cell(slot);
        let before = self.state(cell).fetch_and(!HAS_CHAIN, Ordering::AcqRel);
        if before & (IS_CLOSED | IS_ACCEPTED) == IS_CLOSED | IS_ACCEPTED {
            self.free(cell, &mut sweep);
        }
        Ok(ended)
    }

    /// Frees the slots that are closed and were asked for, and those that nobody has asked for
    /// long enough, which is less where no connection waits; gives the number of these.
    pub(super) fn sweep(&self, older_than: Duration, now: Duration) -> io::Result<usize> {
        let mut sweep = lock(&self.sweep);
        let ended = self.ended.words()[0].load(Ordering::Acquire);
        if ended != sweep.ended {
            for cell in 0..self.count {
                self.look(cell, now, &mut sweep)?;
            }
            sweep.ended = ended;
        }
        let old = |(&cell, &since): (&u32, &Duration)| {
            let waits = self.state(cell).load(Ordering::Acquire) & (WAITS_AT_V4 | WAITS_AT_V6) != 0;
            let older_than = if waits { older_than } else { older_than.min(DATAGRAM) };
            (now.saturating_sub(since) >= older_than).then_some(cell)
        };
        let old: Vec<_> = sweep.unclaimed.iter().filter_map(old).collect();
        for &cell in &old {
            self.leave_queue(self.state(cell).load(Ordering::Acquire));
            self.free(cell, &mut sweep);
        }
        Ok(old.len())
    }

    /// Gives how many connections have come to the listeners of a family, accepted or not.
    pub(super) fn diverted(&self, is_v6: bool) -> u64 {
        self.queue(is_v6).0.load(Ordering::Acquire)
    }

    /// Notes that of the first `count` that came to the listeners of a family none waits.
    pub(super) fn none_waits(&self, is_v6: bool, count: u64) {
        self.queue(is_v6).1.store(count, Ordering::Release);
    }

    /// Looks at one cell after sockets have ended slots.
    fn look(&self, cell: u32, now: Duration, sweep: &mut Sweep) -> io::Result<()> {
        let state = self.state(cell).load(Ordering::Acquire);
        if state & (IS_USED | IS_CLOSED) != IS_USED | IS_CLOSED {
            return Ok(());
        }
        // An event that told of it was lost, or is still to be read.
        if state & HAS_CHAIN != 0 {
            self.end_chain(self.entries.get(cell)?.next, sweep)?;
            self.state(cell).fetch_and(!HAS_CHAIN, Ordering::AcqRel);
        }
        if state & IS_ACCEPTED != 0 {
            self.free(cell, sweep);
        } else {
            sweep.unclaimed.entry(cell).or_insert(now);
        }
        Ok(())
    }

    /// Ends slots of a closed socket one after the other.
    fn end_chain(&self, mut slot: u32, sweep: &mut Sweep) -> io::Result<Vec<u32>> {
        let mut ended = Vec::new();
        while slot != NO_SLOT
            && let Some(entry) = self.entry(slot)?
        {
            let OriginEntry { socket_key, destination, port, next, .. } = entry;
            self.udp_flows.remove(&UdpFlow { socket_key, destination, port, padding: [0; 6] })?;
            let cell = self.cell(slot);
            let before = self.state(cell).fetch_or(IS_CLOSED, Ordering::AcqRel);
            if before & IS_CLOSED != 0 {
                break;
            }
            ended.push(slot);
            if before & IS_ACCEPTED != 0 {
                self.free(cell, sweep);
            } else {
                sweep.ended = sweep.ended.wrapping_sub(1);
            }
            slot = next;
        }
        Ok(ended)
    }

    /// Gives what is in a slot that is in use.
    fn entry(&self, slot: u32) -> io::Result<Option<OriginEntry>> {
        let cell = self.cell(slot);
        if self.state(cell).load(Ordering::Acquire) & IS_USED == 0 {
            return Ok(None);
        }
        Ok(Some(self.entries.get(cell)?).filter(|entry| entry.slot == slot))
    }

    /// Frees a cell that is closed. Its home forgets it last: until then one is looked for that
    /// is not there, which is better than the other way round.
    fn free(&self, cell: u32, sweep: &mut Sweep) {
        sweep.unclaimed.remove(&cell);
        let state = self.state(cell).load(Ordering::Acquire);
        debug_assert!(state & IS_CLOSED != 0, "its socket may still need it");
        self.state(cell).fetch_sub(state & !CLAIMS | CLAIM, Ordering::AcqRel);
        let distance = state >> DISTANCE_SHIFT & FAR;
        if distance != FAR {
            self.homed(cell.wrapping_sub(distance)).fetch_sub(1, Ordering::AcqRel);
        }
    }

    /// Notes that a connection does not wait any more.
    fn leave_queue(&self, state: u32) {
        if state & (WAITS_AT_V4 | WAITS_AT_V6) == 0 {
            return;
        }
        let (diverted, accepted) = self.queue(state & WAITS_AT_V6 != 0);
        // It may have been among those of which none waits.
        let count = accepted.load(Ordering::Acquire) + 1;
        accepted.store(count.min(diverted.load(Ordering::Acquire)), Ordering::Release);
    }

    fn queue(&self, is_v6: bool) -> (&AtomicU64, &AtomicU64) {
        let [v4_diverted, v4_accepted, v6_diverted, v6_accepted] = self.queues.words() else {
            unreachable!("the queues are of two families")
        };
        if is_v6 { (v6_diverted, v6_accepted) } else { (v4_diverted, v4_accepted) }
    }

    const fn cell(&self, slot: u32) -> u32 {
        slot & (self.count - 1)
    }

    fn state(&self, cell: u32) -> &AtomicU32 {
        &self.cells.halves()[2 * self.cell(cell) as usize]
    }

    fn homed(&self, cell: u32) -> &AtomicU32 {
        &self.cells.halves()[2 * self.cell(cell) as usize + 1]
    }
}
