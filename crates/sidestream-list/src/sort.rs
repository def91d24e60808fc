//! Orders: of all lines at once, and of one line among others.

use std::cmp::{Ordering, Reverse};

use crate::order::Column;
use crate::row::Row;
use crate::rows::Rows;
use crate::texts::{Word, Words};

/// Below so many texts they are compared in whole.
const FEW: usize = 12;

/// From so many texts on two threads sort.
const MANY: usize = 40_000;

/// How many bytes of a text are compared at once.
const PIECE: usize = 16;

/// A line that is sorted: a number, by which it is, and its place among all by their ids.
type Item = (u64, u32);

/// The same for texts, of which the number is a piece.
type TextItem = (u128, u32);

/// Sorts the lines that are selected, and returns the places of their rows.
///
/// It costs 24 bytes a line while it works, for URLs 60.
pub(crate) fn sorted(rows: &Rows, by: Column) -> Vec<u32> {
    let places: Vec<u32> = rows.places().filter(|place| rows.row(*place).verdict.is_in()).collect();
    if by == Column::Url {
        return sorted_by_url(rows, &places);
    }
    let key = key(rows, by);
    let mut items: Vec<Item> = places.iter().map(|place| (key(rows.row(*place)), *place)).collect();
    // Those that are alike stay as they are by their ids.
    items.sort_by_key(|(number, _)| *number);
    items.into_iter().map(|(_, place)| place).collect()
}

fn sorted_by_url(rows: &Rows, places: &[u32]) -> Vec<u32> {
    let url = |place: u32| rows.url(rows.row(place));
    let (some, none): (Vec<u32>, Vec<u32>) =
        places.iter().partition(|place| url(**place).is_some());
    let texts: Vec<&[u8]> =
        some.iter().map(|place| url(*place).unwrap_or_default().as_bytes()).collect();
    let mut items: Vec<TextItem> = (0..some.len() as u32).map(|index| (0, index)).collect();
    sort_texts(&mut items, MANY, &|index| texts[index as usize]);
    // What has none comes last.
    items.into_iter().map(|(_, index)| some[index as usize]).chain(none).collect()
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
        // By its text.
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

/// Texts of which it is known that they begin alike, with so many bytes.
type Alike<'a> = (&'a mut [TextItem], usize);

/// Sorts texts that stand by their places; those that are alike stay so.
///
/// They are compared piece by piece, each piece as a number that stands beside the place: what many
/// begin with, as URLs do, is looked at once for each of them and not at each comparison. From `many` on, two threads do.
fn sort_texts<'a>(items: &mut [TextItem], many: usize, text: &(impl Fn(u32) -> &'a [u8] + Sync)) {
    let half = items.len() / 2;
    let is_one_thread = items.len() < many;
    let mut open = vec![(items, 0)];
    if is_one_thread {
        return sort_rest(open, text);
    }
    // What is alike in more than half of them is parted first, so that two threads have as much.
    while let Some(index) = open.iter().position(|(some, _)| some.len() > half) {
        let some = open.swap_remove(index);
        sort_piece(some, text, &mut open);
    }
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let mut balance = 0_isize;
    open.sort_unstable_by_key(|(some, _)| Reverse(some.len()));
    for (some, depth) in open {
        let len = some.len().cast_signed();
        let (to, step) = if balance <= 0 { (&mut ours, len) } else { (&mut theirs, -len) };
        to.push((some, depth));
        balance += step;
    }
    std::thread::scope(|scope| {
        scope.spawn(|| sort_rest(theirs, text));
        sort_rest(ours, text);
    });
}

/// Sorts all that is alike so far. In place of recursion, whose depth a peer could choose.
fn sort_rest<'a>(mut open: Vec<Alike<'_>>, text: &impl Fn(u32) -> &'a [u8]) {
    while let Some(some) = open.pop() {
        sort_piece(some, text, &mut open);
    }
}

/// Sorts texts by their next piece, and adds those that are alike in it as well to what is open.
fn sort_piece<'a, 'b>(
    (some, depth): Alike<'b>,
    text: &impl Fn(u32) -> &'a [u8],
    open: &mut Vec<Alike<'b>>,
) {
    if some.len() <= FEW {
        some.sort_unstable_by(|(_, a), (_, b)| {
            let rest = |place: u32| text(place).get(depth..).unwrap_or_default();
            let len = |place: u32| text(place).len();
            rest(*a).cmp(rest(*b)).then(len(*a).cmp(&len(*b))).then(a.cmp(b))
        });
        return;
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
    for group in some.chunk_by_mut(|a, b| a.0 == b.0).filter(|group| group.len() > 1) {
        if goes_on {
            open.push((group, depth + PIECE));
        } else {
            group.sort_unstable_by_key(|(_, place)| (text(*place).len(), *place));
        }
    }
}

/// Returns the first bytes as a number that is larger the later they come.
fn piece(rest: &[u8]) -> u128 {
    let mut bytes = [0; PIECE];
    let len = rest.len().min(PIECE);
    bytes[..len].copy_from_slice(&rest[..len]);
    u128::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn texts_are_sorted_as_they_are_compared(
            ends in vec("[ab\0]{0,40}", 0..400),
            begin in "[a\0]{0,40}",
        ) {
            let texts: Vec<_> = ends.iter().map(|end| [&*begin, end].concat()).collect();
            let mut items: Vec<TextItem> = (0..texts.len() as u32).map(|place| (0, place)).collect();
            sort_texts(&mut items, 40, &|place| texts[place as usize].as_bytes());
            let mut expected: Vec<u32> = (0..texts.len() as u32).collect();
            expected.sort_by_key(|place| &texts[*place as usize]);
            prop_assert_eq!(items.iter().map(|item| item.1).collect::<Vec<_>>(), expected);
        }
    }
}
