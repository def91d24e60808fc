//! Huffman codes of literals (RFC 8878 §4.2).

use super::bits::Backward;
use super::fse::{State, Table as FseTable};

/// The longest code.
const MAX_BITS: u8 = 11;

const MAX_WEIGHTS: usize = 255;

/// A decoding table: for each value of the next bits, the symbol and how many of them are its.
#[derive(Clone, Debug)]
pub(super) struct Table {
    bits: u8,
    cells: Vec<(u8, u8)>,
}

impl Table {
    /// Reads the description of a table, and returns how many bytes it took.
    pub(super) fn read(bytes: &[u8]) -> Option<(Self, usize)> {
        let (&head, rest) = bytes.split_first()?;
        let (weights, taken) = if head >= 128 {
            let count = usize::from(head) - 127;
            let packed = rest.get(..count.div_ceil(2))?;
            let nibbles = packed.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
            (nibbles.take(count).collect(), packed.len())
        } else {
            let coded = rest.get(..usize::from(head))?;
            (read_weights(coded)?, coded.len())
        };
        Some((Self::new(weights)?, 1 + taken))
    }

    fn new(mut weights: Vec<u8>) -> Option<Self> {
        if weights.iter().any(|weight| *weight > MAX_BITS) {
            return None;
        }
        let share = |weight: u8| if weight == 0 { 0 } else { 1_u32 << (weight - 1) };
        let sum: u32 = weights.iter().map(|weight| share(*weight)).sum();
        let bits = sum.checked_ilog2()? as u8 + 1;
        let left = (1 << bits) - sum;
        if bits > MAX_BITS || !left.is_power_of_two() {
            return None;
        }
        weights.push(left.ilog2() as u8 + 1);
        let mut cells = Vec::with_capacity(1 << bits);
        for weight in 1..=bits {
            for (symbol, _) in weights.iter().enumerate().filter(|(_, it)| **it == weight) {
                let end = cells.len() + (1 << (weight - 1));
                cells.resize(end, (u8::try_from(symbol).ok()?, bits + 1 - weight));
            }
        }
        (cells.len() == 1 << bits).then_some(Self { bits, cells })
    }

    /// Decodes a stream that holds just `length` symbols.
    pub(super) fn decode(&self, bytes: &[u8], length: usize, out: &mut Vec<u8>) -> Option<()> {
        let mut bits = Backward::new(bytes)?;
        let mask = (1_usize << self.bits) - 1;
        let mut state = bits.read(self.bits) as usize;
        for _ in 0..length {
            let (symbol, used) = self.cells[state];
            out.push(symbol);
            state = (state << used | bits.read(used) as usize) & mask;
        }
        (bits.left() == -i64::from(self.bits)).then_some(())
    }
}

/// Reads weights that are coded themselves, by two states in turn.
fn read_weights(bytes: &[u8]) -> Option<Vec<u8>> {
    let (table, taken) = FseTable::read(bytes, 6, usize::from(MAX_BITS))?;
    let mut bits = Backward::new(bytes.get(taken..)?)?;
    let mut one = State::new(&table, &mut bits);
    let mut other = State::new(&table, &mut bits);
    let mut weights = Vec::new();
    while weights.len() < MAX_WEIGHTS {
        weights.push(one.symbol());
        one.update(&mut bits);
        if bits.left() < 0 {
            weights.push(other.symbol());
            return (weights.len() <= MAX_WEIGHTS).then_some(weights);
        }
        std::mem::swap(&mut one, &mut other);
    }
    None
}
