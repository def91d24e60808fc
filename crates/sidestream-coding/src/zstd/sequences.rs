//! The sequences of a block, and carrying them out (RFC 8878 §3.1.1.3.2, §3.1.1.4).

use super::MAX_BLOCK;
use super::bits::Backward;
use super::fse::{State, Table};

const LITERAL_COUNTS: [i16; 36] = [
    4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1,
    -1, -1, -1, -1,
];
const OFFSET_COUNTS: [i16; 29] =
    [1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1];
const MATCH_COUNTS: [i16; 53] = [
    1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1,
];

/// Of the codes from 16 on: where the lengths begin, and how many bits follow.
const LITERAL_CODES: [(u32, u8); 20] = [
    (16, 1),
    (18, 1),
    (20, 1),
    (22, 1),
    (24, 2),
    (28, 2),
    (32, 3),
    (40, 3),
    (48, 4),
    (64, 6),
    (128, 7),
    (256, 8),
    (512, 9),
    (1024, 10),
    (2048, 11),
    (4096, 12),
    (8192, 13),
    (16384, 14),
    (32768, 15),
    (65536, 16),
];
/// Of the codes from 32 on.
const MATCH_CODES: [(u32, u8); 21] = [
    (35, 1),
    (37, 1),
    (39, 1),
    (41, 1),
    (43, 2),
    (47, 2),
    (51, 3),
    (59, 3),
    (67, 4),
    (83, 4),
    (99, 5),
    (131, 7),
    (259, 8),
    (515, 9),
    (1027, 10),
    (2051, 11),
    (4099, 12),
    (8195, 13),
    (16387, 14),
    (32771, 15),
    (65539, 16),
];

/// The tables of a block, which the next may use again, and the last offsets.
#[derive(Debug)]
pub(super) struct Tables {
    literals: Option<Table>,
    offsets: Option<Table>,
    matches: Option<Table>,
    recent: [u32; 3],
}

/// One of the three.
struct Kind {
    counts: &'static [i16],
    log: u8,
    max_log: u8,
    max_symbol: usize,
}

const LITERALS: Kind = Kind { counts: &LITERAL_COUNTS, log: 6, max_log: 9, max_symbol: 35 };
const OFFSETS: Kind = Kind { counts: &OFFSET_COUNTS, log: 5, max_log: 8, max_symbol: 31 };
const MATCHES: Kind = Kind { counts: &MATCH_COUNTS, log: 6, max_log: 9, max_symbol: 52 };

impl Tables {
    pub(super) const fn new() -> Self {
        Self { literals: None, offsets: None, matches: None, recent: [1, 4, 8] }
    }

    /// Carries out what a section says; `history` is what was decoded so far, of which
    /// `window` bytes may be looked back at.
    pub(super) fn run(
        &mut self,
        section: &[u8],
        literals: &[u8],
        history: &mut Vec<u8>,
        window: usize,
    ) -> Option<()> {
        let before = history.len();
        let (count, section) = read_count(section)?;
        let mut literals = literals;
        if count > 0 {
            let (&modes, mut section) = section.split_first()?;
            if modes & 3 != 0 {
                return None;
            }
            read_table(&mut self.literals, modes >> 6, &LITERALS, &mut section)?;
            read_table(&mut self.offsets, modes >> 4 & 3, &OFFSETS, &mut section)?;
            read_table(&mut self.matches, modes >> 2 & 3, &MATCHES, &mut section)?;
            self.carry_out(count, section, &mut literals, history, window)?;
        } else if !section.is_empty() {
            return None;
        }
        history.extend_from_slice(literals);
        (history.len() - before <= MAX_BLOCK).then_some(())
    }

    fn carry_out(
        &mut self,
        count: usize,
        section: &[u8],
        literals: &mut &[u8],
        history: &mut Vec<u8>,
        window: usize,
    ) -> Option<()> {
        let before = history.len();
        let mut bits = Backward::new(section)?;
        let mut literal = State::new(self.literals.as_ref()?, &mut bits);
        let mut offset = State::new(self.offsets.as_ref()?, &mut bits);
        let mut matched = State::new(self.matches.as_ref()?, &mut bits);
        for at in 0..count {
            let code = offset.symbol();
            let value = (1_u32.checked_shl(code.into())?).checked_add(bits.read(code))?;
            let length = value_of(matched.symbol(), 3, 32, &MATCH_CODES, &mut bits)?;
            let take = value_of(literal.symbol(), 0, 16, &LITERAL_CODES, &mut bits)?;
            if at + 1 < count {
                literal.update(&mut bits);
                matched.update(&mut bits);
                offset.update(&mut bits);
            }
            let back = recall(&mut self.recent, value, take == 0)? as usize;
            let (plain, rest) = literals.split_at_checked(take)?;
            *literals = rest;
            history.extend_from_slice(plain);
            // Checked before it is done: the whole of a block is bounded.
            if history.len() - before + length > MAX_BLOCK || back > history.len().min(window) {
                return None;
            }
            repeat(history, back, length);
        }
        (bits.left() == 0).then_some(())
    }
}

fn read_count(section: &[u8]) -> Option<(usize, &[u8])> {
    let at = |at: usize| section.get(at).map(|byte| usize::from(*byte));
    let (count, width) = match at(0)? {
        few @ 0..128 => (few, 1),
        255 => (at(1)? + (at(2)? << 8) + 0x7f00, 3),
        high => (((high - 128) << 8) + at(1)?, 2),
    };
    Some((count, section.get(width..)?))
}

fn read_table(table: &mut Option<Table>, mode: u8, kind: &Kind, section: &mut &[u8]) -> Option<()> {
    match mode {
        0 => *table = Table::new(kind.log, kind.counts),
        1 => {
            let (&symbol, rest) = section.split_first()?;
            if usize::from(symbol) > kind.max_symbol {
                return None;
            }
            *table = Some(Table::single(symbol));
            *section = rest;
        }
        2 => {
            let (read, taken) = Table::read(section, kind.max_log, kind.max_symbol)?;
            *table = Some(read);
            *section = &section[taken..];
        }
        _ => {}
    }
    table.as_ref().map(|_| ())
}

fn value_of(
    code: u8,
    least: u32,
    plain: u8,
    codes: &[(u32, u8)],
    bits: &mut Backward<'_>,
) -> Option<usize> {
    if code < plain {
        return Some((u32::from(code) + least) as usize);
    }
    let (base, extra) = codes.get(usize::from(code - plain))?;
    Some((base + bits.read(*extra)) as usize)
}

/// Returns the offset that is meant, and keeps it (RFC 8878 §3.1.1.5).
fn recall(recent: &mut [u32; 3], value: u32, no_literals: bool) -> Option<u32> {
    let which = if value > 3 { 3 } else { value as usize - 1 + usize::from(no_literals) };
    let offset = match (value, which) {
        (4.., _) => value - 3,
        (_, 3) => recent[0] - 1,
        (_, which) => recent[which],
    };
    if which > 0 {
        if which > 1 {
            recent[2] = recent[1];
        }
        recent[1] = recent[0];
        recent[0] = offset;
    }
    (offset > 0).then_some(offset)
}

/// Repeats what stands so far back; it may reach into what is being written.
fn repeat(history: &mut Vec<u8>, back: usize, mut length: usize) {
    while length > 0 {
        let from = history.len() - back;
        let some = length.min(back);
        history.extend_from_within(from..from + some);
        length -= some;
    }
}
