//! The items by which the hooks decide.

use std::io;

use super::abi::{ItemEntry, ItemSet};
use super::convert::code;
use super::maps::Maps;
use crate::{Item, ItemKind, Items, MAX_ITEMS, Verdict};

const OPEN: u8 = 0;
const NAME: u8 = 1;
const PATH: u8 = 2;
const PID: u8 = 3;
const USER: u8 = 4;

/// Writes the items of an epoch, beside those of the one before it.
pub(super) fn set(maps: &Maps, epoch: u32, items: Option<&Items>) -> io::Result<()> {
    let half = epoch % 2;
    // Nothing is decided by what is half written.
    maps.item_sets.set(half, &ItemSet { len: 0, verdict: code(Verdict::Undecided) })?;
    let Some(Items { default, items }) = items else { return Ok(()) };
    if items.len() > MAX_ITEMS {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "too many items"));
    }
    let first = half * u32::try_from(MAX_ITEMS).map_err(io::Error::other)?;
    for (index, item) in (first..).zip(items) {
        maps.items.set(index, &entry(item))?;
    }
    let verdict = if *default { Verdict::Intercept } else { Verdict::Pass };
    let len = u32::try_from(items.len()).map_err(io::Error::other)?;
    maps.item_sets.set(half, &ItemSet { len, verdict: code(verdict) })
}

/// Writes an item as the hooks know it.
fn entry(item: &Item) -> ItemEntry {
    let mut entry = ItemEntry {
        kind: OPEN,
        exclude: item.exclude.into(),
        is_tree: item.is_tree.into(),
        is_loose: 0,
        number: 0,
        accept: 0,
        loops: 0,
        steps: [0; 256],
    };
    match &item.kind {
        ItemKind::Open => {}
        ItemKind::Name(pattern) | ItemKind::Path(pattern) => {
            entry.kind = if matches!(item.kind, ItemKind::Name(_)) { NAME } else { PATH };
            entry.is_loose = (!pattern.is_exact).into();
            (entry.accept, entry.loops, entry.steps) =
                (pattern.accept(), pattern.loops, *pattern.steps);
        }
        ItemKind::Pid { pid, is_free } => {
            (entry.kind, entry.is_loose, entry.number) = (PID, (*is_free).into(), *pid);
        }
        ItemKind::User(uid) => (entry.kind, entry.number) = (USER, *uid),
    }
    entry
}
