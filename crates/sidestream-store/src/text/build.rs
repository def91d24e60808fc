//! Makes the groups of what was recorded.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use sidestream_filter::{Row, Subject};
use sidestream_flow::FlowId;
use sidestream_record::{Alteration, Book, Change, Event, Exchange, Finished, Part};
use sidestream_search::{Column, Group, PAGES, Page};

use super::decode;
use super::members::{Member, Members};
use crate::error::{CopyError, CreateError, ReadError};
use crate::lock::Lock;
use crate::pack::Packer;
use crate::session::connect;
use crate::{Reader, Seq};

/// How many exchanges and flows stand in a column at most: so many are looked at together.
const MEMBERS: usize = 128;

/// How much text does.
const COLUMN_BYTES: usize = 512 * 1024;

/// How many entries back the flows are looked for that are still open: what is older counts as not
/// seen.
const BACK: i64 = 100_000;

/// How many alterations an exchange tells of: there may have been more.
const ALTERATIONS: usize = 100;

/// What was indexed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Indexed {
    /// How many entries were read.
    pub entries: u64,
    /// How many bytes of text were found in them.
    pub text_bytes: u64,
}

/// Notes where text stands in a session, so that a search need not read it all.
///
/// # Errors
///
/// When it is being recorded to, is damaged, or cannot be written.
pub fn index(path: impl AsRef<Path>) -> Result<Indexed, CopyError> {
    let path = path.as_ref();
    let io = |source| CreateError::Io { path: path.to_owned(), source };
    let path = std::path::absolute(path).map_err(io)?;
    let _lock = Lock::take(&path).map_err(CopyError::from)?;
    // Whoever names no session gets no new one.
    drop(Reader::open(&path)?);
    let connection = connect(&path)?;
    forget_short(&connection).map_err(CopyError::write)?;
    let mut builder = Builder::new(Reader::open(&path)?)?;
    builder.read(&connection, &mut || true)?;
    builder.write(&connection)?;
    let indexed = builder.indexed;
    drop(builder);
    // One file again, unless somebody reads it.
    drop(connection.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(())));
    Ok(indexed)
}

/// Takes the last group out if there is room in it, so that it is made anew.
fn forget_short(connection: &Connection) -> rusqlite::Result<()> {
    let last: Option<(i64, i64, Vec<u8>)> = connection
        .query_row("SELECT id, last, members FROM text_group ORDER BY id DESC LIMIT 1", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?;
    let Some((id, last, members)) = last else { return Ok(()) };
    let columns = Members::from_bytes(&members, last).map_or(0, |members| members.columns.len());
    if columns >= sidestream_search::GROUP_COLUMNS {
        return Ok(());
    }
    let pages = PAGES as i64;
    let first = id.saturating_mul(pages);
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let removed = connection
        .execute("DELETE FROM text_group WHERE id = ?1", [id])
        .and_then(|_| {
            connection.execute(
                "DELETE FROM text_page WHERE id BETWEEN ?1 AND ?2",
                params![first, first.saturating_add(pages - 1)],
            )
        })
        .and_then(|_| connection.execute_batch("COMMIT"));
    if removed.is_err() {
        drop(connection.execute_batch("ROLLBACK"));
    }
    removed
}

/// Reads entries and makes groups of them.
#[derive(Debug)]
pub(super) struct Builder {
    reader: Reader,
    book: Book,
    /// The entries at which the flows were opened that are open.
    open: HashMap<FlowId, i64>,
    /// Up to which entry everything is in a group.
    covered: i64,
    /// The entry that was read last.
    at: i64,
    filling: Filling,
    unseen: BTreeSet<u64>,
    packer: Packer,
    indexed: Indexed,
}

/// The group, and the column, that are being filled.
#[derive(Debug, Default)]
struct Filling {
    group: Group,
    columns: Vec<Member>,
    column: Column,
    bytes: usize,
    exchanges: BTreeSet<u64>,
    flows: BTreeSet<u64>,
}

impl Builder {
    /// Goes on where the last group ended.
    pub(super) fn new(reader: Reader) -> Result<Self, ReadError> {
        let last: Option<(i64, i64)> = reader
            .connection()
            .query_row("SELECT last, resume FROM text_group ORDER BY id DESC LIMIT 1", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()?;
        let (covered, resume) = last.unwrap_or_default();
        Ok(Self {
            reader,
            book: Book::keeping(0),
            open: HashMap::new(),
            covered,
            at: resume.clamp(0, covered.max(0)),
            filling: Filling::default(),
            unseen: BTreeSet::new(),
            packer: Packer::new(),
            indexed: Indexed::default(),
        })
    }

    /// Returns how many entries there are to be read.
    pub(super) fn waiting(&self) -> Result<i64, ReadError> {
        let newest = self.reader.last()?.map_or(0, |seq| seq.0.cast_signed());
        Ok(newest.saturating_sub(self.at))
    }

    /// Reads on, and writes what groups come of it, until there is no more or `go_on` says to stop.
    pub(super) fn read(
        &mut self,
        to: &Connection,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<(), CopyError> {
        while self.read_group(go_on)? {
            self.write(to)?;
        }
        Ok(())
    }

    /// Reads until there is a group to be written, and returns whether there is.
    fn read_group(&mut self, go_on: &mut dyn FnMut() -> bool) -> Result<bool, ReadError> {
        let Self { reader, book, open, covered, at, filling, unseen, indexed, .. } = self;
        let mut entries = reader.without_bodies(Seq(at.cast_unsigned().saturating_add(1))..);
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let seq = entries.seq().map_or(*at, |seq| seq.0.cast_signed());
            let flow = entry.flow;
            match entry.event {
                Event::Opened(_) => _ = open.insert(flow, seq),
                _ if !open.contains_key(&flow) => _ = unseen.insert(flow.0),
                Event::Closed(_) => _ = open.remove(&flow),
                _ => {}
            }
            for mut finished in book.apply(&entry) {
                // What was before the end of the last group is in it.
                if seq <= *covered {
                    continue;
                }
                match filling.add(reader, &mut finished)? {
                    Some(bytes) => indexed.text_bytes += bytes,
                    None => _ = unseen.insert(flow.0),
                }
            }
            *at = seq;
            indexed.entries += 1;
            if filling.group.is_full() {
                return Ok(true);
            }
            if !go_on() {
                break;
            }
        }
        Ok(false)
    }

    /// Writes the group, with the column that is being filled.
    pub(super) fn write(&mut self, to: &Connection) -> Result<(), CopyError> {
        if self.at <= self.covered {
            return Ok(());
        }
        let mut filling = std::mem::take(&mut self.filling);
        if !filling.is_empty() {
            filling.end_column();
        }
        let opened = self.open.values().copied().min().unwrap_or(i64::MAX);
        let back = self.at.saturating_sub(BACK).max(0);
        let resume = opened.saturating_sub(1).clamp(back, self.at);
        let unseen_flows = std::mem::take(&mut self.unseen).into_iter().collect();
        let pages = filling.group.into_pages();
        let members = Members::new(filling.columns, unseen_flows, self.at, &pages);
        self.write_group(to, &members, &pages, resume).map_err(CopyError::write)?;
        self.covered = self.at;
        Ok(())
    }

    fn write_group(
        &mut self,
        to: &Connection,
        members: &Members,
        pages: &[Page],
        resume: i64,
    ) -> rusqlite::Result<()> {
        let transaction = Transaction::new_unchecked(to, TransactionBehavior::Immediate)?;
        transaction.execute(
            "INSERT INTO text_group (last, resume, members) VALUES (?1, ?2, ?3)",
            params![self.at, resume, members.to_bytes(&mut self.packer)],
        )?;
        let first = transaction.last_insert_rowid().saturating_mul(PAGES as i64);
        for (page, id) in pages.iter().zip(first..) {
            if !page.0.is_empty() {
                transaction
                    .prepare_cached("INSERT INTO text_page (id, size, data) VALUES (?1, ?2, ?3)")?
                    .execute(params![id, page.0.len() as i64, self.packer.pack(&page.0)])?;
            }
        }
        transaction.commit()
    }
}

impl Filling {
    fn is_empty(&self) -> bool {
        self.exchanges.is_empty() && self.flows.is_empty()
    }

    fn is_full(&self) -> bool {
        self.column.is_full()
            || self.bytes >= COLUMN_BYTES
            || self.exchanges.len() + self.flows.len() >= MEMBERS
    }

    /// Adds the content of what is finished, as a filter sees it, and returns how much it is;
    /// `None` if that cannot be told.
    fn add(&mut self, reader: &Reader, finished: &mut Finished) -> Result<Option<u64>, ReadError> {
        match finished {
            Finished::Exchange(_, exchange) => {
                if !fetch(reader, exchange)? {
                    return Ok(None);
                }
                self.exchanges.insert(exchange.id.0);
            }
            Finished::Message(flow, _) => _ = self.flows.insert(flow.id.0),
            Finished::WebSocket { message, .. } => _ = self.exchanges.insert(message.exchange.0),
            _ => return Ok(Some(0)),
        }
        let Some(row) = Row::of(finished) else { return Ok(None) };
        let row = row.decoding(&decode);
        let mut added = 0;
        for content in [Part::Request, Part::Response].into_iter().filter_map(|it| row.content(it))
        {
            self.column.add(&content);
            added += content.len();
        }
        self.bytes += added;
        if self.is_full() {
            self.end_column();
        }
        Ok(Some(added as u64))
    }

    fn end_column(&mut self) {
        self.group.push(&std::mem::take(&mut self.column));
        self.bytes = 0;
        let [exchanges, flows] = [&mut self.exchanges, &mut self.flows];
        self.columns.push(Member::new(std::mem::take(exchanges), std::mem::take(flows)));
    }
}

/// Gets the bodies of an exchange, and returns whether they are what a filter sees of it.
fn fetch(reader: &Reader, exchange: &mut Exchange) -> Result<bool, ReadError> {
    let is_answer = |alteration: &Alteration| match alteration {
        Alteration::Edited(edit) => matches!(edit.change, Change::Answered { .. }),
        _ => false,
    };
    // What stands in the place of a response is in no body.
    if exchange.alterations.len() >= ALTERATIONS || exchange.alterations.iter().any(is_answer) {
        return Ok(false);
    }
    let bytes: Option<[i64; 2]> = reader
        .connection()
        .prepare_cached("SELECT request_bytes, response_bytes FROM exchange WHERE id = ?1")?
        .query_row([exchange.id.0.cast_signed()], |row| Ok([row.get(0)?, row.get(1)?]))
        .optional()?;
    let Some([request, response]) = bytes else { return Ok(false) };
    if request != 0 {
        let Some(beginning) = reader.beginning(exchange.id, Part::Request) else {
            return Ok(false);
        };
        exchange.request_body.beginning = beginning;
    }
    if response != 0 {
        let Some(beginning) = reader.beginning(exchange.id, Part::Response) else {
            return Ok(false);
        };
        exchange.response_body.beginning = beginning;
    }
    Ok(true)
}
