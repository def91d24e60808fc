//! A session read back, also while it is being written.

use std::fs;
use std::ops::{Bound, RangeBounds};
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use sidestream_flow::{ExchangeId, FlowId};
use sidestream_record::{Entry, Part};

use crate::body::BodyReader;
use crate::error::{OpenError, ReadError};
use crate::process::{ProcessError, Processes};
use crate::schema::{self, Refusal, SchemaVersion, Seq};
use crate::wire::{self, Context, DecodeError};

/// How many entries are fetched at once, without their content.
const PAGE: usize = 128;

/// A session, open for reading.
///
/// It sees what was committed, also what is committed after it was opened.
#[derive(Debug)]
pub struct Reader {
    connection: Connection,
    version: SchemaVersion,
    processes: Processes,
}

/// What is in a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Contents {
    /// How many entries.
    pub entries: u64,
    /// How many flows.
    pub flows: u64,
    /// How many exchanges.
    pub exchanges: u64,
    /// How many bytes of content went by and were not recorded.
    pub dropped_bytes: u64,
    /// How many entries are missing because the recorder could not keep up.
    pub lost_entries: u64,
    /// Whether every recording was closed. Else one was killed, or is under way.
    pub closed: bool,
}

impl Reader {
    /// Opens a session.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, is something else, is damaged, or was written in a version
    /// that is not known here. The message says what to do.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let path = path.as_ref();
        let refused = |refusal| refused(path, refusal);
        let metadata =
            fs::metadata(path).map_err(|source| OpenError::Io { path: path.to_owned(), source })?;
        if !metadata.is_file() || metadata.len() == 0 {
            return Err(OpenError::NotASession { path: path.to_owned() });
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connect = || -> Result<Connection, Refusal> {
            let connection = Connection::open_with_flags(path, flags)?;
            connection.busy_timeout(Duration::from_secs(5))?;
            Ok(connection)
        };
        let connection = connect().map_err(refused)?;
        let version = schema::recognize(&connection).map_err(refused)?;
        if schema::is_cut(&connection, path).map_err(refused)? {
            return Err(refused(Refusal::Corrupt("the file ends too early".into())));
        }
        Ok(Self { connection, version, processes: Processes::default() })
    }

    /// Returns the version in which the session is written.
    pub const fn version(&self) -> SchemaVersion {
        self.version
    }

    /// Returns the newest entry's number, by which a reader of a live session sees that there is
    /// more.
    ///
    /// # Errors
    ///
    /// When the storage cannot be read.
    pub fn last(&self) -> Result<Option<Seq>, ReadError> {
        let last: Option<i64> = self
            .connection
            .prepare_cached("SELECT max(seq) FROM entry")?
            .query_row([], |row| row.get(0))?;
        Ok(last.map(|seq| Seq(seq.cast_unsigned())))
    }

    /// Iterates over entries in the order in which they were recorded.
    ///
    /// It holds one page of entries and the content of one. A stretch of content that was dropped
    /// comes as an event that tells how much it was. An entry of a kind that only a newer version knows is passed over and counted.
    pub fn entries(&self, range: impl RangeBounds<Seq>) -> Entries<'_> {
        let first = match range.start_bound() {
            Bound::Included(seq) => seq.0,
            Bound::Excluded(seq) => seq.0.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let last = match range.end_bound() {
            Bound::Included(seq) => Some(seq.0),
            Bound::Excluded(seq) => seq.0.checked_sub(1),
            Bound::Unbounded => Some(u64::MAX),
        };
        Entries {
            reader: self,
            next: i64::try_from(first).unwrap_or(i64::MAX),
            last: last.map_or(-1, |last| i64::try_from(last).unwrap_or(i64::MAX)),
            page: Vec::new().into_iter(),
            seq: None,
            skipped: 0,
            ended: false,
        }
    }

    /// Returns a body as a stream, of which it holds one stretch at a time.
    ///
    /// The body of an exchange that is not there, or had none, is empty.
    pub const fn body(&self, exchange: ExchangeId, part: Part) -> BodyReader<'_> {
        BodyReader::new(&self.connection, exchange, part)
    }

    /// Returns how many bytes of a body went by and were not recorded.
    ///
    /// # Errors
    ///
    /// When the storage cannot be read.
    pub fn dropped_bytes(&self, exchange: ExchangeId, part: Part) -> Result<u64, ReadError> {
        let column = match part {
            Part::Request => "SELECT request_dropped FROM exchange WHERE id = ?1",
            Part::Response => "SELECT response_dropped FROM exchange WHERE id = ?1",
        };
        let dropped: Option<i64> = self
            .connection
            .prepare_cached(column)?
            .query_row([exchange.0.cast_signed()], |row| row.get(0))
            .optional()?;
        Ok(dropped.unwrap_or_default().cast_unsigned())
    }

    /// Counts what is in the session.
    ///
    /// # Errors
    ///
    /// When the storage cannot be read.
    pub fn contents(&self) -> Result<Contents, ReadError> {
        let contents = self.connection.query_row(
            "SELECT (SELECT count(*) FROM entry),
                    (SELECT count(*) FROM flow),
                    (SELECT count(*) FROM exchange),
                    (SELECT coalesce(sum(request_dropped + response_dropped), 0) FROM exchange)
                  + (SELECT coalesce(sum(dropped), 0) FROM content),
                    (SELECT coalesce(sum(lost), 0) FROM recording),
                    NOT EXISTS (SELECT 1 FROM recording WHERE ended IS NULL)",
            [],
            |row| {
                let number = |index| row.get::<_, i64>(index).map(i64::cast_unsigned);
                Ok(Contents {
                    entries: number(0)?,
                    flows: number(1)?,
                    exchanges: number(2)?,
                    dropped_bytes: number(3)?,
                    lost_entries: number(4)?,
                    closed: row.get(5)?,
                })
            },
        )?;
        Ok(contents)
    }

    fn page(&self, first: i64, last: i64) -> rusqlite::Result<Vec<Stored>> {
        let stored = |row: &rusqlite::Row<'_>| {
            Ok(Stored {
                seq: row.get(0)?,
                at: row.get(1)?,
                flow: row.get(2)?,
                exchange: row.get(3)?,
                kind: row.get(4)?,
                payload: row.get::<_, Vec<u8>>(5)?.into(),
            })
        };
        self.connection
            .prepare_cached(
                "SELECT seq, at, flow, exchange, kind, payload FROM entry
                 WHERE seq BETWEEN ?1 AND ?2 ORDER BY seq LIMIT ?3",
            )?
            .query_map(params![first, last, PAGE as i64], stored)?
            .collect()
    }

    /// Returns the content of an entry, or how much of it was dropped.
    fn content(&self, query: &str, seq: i64) -> rusqlite::Result<(Bytes, Option<u64>)> {
        let found: Option<(Option<Vec<u8>>, i64)> = self
            .connection
            .prepare_cached(query)?
            .query_row([seq], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        Ok(match found {
            Some((None, dropped)) => (Bytes::new(), Some(dropped.cast_unsigned())),
            Some((Some(data), _)) => (data.into(), None),
            None => (Bytes::new(), None),
        })
    }

    fn decode(&self, stored: Stored) -> Result<Entry, ProcessError> {
        let mut cx = Context {
            exchange: stored.exchange.map(|id| ExchangeId(id.cast_unsigned())),
            ..Context::default()
        };
        match &*stored.kind {
            "opened" => cx.process = self.processes.of_flow(&self.connection, stored.flow)?,
            "body" => {
                let query = "SELECT data, dropped FROM body WHERE seq = ?1";
                (cx.content, cx.dropped) = self.content(query, stored.seq)?;
            }
            "data" => {
                let query = "SELECT data, dropped FROM content WHERE seq = ?1";
                (cx.content, cx.dropped) = self.content(query, stored.seq)?;
            }
            _ => {}
        }
        let event = wire::decode(&stored.kind, stored.payload, cx)?;
        let flow = FlowId(stored.flow.cast_unsigned());
        Ok(Entry { at: wire::time(stored.at), flow, event })
    }
}

fn refused(path: &Path, refusal: Refusal) -> OpenError {
    let path = path.to_owned();
    match refusal {
        Refusal::NotASession => OpenError::NotASession { path },
        Refusal::Version(found) if found > SchemaVersion::CURRENT => {
            OpenError::NewerVersion { path, found }
        }
        Refusal::Version(found) => OpenError::OlderVersion { path, found },
        Refusal::Corrupt(what) => OpenError::Corrupt { path, what },
        Refusal::Storage(source) => OpenError::Storage { path, source: source.into() },
    }
}

/// A row of the table of entries.
#[derive(Debug)]
struct Stored {
    seq: i64,
    at: i64,
    flow: i64,
    exchange: Option<i64>,
    kind: String,
    payload: Bytes,
}

/// Iterates over entries of a session.
///
/// After a damaged entry it goes on with the next; after an error of the storage it ends.
#[derive(Debug)]
pub struct Entries<'a> {
    reader: &'a Reader,
    next: i64,
    last: i64,
    page: std::vec::IntoIter<Stored>,
    seq: Option<Seq>,
    skipped: u64,
    ended: bool,
}

impl Entries<'_> {
    /// Returns the number of the entry that came last, after which a later look can go on.
    pub const fn seq(&self) -> Option<Seq> {
        self.seq
    }

    /// Returns how many entries were passed over because only a newer version knows them.
    pub const fn skipped(&self) -> u64 {
        self.skipped
    }

    fn stored(&mut self) -> rusqlite::Result<Option<Stored>> {
        if self.page.len() == 0 && !self.ended && self.next <= self.last {
            self.page = self.reader.page(self.next, self.last)?.into_iter();
        }
        let stored = self.page.next();
        match &stored {
            Some(stored) => self.next = stored.seq.saturating_add(1),
            None => self.ended = true,
        }
        Ok(stored)
    }
}

impl Iterator for Entries<'_> {
    type Item = Result<Entry, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let stored = match self.stored() {
                Ok(stored) => stored?,
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error.into()));
                }
            };
            let seq = Seq(stored.seq.cast_unsigned());
            self.seq = Some(seq);
            match self.reader.decode(stored) {
                Ok(entry) => return Some(Ok(entry)),
                Err(ProcessError::Decode(DecodeError::Unknown)) => self.skipped += 1,
                Err(ProcessError::Decode(error)) => {
                    return Some(Err(ReadError::Damaged { seq, what: error.to_string() }));
                }
                Err(ProcessError::Storage(error)) => {
                    self.ended = true;
                    self.page = Vec::new().into_iter();
                    return Some(Err(error.into()));
                }
            }
        }
    }
}

impl std::iter::FusedIterator for Entries<'_> {}
