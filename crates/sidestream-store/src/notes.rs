//! What is noted of flows and exchanges: read back, and added to a session that is closed.

use std::path::Path;
use std::sync::Arc;

use rusqlite::OptionalExtension;
use sidestream_flow::{ExchangeId, FlowId};
use sidestream_record::{Entry, Finished, Notes};

use crate::addition::Addition;
use crate::error::{CopyError, ReadError};
use crate::reader::Reader;
use crate::schema::Seq;
use crate::wire;

/// Adds entries to a session that is there and that nobody records to, such as what a user notes
/// of what is in it. They come behind all others; a session of an older version becomes one of
/// this version.
///
/// # Errors
///
/// When there is no such session, another process writes to it, or it cannot be written. Nothing is
/// added then.
pub fn append(path: impl AsRef<Path>, entries: &[Entry]) -> Result<(), CopyError> {
    let mut addition = Addition::to_noted(path.as_ref())?;
    addition.add(entries)?;
    addition.finish()?;
    Ok(())
}

impl Reader {
    /// Returns whether anything is noted in the session.
    ///
    /// # Errors
    ///
    /// When the storage cannot be read.
    pub fn has_notes(&self) -> Result<bool, ReadError> {
        let any = "SELECT EXISTS (SELECT 1 FROM exchange WHERE notes IS NOT NULL)
                OR EXISTS (SELECT 1 FROM flow WHERE notes IS NOT NULL)";
        Ok(self.connection().prepare_cached(any)?.query_row([], |row| row.get(0))?)
    }

    /// Returns all that is noted of an exchange, also after it had ended.
    ///
    /// # Errors
    ///
    /// When the storage cannot be read, or what stands there is damaged.
    pub fn notes_of_exchange(&self, exchange: ExchangeId) -> Result<Notes, ReadError> {
        let query = "SELECT first_seq, notes FROM exchange WHERE id = ?1 AND notes IS NOT NULL";
        self.notes(query, exchange.0)
    }

    /// Returns all that is noted of a flow itself, also after it had ended.
    ///
    /// # Errors
    ///
    /// When the storage cannot be read, or what stands there is damaged.
    pub fn notes_of_flow(&self, flow: FlowId) -> Result<Notes, ReadError> {
        let query = "SELECT first_seq, notes FROM flow WHERE id = ?1 AND notes IS NOT NULL";
        self.notes(query, flow.0)
    }

    /// Hands over all that is noted of exchanges, and of flows themselves; `None` where it is
    /// damaged.
    ///
    /// # Errors
    ///
    /// When the storage cannot be read.
    pub fn noted(
        &self,
        mut see: impl FnMut(FlowId, Option<ExchangeId>, Option<Notes>),
    ) -> Result<(), ReadError> {
        let mut statement = self.connection().prepare_cached(
            "SELECT flow, id, notes FROM exchange WHERE notes IS NOT NULL
             UNION ALL SELECT id, NULL, notes FROM flow WHERE notes IS NOT NULL",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let flow = FlowId(row.get::<_, i64>(0)?.cast_unsigned());
            let exchange = row.get::<_, Option<i64>>(1)?.map(|id| ExchangeId(id.cast_unsigned()));
            see(flow, exchange, wire::notes_from(row.get(2)?).ok());
        }
        Ok(())
    }

    /// Adds to what is finished all that was noted of it, also after it had ended.
    ///
    /// # Errors
    ///
    /// When the storage cannot be read, or what stands there is damaged.
    pub fn note(&self, finished: &mut Finished) -> Result<(), ReadError> {
        match finished {
            Finished::Exchange(_, exchange) => {
                exchange.notes = self.notes_of_exchange(exchange.id)?.into();
            }
            Finished::Flow(flow) => {
                let notes = self.notes_of_flow(flow.id)?;
                if notes != *flow.notes {
                    Arc::make_mut(flow).notes = notes.into();
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn notes(&self, query: &str, id: u64) -> Result<Notes, ReadError> {
        let found = self
            .connection()
            .prepare_cached(query)?
            .query_row([id.cast_signed()], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?))
            })
            .optional()?;
        let Some((seq, column)) = found else { return Ok(Notes::default()) };
        wire::notes_from(column).map_err(|error| ReadError::Damaged {
            seq: Seq(seq.cast_unsigned()),
            what: format!("what is noted of it: {error}"),
        })
    }
}
