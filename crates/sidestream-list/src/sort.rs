//! Orders: of all lines at once, and of one line among others.

use std::cmp::Ordering;

use crate::order::Column;
use crate::row::Row;
use crate::rows::Rows;
use crate::texts::{Word, Words};

/// Below so many texts they are compared in whole.
const FEW: usize = 12;

/// How many bytes of a text are compared at once.
const PIECE: usize = 8;

/// A line that is sorted: a number, by which it is, and its place among all by their ids.
type Item = (u64, u32);

/// Sorts the lines that are selected, and returns the places of their rows.
///
/// It costs 20 bytes a line while it works, for URLs 36.
pub(crate) fn sorted(rows: &Rows, by: Column) -> Vec<u32> {
    let places: Vec<u32> = rows.places().filter(|place| rows.row(*place).verdict.is_in()).collect();
    let key = key(rows, by);
    let mut items: Vec<Item> =
        (0..).zip(&places).map(|(index, place)| (key(rows.row(*place)), index)).collect();
    if by == Column::Url {
        let texts: Vec<&[u8]> = places
            .iter()
            .map(|place| rows.url(rows.row(*place)).unwrap_or_default().as_bytes())
            .collect();
        sort_texts(&mut items, &|index| texts[index as usize]);
        // What has none comes last.
        items.sort_by_key(|(_, index)| rows.url(rows.row(places[*index as usize])).is_none());
    } else {
        // Those that are alike stay as they are by their ids.
        items.sort_by_key(|(number, _)| *number);
    }
    let mut sorted: Vec<u32> = Vec::with_capacity(items.len());
    sorted.extend(items.into_iter().map(|(_, index)| places[index as usize]));
    sorted
}

/// Returns the number by which rows are ordered; URLs are by what they begin with.
fn key(rows: &Rows, by: Column) -> Box<dyn Fn(&Row) -> u64 + '_> {
    match by {
        Column::Duration => Box::new(|row| row.took().unwrap_or(u64::MAX)),
        Column::Method => {
            let ranks = rows.words().ranks();
            Box::new(move |row| Words::rank(&ranks, row.method).into())
        }
        Column::Process => {
            let ranks = process_ranks(rows);
            Box::new(move |row| {
                let place = rows.flow_of(row).process as usize;
                ranks.get(place).copied().unwrap_or(u32::MAX).into()
            })
        }
        Column::Size => Box::new(|row| row.bytes()),
        Column::Status => Box::new(|row| row.status.map_or(u64::MAX, u64::from)),
        Column::Time => Box::new(time_key),
        Column::Url => Box::new(|_| 0),
    }
}

/// Returns a time as a number that is larger the later it is.
const fn time_key(row: &Row) -> u64 {
    row.started_nanoseconds().cast_unsigned() ^ (1 << 63)
}

/// Returns for each process how many come before it, those that are alike counted once.
fn process_ranks(rows: &Rows) -> Vec<u32> {
    let processes = rows.processes();
    let mut sorted: Vec<_> = (0..processes.len()).collect();
    let compare =
        |a: usize, b: usize| rows.compare_processes(Some(&processes[a]), Some(&processes[b]));
    sorted.sort_unstable_by(|a, b| compare(*a, *b));
    let mut ranks = vec![0; processes.len()];
    let mut rank = 0;
    for (index, place) in sorted.iter().enumerate() {
        if index > 0 && compare(sorted[index - 1], *place) == Ordering::Less {
            rank += 1;
        }
        ranks[*place] = rank;
    }
    ranks
}

/// Compares two rows as [`sorted`] orders them.
pub(crate) fn compare(rows: &Rows, by: Column, a: &Row, b: &Row) -> Ordering {
    let words = rows.words();
    let text = |word| (!Word::is_some(word), words.get(word));
    let known = match by {
        Column::Duration => a.took().unwrap_or(u64::MAX).cmp(&b.took().unwrap_or(u64::MAX)),
        Column::Method if a.method == b.method => Ordering::Equal,
        Column::Method => text(a.method).cmp(&text(b.method)),
        Column::Process => rows.compare_processes(rows.process_facts(a), rows.process_facts(b)),
        Column::Size => a.bytes().cmp(&b.bytes()),
        Column::Status => {
            let key = |row: &Row| row.status.map_or(u64::MAX, u64::from);
            key(a).cmp(&key(b))
        }
        Column::Time => time_key(a).cmp(&time_key(b)),
        Column::Url => {
            let (a, b) = (rows.url(a), rows.url(b));
            a.is_none().cmp(&b.is_none()).then_with(|| a.cmp(&b))
        }
    };
    known.then_with(|| rows.id(a).cmp(&rows.id(b)))
}

/// Sorts texts that stand by their places; those that are alike stay so.
///
/// They are compared piece by piece, each piece as a number that stands beside the place: what many
/// begin with, as URLs do, is looked at once for each of them and not at each comparison.
fn sort_texts<'a>(items: &mut [Item], text: &impl Fn(u32) -> &'a [u8]) {
    // In place of recursion, whose depth a peer could choose: those from and to are alike before.
    let mut open = vec![(0, items.len(), 0)];
    while let Some((from, to, depth)) = open.pop() {
        let some = &mut items[from..to];
        if some.len() <= FEW {
            some.sort_unstable_by(|(_, a), (_, b)| {
                let rest = |place: u32| text(place).get(depth..).unwrap_or_default();
                let len = |place: u32| text(place).len();
                rest(*a).cmp(rest(*b)).then(len(*a).cmp(&len(*b))).then(a.cmp(b))
            });
            continue;
        }
        let mut goes_on = false;
        for (number, place) in &mut *some {
            let rest = text(*place).get(depth..).unwrap_or_default();
            goes_on |= rest.len() > PIECE;
            *number = piece(rest);
        }
        // Those that are alike stand by their places, and stay so.
        some.sort_by_key(|(number, _)| *number);
        // A NUL is as what is not there: how long they are tells.
        let mut begin = from;
        for group in items[from..to].chunk_by_mut(|a, b| a.0 == b.0) {
            let end = begin + group.len();
            if group.len() > 1 {
                if goes_on {
                    open.push((begin, end, depth + PIECE));
                } else {
                    group.sort_unstable_by_key(|(_, place)| (text(*place).len(), *place));
                }
            }
            begin = end;
        }
    }
}

/// Returns the first bytes as a number that is larger the later they come.
fn piece(rest: &[u8]) -> u64 {
    let mut bytes = [0; PIECE];
    let len = rest.len().min(PIECE);
    bytes[..len].copy_from_slice(&rest[..len]);
    u64::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn texts_are_sorted_as_they_are_compared(
            ends in vec("[ab\0]{0,20}", 0..60),
            begin in "[a\0]{0,20}",
        ) {
            let texts: Vec<_> = ends.iter().map(|end| [&*begin, end].concat()).collect();
            let mut items: Vec<Item> = (0..texts.len() as u32).map(|place| (0, place)).collect();
            sort_texts(&mut items, &|place| texts[place as usize].as_bytes());
            let mut expected: Vec<u32> = (0..texts.len() as u32).collect();
            expected.sort_by_key(|place| &texts[*place as usize]);
            prop_assert_eq!(items.iter().map(|item| item.1).collect::<Vec<_>>(), expected);
        }
    }
}
