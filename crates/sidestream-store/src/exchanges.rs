//! Where single exchanges stand.

use std::ops::RangeInclusive;

use rusqlite::OptionalExtension;
use sidestream_flow::{ExchangeId, FlowId};

use crate::error::ReadError;
use crate::list::Span;
use crate::reader::Reader;
use crate::schema::Seq;

impl Reader {
    /// Returns the exchanges whose numbers are in that range, each with its flow.
    ///
    /// # Errors
    ///
    /// When the storage cannot be read.
    pub fn exchanges_among(
        &self,
        numbers: &RangeInclusive<u64>,
    ) -> Result<Vec<(FlowId, ExchangeId)>, ReadError> {
        let bound = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let mut statement = self.connection().prepare_cached(
            "SELECT flow, id FROM exchange WHERE id BETWEEN ?1 AND ?2 ORDER BY id",
        )?;
        let found =
            statement.query_map([bound(*numbers.start()), bound(*numbers.end())], |row| {
                let number = |index| row.get::<_, i64>(index).map(i64::cast_unsigned);
                Ok((FlowId(number(0)?), ExchangeId(number(1)?)))
            })?;
        Ok(found.collect::<rusqlite::Result<_>>()?)
    }

    /// Returns the entries among which all are of an exchange, of its flow from its beginning on,
    /// and of the WebSocket that it opened; `None` if there is no such exchange.
    ///
    /// # Errors
    ///
    /// When the storage cannot be read.
    pub fn span_of_exchange(&self, exchange: ExchangeId) -> Result<Option<Span>, ReadError> {
        // What switched to another protocol goes on until its flow ends, as does what has no end.
        let query = "SELECT min(flow.first_seq, exchange.first_seq),
                iif(exchange.ended IS NULL OR exchange.status IS 101,
                    flow.last_seq, exchange.last_seq)
             FROM exchange JOIN flow ON flow.id = exchange.flow WHERE exchange.id = ?1";
        let seq = |seq: i64| Seq(seq.cast_unsigned());
        let span = |row: &rusqlite::Row<'_>| {
            Ok(Span { first: seq(row.get(0)?), last: row.get::<_, Option<i64>>(1)?.map(seq) })
        };
        let mut statement = self.connection().prepare_cached(query)?;
        Ok(statement.query_row([exchange.0.cast_signed()], span).optional()?)
    }
}
