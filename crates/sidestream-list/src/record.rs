//! A filter, judged on what is recorded.

use sidestream_coding::{self as coding, Codings, Limits};
use sidestream_filter::{Filter, Row};
use sidestream_record::{Fields, Finished};

/// How many bytes of each body, as it was sent, filters see: from its beginning.
pub const BODY_BYTES: usize = 256 * 1024;

/// How long they may become once their content codings are taken off.
const DECODED_BYTES: u64 = 4 * 1024 * 1024;

/// Returns how many bytes of each body a filter sees, which a
/// [`Book`](sidestream_record::Book) for it is to keep.
pub fn body_bytes(filter: Option<&Filter>) -> usize {
    if filter.is_some_and(Filter::asks_content) { BODY_BYTES } else { 0 }
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

/// Takes content codings off, as far as that goes: of a long body only the beginning is here.
fn decode(fields: &Fields, body: &[u8]) -> Option<Vec<u8>> {
    let codings = Codings::parse(fields.get_all("content-encoding").map(|value| &value[..]));
    if codings.is_empty() {
        return None;
    }
    let decoded = coding::decode(&codings, body, Limits::up_to(DECODED_BYTES));
    (!decoded.bytes.is_empty()).then_some(decoded.bytes)
}
