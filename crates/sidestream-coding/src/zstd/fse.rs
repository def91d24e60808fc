//! Finite state entropy (RFC 8878 §4.1).

use super::bits::{Backward, Forward};

/// A decoding table.
#[derive(Clone, Debug)]
pub(super) struct Table {
    log: u8,
    cells: Vec<Cell>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    symbol: u8,
    bits: u8,
    base: u16,
}

impl Table {
    /// The table that knows one symbol.
    pub(super) fn single(symbol: u8) -> Self {
        Self { log: 0, cells: vec![Cell { symbol, bits: 0, base: 0 }] }
    }

    /// Reads the description of a table, and returns how many bytes it took.
    pub(super) fn read(bytes: &[u8], max_log: u8, max_symbol: usize) -> Option<(Self, usize)> {
        let mut bits = Forward::new(bytes);
        let log = bits.read(4)? as u8 + 5;
        if log > max_log {
            return None;
        }
        let mut counts = Vec::new();
        let mut left = 1_u32 << log;
        while left > 0 {
            if counts.len() > max_symbol {
                return None;
            }
            let count = read_count(&mut bits, left)?;
            left = left.checked_sub(count.unsigned_abs().into())?;
            counts.push(count);
            if count == 0 {
                loop {
                    let more = bits.read(2)?;
                    counts.resize(counts.len() + more as usize, 0);
                    if more != 3 {
                        break;
                    }
                    if counts.len() > max_symbol {
                        return None;
                    }
                }
            }
        }
        if counts.len() > max_symbol + 1 {
            return None;
        }
        Some((Self::new(log, &counts)?, bits.bytes()))
    }

    /// Makes the table of a distribution; -1 is "less than one".
    pub(super) fn new(log: u8, counts: &[i16]) -> Option<Self> {
        let size = 1_usize << log;
        let mut cells = vec![Cell::default(); size];
        let mut next: Vec<u16> = vec![0; counts.len()];
        let mut high = size;
        for (symbol, count) in counts.iter().enumerate() {
            if *count == -1 {
                high = high.checked_sub(1)?;
                cells[high].symbol = symbol as u8;
                next[symbol] = 1;
            }
        }
        let step = (size >> 1) + (size >> 3) + 3;
        let mut at = 0;
        for (symbol, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            next[symbol] = *count as u16;
            for _ in 0..*count {
                cells[at].symbol = symbol as u8;
                at = (at + step) & (size - 1);
                while at >= high {
                    at = (at + step) & (size - 1);
                }
            }
        }
        for cell in &mut cells {
            let state = next.get_mut(usize::from(cell.symbol))?;
            cell.bits = log.checked_sub(state.checked_ilog2()? as u8)?;
            cell.base = (*state << cell.bits).checked_sub(size as u16)?;
            *state += 1;
        }
        (at == 0).then_some(Self { log, cells })
    }
}

/// Reads one count (RFC 8878 §4.1.1); `left` are still to be given away.
fn read_count(bits: &mut Forward<'_>, left: u32) -> Option<i16> {
    let width = (left + 1).ilog2() as usize + 1;
    // The last bit may be one too many, and then may not be there.
    let short = bits.read(width - 1)?;
    let threshold = (1 << width) - 1 - (left + 1);
    if short < threshold {
        return Some(short as i16 - 1);
    }
    let value = short | bits.read(1)? << (width - 1);
    let value = if value >= 1 << (width - 1) { value - threshold } else { value };
    Some(value as i16 - 1)
}

/// Where one is in a table.
#[derive(Debug)]
pub(super) struct State<'a> {
    table: &'a Table,
    cell: Cell,
}

impl<'a> State<'a> {
    pub(super) fn new(table: &'a Table, bits: &mut Backward<'_>) -> Self {
        let at = bits.read(table.log) as usize;
        Self { table, cell: table.cells[at] }
    }

    pub(super) const fn symbol(&self) -> u8 {
        self.cell.symbol
    }

    pub(super) fn update(&mut self, bits: &mut Backward<'_>) {
        let at = usize::from(self.cell.base) + bits.read(self.cell.bits) as usize;
        self.cell = self.table.cells[at];
    }
}
