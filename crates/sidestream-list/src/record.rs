//! A filter, judged on what is recorded.

use sidestream_filter::{Filter, Row};
use sidestream_record::Finished;
use sidestream_store::{TEXT_BYTES, decode};

/// Returns how many bytes of each body a filter sees, which a
/// [`Book`](sidestream_record::Book) for it is to keep.
pub fn body_bytes(filter: Option<&Filter>) -> usize {
    if filter.is_some_and(Filter::asks_content) { TEXT_BYTES } else { 0 }
}

/// Returns whether a filter selects what is finished, whose bodies it sees without their content
/// codings.
///
/// This is what decides where the lists of a session do not tell it all.
pub fn selects(filter: &Filter, finished: &Finished) -> bool {
    // What is not known here is not held back.
    Row::of(finished).is_none_or(|row| holds(filter, row))
}

/// Returns whether a filter selects a row.
pub(crate) fn holds(filter: &Filter, row: Row<'_>) -> bool {
    filter.matches(&row.decoding(&decode))
}
