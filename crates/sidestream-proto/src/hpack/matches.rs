//! Where a field, or its name, stands in a dynamic table.

use super::Table;
use super::hash::{SEED, fold, hash};

/// How many slots one hash may be in, which bounds the time whatever the fields are.
const PROBES: usize = 8;

/// How many slots there are for each entry, which has two hashes.
const SLOTS_PER_ENTRY: usize = 4;

/// The entries of a table by their hashes.
///
/// Nothing is taken out when an entry is evicted: its number says that it is gone.
#[derive(Clone, Debug)]
pub(super) struct Matches {
    /// A power of two of them, or none yet.
    slots: Vec<Slot>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    hash: u32,
    /// The entry's number, as the table counts what was ever put in.
    number: u32,
}

impl Matches {
    /// Finds the entries of a table.
    pub(super) fn of(table: &Table) -> Self {
        let len = (table.len().max(PROBES) * SLOTS_PER_ENTRY).next_power_of_two();
        let mut it = Self { slots: Vec::new() };
        if !table.is_empty() {
            it.rebuild(table, len);
        }
        it
    }

    /// Notes the newest entry of a table.
    pub(super) fn insert(&mut self, table: &Table) {
        let needed = table.len().max(PROBES) * SLOTS_PER_ENTRY;
        if self.slots.len() < needed {
            // Twice that, so that it is not done again soon.
            self.rebuild(table, (needed * 2).next_power_of_two());
        } else {
            self.note(table, 0);
        }
    }

    /// Returns the place in the table of a field with that hash for which `is_it`.
    pub(super) fn find(
        &self,
        table: &Table,
        hash: u64,
        is_it: impl Fn(&[u8], &[u8]) -> bool,
    ) -> Option<usize> {
        let hash = fold(hash);
        self.probe(hash).filter(|&slot| self.slots[slot].hash == hash).find_map(|slot| {
            let place = place_of(table, self.slots[slot].number);
            let entry = table.get(place)?;
            is_it(&entry.name, &entry.value).then_some(place)
        })
    }

    fn rebuild(&mut self, table: &Table, len: usize) {
        // A number of long ago, as far from the next entries' as can be.
        let gone = table.next_number().wrapping_sub(1 << 31);
        self.slots.clear();
        self.slots.resize(len, Slot { hash: 0, number: gone });
        for place in (0..table.len()).rev() {
            self.note(table, place);
        }
    }

    fn note(&mut self, table: &Table, place: usize) {
        let Some(entry) = table.get(place) else { return };
        let name = hash(SEED, &entry.name);
        let number = number_of(table, place);
        for hash in [fold(name), fold(hash(name, &entry.value))] {
            // The same again, or one that is gone, or the oldest: the newest serves longest.
            let slot = self.probe(hash).max_by_key(|&slot| {
                let Slot { hash: other, number } = self.slots[slot];
                (other == hash, place_of(table, number))
            });
            if let Some(slot) = slot {
                self.slots[slot] = Slot { hash, number };
            }
        }
    }

    fn probe(&self, hash: u32) -> impl Iterator<Item = usize> + use<> {
        let len = self.slots.len();
        let count = if len == 0 { 0 } else { PROBES };
        (0..count).map(move |step| (hash as usize).wrapping_add(step) & (len - 1))
    }
}

fn number_of(table: &Table, place: usize) -> u32 {
    table.next_number().wrapping_sub(1).wrapping_sub(place as u32)
}

/// Returns the place of the entry with a number, which is beyond the table for what is gone.
fn place_of(table: &Table, number: u32) -> usize {
    table.next_number().wrapping_sub(1).wrapping_sub(number) as usize
}
