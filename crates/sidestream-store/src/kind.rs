//! The numbers by which kinds of entries are told apart in a block.

/// The kinds in the order of their numbers, from 1. It is only ever added to, at its end.
pub(crate) const NAMES: [&str; 25] = [
    "opened",
    "connected",
    "recognized",
    "named",
    "secured",
    "request",
    "response",
    "body",
    "trailers",
    "part_ended",
    "dns",
    "exchange_ended",
    "data",
    "defect",
    "altered",
    "held",
    "resumed",
    "closed",
    "other",
    "websocket",
    "passed",
    "advised",
    "wire",
    "secrets",
    "annotated",
];

/// Returns the number of a kind, or 0, which readers pass over, for one that has none.
pub(crate) fn number(name: &str) -> u32 {
    let place = NAMES.iter().position(|known| *known == name);
    place.map_or(0, |index| index as u32 + 1)
}

/// Returns the name of a kind, if this version has a word for it.
pub(crate) fn name(number: u32) -> Option<&'static str> {
    let index = usize::try_from(number.checked_sub(1)?).ok()?;
    NAMES.get(index).copied()
}
