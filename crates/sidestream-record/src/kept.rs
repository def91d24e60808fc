//! How much of what peers can repeat is kept.

/// How many entries each list of a flow or exchange keeps: peers can make more of them than anyone
/// would read.
pub(crate) const MAX_KEPT: usize = 100;

/// Puts an entry behind the others, unless there are many.
pub(crate) fn keep<T: Clone>(list: &mut Vec<T>, entry: &T) {
    if list.len() < MAX_KEPT {
        list.push(entry.clone());
    }
}
