//! What is noted: added up beside what it is about, in the lists.

use rusqlite::{Connection, OptionalExtension, params};
use sidestream_record::{Annotation, Notes};

use crate::row::{Row, Update};
use crate::wire;

/// What a transaction notes of one flow or exchange.
#[derive(Debug)]
pub(super) struct Noted<'a> {
    flow: i64,
    exchange: Option<i64>,
    annotation: &'a Annotation,
}

impl<'a> Noted<'a> {
    /// Returns what a row notes, if it does.
    pub(super) fn of(row: &'a Row) -> Option<Self> {
        let Update::Noted(annotation) = &row.update else { return None };
        Some(Self { flow: row.flow, exchange: row.exchange, annotation })
    }

    /// Adds it to what is noted; what it is about has its row by now, if it has one.
    pub(super) fn write(&self, to: &Connection) -> rusqlite::Result<()> {
        let (select, update, id) = match self.exchange {
            Some(exchange) => (EXCHANGE, SET_EXCHANGE, exchange),
            None => (FLOW, SET_FLOW, self.flow),
        };
        let column = to.prepare_cached(select)?.query_row([id], |row| row.get(0)).optional()?;
        let Some(column) = column else { return Ok(()) };
        let column: Option<Vec<u8>> = column;
        // What is damaged is begun anew; the entries have it all.
        let mut notes = column.and_then(|it| wire::notes_from(it).ok()).unwrap_or_default();
        notes.apply(self.annotation);
        let column = (!notes.is_empty()).then(|| wire::notes_to(&notes));
        let Notes { comment, marker, .. } = notes;
        to.prepare_cached(update)?.execute(params![id, comment, marker, column])?;
        Ok(())
    }
}

const EXCHANGE: &str = "SELECT notes FROM exchange WHERE id = ?1";
const SET_EXCHANGE: &str =
    "UPDATE exchange SET comment = ?2, marker = ?3, notes = ?4 WHERE id = ?1";
const FLOW: &str = "SELECT notes FROM flow WHERE id = ?1";
const SET_FLOW: &str = "UPDATE flow SET comment = ?2, marker = ?3, notes = ?4 WHERE id = ?1";
