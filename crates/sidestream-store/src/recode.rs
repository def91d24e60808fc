//! What bytes of foreign blocks come to, for whoever looks for bytes that do harm.

use bytes::Bytes;
use sidestream_flow::ExchangeId;
use sidestream_record::Event;

use crate::block::cut;
use crate::kind;
use crate::wire::{self, Context};

/// Decodes the events of a block as far as they can be, and returns with each what it is after it
/// was encoded and decoded again: the same.
#[doc(hidden)]
pub fn recode(block: &[u8]) -> Vec<(Event, Option<Event>)> {
    let entries = cut(Bytes::copy_from_slice(block)).into_iter().flatten();
    let recoded = entries.filter_map(|entry| {
        let cx = || Context {
            exchange: entry.exchange.map(ExchangeId),
            content: Bytes::from_static(b"content"),
            ..Context::default()
        };
        let event = wire::decode(kind::name(entry.kind)?, entry.payload.clone(), cx()).ok()?;
        let (kind, payload) = wire::encode(&event);
        let again = wire::decode(kind, payload.into(), cx()).ok();
        Some((event, again))
    });
    recoded.collect()
}
