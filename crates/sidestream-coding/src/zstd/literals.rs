//! The literals of a block (RFC 8878 §3.1.1.3.1).

use super::MAX_BLOCK;
use super::huffman::Table;

/// Reads the section into `out`, and returns how many bytes it took.
pub(super) fn read(bytes: &[u8], table: &mut Option<Table>, out: &mut Vec<u8>) -> Option<usize> {
    let head = usize::from(*bytes.first()?);
    out.clear();
    match head & 3 {
        kind @ (0 | 1) => plain(bytes, head, kind == 1, out),
        kind => coded(bytes, head, kind == 3, table, out),
    }
}

/// Returns the first bytes as a number.
fn number(bytes: &[u8], count: usize) -> Option<usize> {
    let there = bytes.get(..count)?.iter().rev();
    Some(there.fold(0, |number, byte| number << 8 | usize::from(*byte)))
}

fn plain(bytes: &[u8], head: usize, repeated: bool, out: &mut Vec<u8>) -> Option<usize> {
    let (width, shift) = match head >> 2 & 3 {
        1 => (2, 4),
        3 => (3, 4),
        _ => (1, 3),
    };
    let size = number(bytes, width)? >> shift;
    if size > MAX_BLOCK {
        return None;
    }
    if repeated {
        out.resize(size, *bytes.get(width)?);
        return Some(width + 1);
    }
    out.extend_from_slice(bytes.get(width..width + size)?);
    Some(width + size)
}

fn coded(
    bytes: &[u8],
    head: usize,
    again: bool,
    table: &mut Option<Table>,
    out: &mut Vec<u8>,
) -> Option<usize> {
    let format = head >> 2 & 3;
    let (width, bits) = match format {
        2 => (4, 14),
        3 => (5, 18),
        _ => (3, 10),
    };
    let sizes = number(bytes, width)? >> 4;
    let (size, coded) = (sizes & ((1 << bits) - 1), sizes >> bits);
    let mut streams = bytes.get(width..width + coded)?;
    if size > MAX_BLOCK {
        return None;
    }
    if !again {
        let (read, taken) = Table::read(streams)?;
        *table = Some(read);
        streams = &streams[taken..];
    }
    let table = table.as_ref()?;
    if format == 0 {
        table.decode(streams, size, out)?;
    } else {
        four(table, streams, size, out)?;
    }
    Some(width + coded)
}

fn four(table: &Table, streams: &[u8], size: usize, out: &mut Vec<u8>) -> Option<()> {
    let (lengths, mut rest) = streams.split_at_checked(6)?;
    let each = size.div_ceil(4);
    for length in lengths.chunks_exact(2) {
        let (stream, behind) = rest.split_at_checked(number(length, 2)?)?;
        table.decode(stream, each, out)?;
        rest = behind;
    }
    table.decode(rest, size.checked_sub(each * 3)?, out)
}
