//! How far the bodies of exchanges have come: where the next stretch of one begins.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension};
use sidestream_record::Part;

use crate::row::{Row, Update};

/// How many open exchanges are remembered before it is started anew: at most some 1 MiB.
const KNOWN_EXCHANGES: usize = 16 * 1024;

/// How far an exchange had come before a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Before {
    /// How many bytes of its bodies went by, request and response.
    bytes: [i64; 2],
    /// Its first entry.
    first_seq: i64,
}

impl Before {
    /// Reads it from the rows of exchanges, for each of these that has one.
    pub(crate) fn read(from: &Connection, ids: &[i64]) -> rusqlite::Result<Vec<Option<Self>>> {
        let mut statement = from.prepare_cached(
            "SELECT request_bytes, response_bytes, first_seq FROM exchange WHERE id = ?1",
        )?;
        let mut read = |id: &i64| {
            let before = |row: &rusqlite::Row<'_>| {
                Ok(Self { bytes: [row.get(0)?, row.get(1)?], first_seq: row.get(2)? })
            };
            statement.query_row([id], before).optional()
        };
        ids.iter().map(&mut read).collect()
    }
}

/// How far open exchanges had come, as far as this is remembered.
#[derive(Debug, Default)]
pub(super) struct Ends(HashMap<i64, Before>);

impl Ends {
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Returns the exchanges with bodies among these rows of which it is not known how far they had
    /// come; what is larger than `newest` begins here.
    pub(super) fn unknown(&self, newest: u64, rows: &[Row]) -> Vec<i64> {
        let mut unknown = Vec::new();
        for row in rows {
            if let Update::Body { exchange, .. } = &row.update
                && exchange.0 <= newest
                && !self.0.contains_key(&exchange.0.cast_signed())
            {
                unknown.push(exchange.0.cast_signed());
            }
        }
        unknown.sort_unstable();
        unknown.dedup();
        unknown
    }

    /// Takes up how far exchanges had come, as far as they have rows.
    pub(super) fn learn(&mut self, ids: &[i64], before: &[Option<Before>]) {
        let known = ids.iter().zip(before);
        self.0.extend(known.filter_map(|(id, before)| Some((*id, (*before)?))));
    }

    /// Remembers where the bodies of open exchanges end after a transaction.
    pub(super) fn remember(&mut self, extents: Extents) {
        for extent in extents.extents {
            if extent.is_over {
                self.0.remove(&extent.id);
            } else if let Some(before) = extent.before {
                if self.0.len() >= KNOWN_EXCHANGES {
                    self.0.clear();
                }
                let bytes = [0, 1].map(|part| before.bytes[part] + extent.bytes[part]);
                self.0.insert(extent.id, Before { bytes, ..before });
            }
        }
    }
}

/// How far the exchanges come that a transaction touches.
#[derive(Debug)]
pub(super) struct Extents {
    /// The largest id of an exchange before the transaction: what is larger has not come anywhere.
    newest: u64,
    index: HashMap<i64, usize>,
    extents: Vec<Extent>,
    /// The place of the exchange of the entry before, which most often is that of the next.
    recent: usize,
}

#[derive(Debug)]
struct Extent {
    id: i64,
    /// Its first entry in the transaction.
    first_seq: i64,
    /// How far it had come before, once it is known.
    before: Option<Before>,
    bytes: [i64; 2],
    is_over: bool,
}

/// Where a stretch of a body is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// Where it begins in the body.
    pub(super) offset: u64,
    /// How many entries after the first of its exchange it comes.
    pub(super) distance: i64,
}

impl Extents {
    /// Begins a transaction before which this was the largest id.
    pub(super) fn new(newest: u64) -> Self {
        Self { newest, index: HashMap::new(), extents: Vec::new(), recent: 0 }
    }

    /// Adds an entry that is no stretch of a body.
    pub(super) fn add(&mut self, seq: i64, row: &Row) {
        if row.update.is_of_exchange()
            && let Some(extent) = self.touch(seq, row)
        {
            extent.is_over |= matches!(row.update, Update::Ended { .. });
        }
    }

    /// Adds a stretch of a body, and returns where it is. Of what `ends` knows nothing, nothing was
    /// there before.
    pub(super) fn add_body(
        &mut self,
        ends: &Ends,
        (seq, row): (i64, &Row),
        (part, len): (Part, u64),
    ) -> Place {
        let Some(extent) = self.touch(seq, row) else { return Place { offset: 0, distance: 0 } };
        let none = Before { bytes: [0; 2], first_seq: extent.first_seq };
        let before = || ends.0.get(&extent.id).copied().unwrap_or(none);
        let before = *extent.before.get_or_insert_with(before);
        let part = usize::from(part == Part::Response);
        let offset = before.bytes[part] + extent.bytes[part];
        extent.bytes[part] += len.cast_signed();
        let distance = seq.saturating_sub(before.first_seq);
        Place { offset: offset.cast_unsigned(), distance }
    }

    fn touch(&mut self, seq: i64, row: &Row) -> Option<&mut Extent> {
        let id = row.exchange?;
        if self.extents.get(self.recent).is_none_or(|extent| extent.id != id) {
            self.recent = *self.index.entry(id).or_insert_with(|| {
                let is_new = id.cast_unsigned() > self.newest;
                let before = is_new.then_some(Before { bytes: [0; 2], first_seq: seq });
                let (bytes, is_over) = ([0; 2], false);
                self.extents.push(Extent { id, first_seq: seq, before, bytes, is_over });
                self.extents.len() - 1
            });
        }
        self.extents.get_mut(self.recent)
    }
}
