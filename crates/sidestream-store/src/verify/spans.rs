//! Whether the lists say where the entries of each line stand, by which they are found.

use std::collections::HashMap;

use rusqlite::Connection;

use super::Verified;
use crate::error::ReadError;
use crate::row::{Row, Update};

/// The first and the last entry by which each line was made.
#[derive(Debug, Default)]
pub(super) struct Spans {
    flows: HashMap<i64, (i64, i64)>,
    exchanges: HashMap<i64, (i64, i64)>,
}

impl Spans {
    /// Adds an entry.
    pub(super) fn add(&mut self, seq: i64, row: &Row) {
        let line = match &row.update {
            Update::Opened(_) | Update::Closed { .. } => self.flows.entry(row.flow),
            Update::Body { content, .. } if content.len() == 0 => return,
            Update::Request { .. }
            | Update::Query { .. }
            | Update::Response { .. }
            | Update::Answered { .. }
            | Update::Status(_)
            | Update::Ended { .. }
            | Update::Body { .. } => match row.exchange {
                Some(exchange) => self.exchanges.entry(exchange),
                None => return,
            },
            _ => return,
        };
        line.or_insert((seq, seq)).1 = seq;
    }

    /// Compares the lists with it: an entry that stands outside of what they say is not found.
    pub(super) fn compare(
        self,
        connection: &Connection,
        verified: &mut Verified,
    ) -> Result<(), ReadError> {
        let lists = [
            ("flow", "SELECT id, first_seq, last_seq FROM flow", self.flows),
            ("exchange", "SELECT id, first_seq, last_seq FROM exchange", self.exchanges),
        ];
        for (list, query, spans) in lists {
            let mut statement = connection.prepare(query)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let id: i64 = row.get(0)?;
                let said: (i64, Option<i64>) = (row.get(1)?, row.get(2)?);
                let is_found = |(first, last): &(i64, i64)| {
                    said.0 <= *first && said.1.is_none_or(|said| *last <= said)
                };
                if !spans.get(&id).is_none_or(is_found) {
                    let problem = format!("the list has the entries of {list} {id} elsewhere");
                    verified.wrong(problem);
                }
            }
        }
        Ok(())
    }
}
