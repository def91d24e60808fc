//! The lists of a session row by row, and which rows new entries are about: for who keeps them.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;
use std::time::SystemTime;

use rusqlite::{Params, Row, Statement, Transaction};
use sidestream_flow::{ExchangeId, FlowId, Process};
use sidestream_record::Entry;

use crate::kind;
use crate::process::ProcessError;
use crate::reader::Entries;
use crate::rows::{
    self, EXCHANGES, ExchangeRow, FLOWS, FlowColumn, FlowRow, PROCESSES, ProcessId, ProcessRow,
    exchange, flow, id, process,
};
use crate::wire;
use crate::{OpenError, ReadError, Reader, Seq};

/// What entries are about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Touched {
    /// The last of the entries; that from which was looked, if there are no more.
    pub last: Seq,
    /// When that happened; `None` if there are no more.
    pub at: Option<SystemTime>,
    /// The flows that they tell of, exchanges apart.
    pub flows: BTreeSet<FlowId>,
    /// The exchanges that they tell of.
    pub exchanges: BTreeSet<(FlowId, ExchangeId)>,
    /// The exchanges, and flows themselves, of which they note something.
    pub noted: BTreeSet<(FlowId, Option<ExchangeId>)>,
    /// Those that are damaged, and how. Whatever they may tell of is among the above.
    pub damaged: Vec<(Seq, String)>,
}

impl Reader {
    /// Returns a number that is another one as soon as something was committed since, which costs
    /// some microseconds to ask.
    ///
    /// # Errors
    ///
    /// When the storage cannot be read.
    pub fn revision(&self) -> Result<u64, ReadError> {
        let mut statement = self.connection().prepare_cached("PRAGMA data_version")?;
        Ok(statement.query_row([], |row| row.get::<_, i64>(0))?.cast_unsigned())
    }

    /// Lets all that is read until the returned guard is dropped be of one moment.
    ///
    /// # Errors
    ///
    /// When the storage cannot be read.
    pub fn moment(&self) -> Result<Moment<'_>, ReadError> {
        Ok(Moment { _transaction: self.connection().unchecked_transaction()? })
    }

    /// Hands over the rows of the exchanges with these ids, in the order of the storage, in which
    /// the largest half of all ids comes first.
    ///
    /// # Errors
    ///
    /// When the storage cannot be read.
    pub fn exchange_rows(
        &self,
        ids: impl RangeBounds<ExchangeId>,
        mut see: impl FnMut(ExchangeRow<'_>),
    ) -> Result<(), ReadError> {
        let query = format!("{EXCHANGES} WHERE id >= ?1 AND id <= ?2 ORDER BY id");
        let mut statement = self.connection().prepare(&query)?;
        let first = match ids.start_bound() {
            Bound::Included(id) => id.0.cast_signed(),
            Bound::Excluded(id) => id.0.cast_signed().saturating_add(1),
            Bound::Unbounded => i64::MIN,
        };
        let last = match ids.end_bound() {
            Bound::Included(id) => id.0.cast_signed(),
            Bound::Excluded(id) => id.0.cast_signed().saturating_sub(1),
            Bound::Unbounded => i64::MAX,
        };
        each(&mut statement, [first, last], |row| exchange(row).map(&mut see))
    }

    /// Returns an id that some half of the exchanges are below, as far as that can be had at no
    /// cost.
    ///
    /// # Errors
    ///
    /// When the storage cannot be read.
    pub fn middle_exchange(&self) -> Result<ExchangeId, ReadError> {
        let query = "SELECT coalesce((SELECT min(id) FROM exchange), 0),
                            coalesce((SELECT max(id) FROM exchange), 0)";
        let ends = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?));
        let (first, last) = self.connection().query_row(query, [], ends)?;
        Ok(ExchangeId((first / 2 + last / 2).cast_unsigned()))
    }

    /// Opens the same session once more, to read in another thread.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn again(&self) -> Result<Self, OpenError> {
        Self::open(self.connection().path().unwrap_or_default())
    }

    /// Hands over the ids of all exchanges, in order.
    ///
    /// # Errors
    ///
    /// When the storage cannot be read.
    pub fn exchange_ids(&self, mut see: impl FnMut(ExchangeId)) -> Result<(), ReadError> {
        let mut statement = self.connection().prepare("SELECT id FROM exchange ORDER BY id")?;
        each(&mut statement, [], |row| id(row).map(ExchangeId).map(&mut see))
    }

    /// Hands over the ids of all flows, in order.
    ///
    /// # Errors
    ///
    /// When the storage cannot be read.
    pub fn flow_ids(&self, mut see: impl FnMut(FlowId)) -> Result<(), ReadError> {
        let mut statement = self.connection().prepare("SELECT id FROM flow ORDER BY id")?;
        each(&mut statement, [], |row| id(row).map(FlowId).map(&mut see))
    }

    /// Hands over the row of an exchange, if there is one.
    ///
    /// # Errors
    ///
    /// When the storage cannot be read.
    pub fn exchange_row(
        &self,
        id: ExchangeId,
        mut see: impl FnMut(ExchangeRow<'_>),
    ) -> Result<(), ReadError> {
        let query = format!("{EXCHANGES} WHERE id = ?1");
        let mut statement = self.connection().prepare_cached(&query)?;
        each(&mut statement, [id.0.cast_signed()], |row| exchange(row).map(&mut see))
    }

    /// Hands over the rows of all flows, by their ids.
    ///
    /// # Errors
    ///
    /// When the storage cannot be read.
    pub fn flow_rows(&self, mut see: impl FnMut(FlowRow<'_>)) -> Result<(), ReadError> {
        let mut statement = self.connection().prepare(&format!("{FLOWS} ORDER BY id"))?;
        each(&mut statement, [], |row| flow(row).map(&mut see))
    }

    /// Hands over the row of a flow, if there is one.
    ///
    /// # Errors
    ///
    /// When the storage cannot be read.
    pub fn flow_row(&self, id: FlowId, mut see: impl FnMut(FlowRow<'_>)) -> Result<(), ReadError> {
        let query = format!("{FLOWS} WHERE id = ?1");
        let mut statement = self.connection().prepare_cached(&query)?;
        each(&mut statement, [id.0.cast_signed()], |row| flow(row).map(&mut see))
    }

    /// Hands over texts of all flows, by their ids, or of that one, with the entry up to which they
    /// may have been others, if the row tells that. They come in the order in which they are asked
    /// for; `None` is one that the row does not tell, or has not.
    ///
    /// Texts of which there may be several have each on a line. Where U+FFFD stands in one, the
    /// entries have to tell as well.
    ///
    /// # Errors
    ///
    /// When the storage cannot be read.
    pub fn flow_texts<const N: usize>(
        &self,
        of: Option<FlowId>,
        columns: [FlowColumn; N],
        mut see: impl FnMut(FlowId, Option<Seq>, [Option<&str>; N]),
    ) -> Result<(), ReadError> {
        let names = columns.map(FlowColumn::name).join(", ");
        let which = if of.is_some() { "WHERE id = ?1" } else { "WHERE ?1 IS NULL ORDER BY id" };
        let query = format!("SELECT id, told_seq, {names} FROM flow {which}");
        let mut statement = self.connection().prepare_cached(&query)?;
        each(&mut statement, [of.map(|id| id.0.cast_signed())], |row| {
            let mut texts = [None; N];
            for (index, text) in texts.iter_mut().enumerate() {
                *text = rows::text(row, index + 2)?;
            }
            let told: Option<i64> = row.get(1)?;
            see(FlowId(id(row)?), told.map(|seq| Seq(seq.cast_unsigned())), texts);
            Ok(())
        })
    }

    /// Hands over the rows of the processes that were written after that one, or all, by their ids.
    ///
    /// # Errors
    ///
    /// When the storage cannot be read.
    pub fn process_rows(
        &self,
        after: Option<ProcessId>,
        mut see: impl FnMut(ProcessRow<'_>),
    ) -> Result<(), ReadError> {
        let query = format!("{PROCESSES} WHERE id > ?1 ORDER BY id");
        let mut statement = self.connection().prepare_cached(&query)?;
        let after = after.map_or(i64::MIN, |id| id.0.cast_signed());
        each(&mut statement, [after], |row| process(row).map(&mut see))
    }

    /// Returns a process with its parents; `None` if there is none, or it is damaged.
    ///
    /// # Errors
    ///
    /// When the storage cannot be read.
    pub fn process(&self, id: ProcessId) -> Result<Option<Arc<Process>>, ReadError> {
        match self.processes().read(self.connection(), id.0.cast_signed()) {
            Ok(process) => Ok(Some(process)),
            Err(ProcessError::Decode(_)) => Ok(None),
            Err(ProcessError::Storage(error)) => Err(error.into()),
        }
    }

    /// Returns a number that is another one when something of the oldest was taken out, as by
    /// retention: of the first block, or of the thousand oldest exchanges or flows.
    ///
    /// # Errors
    ///
    /// When the storage cannot be read.
    pub fn oldest(&self) -> Result<u64, ReadError> {
        let mut statement = self.connection().prepare_cached(
            "SELECT min(first) FROM block
             UNION ALL SELECT * FROM (SELECT id FROM exchange ORDER BY id LIMIT 1000)
             UNION ALL SELECT * FROM (SELECT id FROM flow ORDER BY id LIMIT 1000)",
        )?;
        let mut sum = 0_u64;
        each(&mut statement, [], |row| {
            let id = row.get::<_, Option<i64>>(0)?.unwrap_or_default().cast_unsigned();
            sum = sum.rotate_left(7) ^ id.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            Ok(())
        })?;
        Ok(sum)
    }

    /// Iterates over those entries of a range for whose flow, and exchange if they are of one,
    /// `wanted` says so. What the others hold is not even decoded.
    pub fn entries_of<W: Fn(FlowId, Option<ExchangeId>) -> bool>(
        &self,
        range: impl RangeBounds<Seq>,
        wanted: W,
    ) -> WantedEntries<'_, W> {
        WantedEntries { entries: self.entries(range), wanted }
    }

    /// Returns what the entries after that one are about: of whole blocks, until there are so many.
    ///
    /// A row of the lists changes only by entries that name it. Where some are damaged, all rows
    /// count that have entries before and behind them, or anything noted.
    ///
    /// # Errors
    ///
    /// When the storage cannot be read.
    pub fn touched(&self, after: Seq, most: usize) -> Result<Touched, ReadError> {
        let (mut flows, mut exchanges) = (BTreeSet::new(), BTreeSet::new());
        let (mut noted, mut damaged) = (BTreeSet::new(), Vec::new());
        let (mut last, mut at, mut seen) = (after, None, 0);
        let mut entries = self.entries(Seq(after.0.saturating_add(1))..);
        while let Some(stored) = entries.stored()? {
            last = Seq(stored.seq.cast_unsigned());
            seen += 1;
            match stored.entry {
                Ok(entry) => {
                    at = Some(wire::time(stored.at.wrapping_add(entry.at)));
                    let flow = FlowId(entry.flow);
                    if kind::name(entry.kind) == Some("annotated") {
                        noted.insert((flow, entry.exchange.map(ExchangeId)));
                    }
                    match entry.exchange {
                        Some(exchange) => exchanges.insert((flow, ExchangeId(exchange))),
                        None => flows.insert(flow),
                    };
                }
                Err(error) => damaged.push((last, error.to_string())),
            }
            if seen >= most && entries.is_between_blocks() {
                break;
            }
        }
        let mut touched = Touched { last, at, flows, exchanges, noted, damaged };
        self.touch_around(&mut touched)?;
        Ok(touched)
    }

    /// Adds what the lists have of the time of damaged entries.
    fn touch_around(&self, touched: &mut Touched) -> Result<(), ReadError> {
        let Touched { flows, exchanges, noted, damaged, .. } = touched;
        let ([(first, _), ..], [.., (last, _)]) = (&damaged[..], &damaged[..]) else {
            return Ok(());
        };
        let around = [first.0.cast_signed(), last.0.cast_signed()];
        let query = "SELECT flow, id FROM exchange WHERE last_seq >= ?1 AND first_seq <= ?2
                     UNION ALL SELECT id, NULL FROM flow
                     WHERE ifnull(last_seq >= ?1, 1) AND first_seq <= ?2";
        let mut statement = self.connection().prepare(query)?;
        each(&mut statement, around, |row| {
            let flow = FlowId(id(row)?);
            match row.get::<_, Option<i64>>(1)? {
                Some(exchange) => {
                    exchanges.insert((flow, ExchangeId(exchange.cast_unsigned())));
                }
                None => _ = flows.insert(flow),
            }
            Ok(())
        })?;
        self.noted(|flow, exchange, _| _ = noted.insert((flow, exchange)))
    }

    /// Hands over which entries are damaged, without the content that stands elsewhere, if all
    /// that are there take no more than so many bytes on the disk. Returns whether that is so:
    /// else nothing is read.
    ///
    /// # Errors
    ///
    /// When the storage cannot be read.
    pub fn check_entries(
        &self,
        most_bytes: u64,
        mut see: impl FnMut(ReadError),
    ) -> Result<bool, ReadError> {
        let query = "SELECT coalesce(sum(length(payload)), 0) FROM block";
        let bytes: i64 = self.connection().query_row(query, [], |row| row.get(0))?;
        if bytes.cast_unsigned() > most_bytes {
            return Ok(false);
        }
        let mut entries = self.entries(..);
        while let Some(stored) = entries.stored()? {
            if let Err(error) = stored.entry {
                let seq = Seq(stored.seq.cast_unsigned());
                see(ReadError::Damaged { seq, what: error.to_string() });
            }
        }
        Ok(true)
    }
}

/// Iterates over entries of a session that are wanted.
///
/// After a damaged entry it goes on with the next; after an error of the storage it ends.
pub struct WantedEntries<'a, W> {
    entries: Entries<'a>,
    wanted: W,
}

impl<W> fmt::Debug for WantedEntries<'_, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WantedEntries").field("entries", &self.entries).finish_non_exhaustive()
    }
}

impl<W> WantedEntries<'_, W> {
    /// Returns the number of the entry that came last, or was left out, after which a later look
    /// can go on.
    pub const fn seq(&self) -> Option<Seq> {
        self.entries.seq()
    }
}

impl<W: Fn(FlowId, Option<ExchangeId>) -> bool> Iterator for WantedEntries<'_, W> {
    type Item = Result<Entry, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.entries.next_of(&self.wanted)
    }
}

/// As long as it lives, a [`Reader`] sees one moment of its session.
///
/// A recording goes on meanwhile, but what it writes takes room that is given back only later.
#[derive(Debug)]
pub struct Moment<'a> {
    _transaction: Transaction<'a>,
}

fn each(
    statement: &mut Statement<'_>,
    parameters: impl Params,
    mut see: impl FnMut(&Row<'_>) -> rusqlite::Result<()>,
) -> Result<(), ReadError> {
    let mut rows = statement.query(parameters)?;
    while let Some(row) = rows.next()? {
        see(row)?;
    }
    Ok(())
}
