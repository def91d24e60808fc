//! Where text stands in bodies and messages: bits of their trigrams, in groups of columns.
//!
//! A search reads few of them, and then what they name. What they do not cover is always looked at.

mod build;
mod members;
mod search;
mod thread;

use std::io::Read;

use sidestream_coding::{self as coding, Codings, Limits};
use sidestream_flow::ExchangeId;
use sidestream_record::{Fields, Part};

use crate::{ReadError, Reader};

pub use build::{Indexed, index};
pub use search::Wanted;
pub(crate) use thread::run;

/// How many bytes of each body, as it was sent, are searched: from its beginning.
pub const TEXT_BYTES: usize = 256 * 1024;

/// How long they may become once their content codings are taken off.
const DECODED_BYTES: u64 = 4 * 1024 * 1024;

/// Takes the content codings off the beginning of a body, as far as that goes (RFC 9110 §8.4);
/// `None` if there are none.
pub fn decode(fields: &Fields, body: &[u8]) -> Option<Vec<u8>> {
    let codings = Codings::parse(fields.get_all("content-encoding").map(|value| &value[..]));
    if codings.is_empty() {
        return None;
    }
    let decoded = coding::decode(&codings, body, Limits::up_to(DECODED_BYTES));
    (!decoded.bytes.is_empty()).then_some(decoded.bytes)
}

impl Reader {
    /// Returns the beginning of a body, as it was recorded: over gaps, as whoever reads entries
    /// puts it together; `None` if it is damaged.
    fn beginning(&self, exchange: ExchangeId, part: Part) -> Option<Vec<u8>> {
        let mut beginning = Vec::new();
        let mut body = self.body(exchange, part);
        loop {
            let room = TEXT_BYTES.saturating_sub(beginning.len()) as u64;
            let Err(error) = body.by_ref().take(room).read_to_end(&mut beginning) else {
                return Some(beginning);
            };
            let error = error.get_ref().and_then(|error| error.downcast_ref::<ReadError>());
            if !matches!(error, Some(ReadError::Dropped { .. })) {
                return None;
            }
        }
    }
}
