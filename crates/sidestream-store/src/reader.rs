//! A session read back, also while it is being written.

use std::fs;
use std::ops::{Bound, RangeBounds};
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use sidestream_flow::{ExchangeId, FlowId};
use sidestream_record::{Entry, Part};

use crate::block::{BLOCK_ENTRIES, BlockEntry, cut};
use crate::body::BodyReader;
use crate::certificate::Certificates;
use crate::content::{self, PackedBlock};
use crate::error::{OpenError, ReadError};
use crate::kind;
use crate::lock::{beside, real};
use crate::process::{ProcessError, Processes};
use crate::schema::{self, Refusal, SchemaVersion, Seq};
use crate::text::Wanted;
use crate::wire::{self, Context, DecodeError};

/// A session, open for reading.
///
/// It sees what was committed, also what is committed after it was opened.
#[derive(Debug)]
pub struct Reader {
    connection: Connection,
    version: SchemaVersion,
    processes: Processes,
    certificates: Certificates,
    contents: content::Contents,
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
        let (connection, version) = match connect(path) {
            // Where nothing can be written there is no place for what readers of a log share.
            Err(Refusal::Storage(error)) if is_without_place(&error) => {
                let log = real(path).and_then(|path| fs::metadata(beside(&path, "-wal")));
                if log.is_ok_and(|log| log.len() > 0) {
                    return Err(OpenError::Log { path: path.to_owned() });
                }
                connect_unchanging(path).unwrap_or(Err(Refusal::Storage(error))).map_err(refused)?
            }
            connected => connected.map_err(refused)?,
        };
        if schema::is_cut(&connection, path).map_err(refused)? {
            return Err(refused(Refusal::Corrupt("the file ends too early".into())));
        }
        schema::widen(&connection, version).map_err(|error| refused(error.into()))?;
        let contents =
            content::Contents::open(&connection, version).map_err(|error| refused(error.into()))?;
        let (processes, certificates) = Default::default();
        Ok(Self { connection, version, processes, certificates, contents })
    }

    /// Reads over a connection that a test has.
    #[cfg(test)]
    pub(crate) fn over(connection: Connection) -> Self {
        let version = SchemaVersion::CURRENT;
        let contents = content::Contents::open(&connection, version).unwrap();
        let (processes, certificates) = Default::default();
        Self { connection, version, processes, certificates, contents }
    }

    pub(crate) const fn parts(&self) -> (&Connection, &content::Contents) {
        (&self.connection, &self.contents)
    }

    pub(crate) const fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(crate) const fn processes(&self) -> &Processes {
        &self.processes
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
            .prepare_cached("SELECT first + count - 1 FROM block ORDER BY first DESC LIMIT 1")?
            .query_row([], |row| row.get(0))
            .optional()?;
        Ok(last.map(|seq| Seq(seq.cast_unsigned())))
    }

    /// Iterates over entries in the order in which they were recorded.
    ///
    /// It holds one block of entries and the content of one. A stretch of content that was dropped
    /// comes as an event that tells how much it was. An entry of a kind that only a newer version
    /// knows is passed over and counted.
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
            block: None,
            page: Vec::new().into_iter(),
            seq: None,
            skipped: 0,
            ended: false,
            choice: Choice::All,
        }
    }

    /// Iterates over entries as [`entries`](Self::entries) does, without those of exchanges that
    /// are not wanted, and without messages of flows that are not.
    pub fn wanted_entries<'a>(
        &'a self,
        range: impl RangeBounds<Seq>,
        wanted: &'a Wanted,
    ) -> Entries<'a> {
        Entries { choice: Choice::Wanted(wanted), ..self.entries(range) }
    }

    /// Iterates over entries without what was on the wire and how that is decrypted, which tells
    /// nothing of what was said that the others do not.
    pub fn without_wire(&self, range: impl RangeBounds<Seq>) -> Entries<'_> {
        Entries { choice: Choice::NoWire, ..self.entries(range) }
    }

    /// Iterates over entries without the stretches of bodies, and without what was on the wire.
    pub(crate) fn without_bodies(&self, range: impl RangeBounds<Seq>) -> Entries<'_> {
        Entries { choice: Choice::NoBodies, ..self.entries(range) }
    }

    /// Returns a body as a stream, of which it holds one stretch at a time.
    ///
    /// The body of an exchange that is not there, or had none, is empty.
    pub const fn body(&self, exchange: ExchangeId, part: Part) -> BodyReader<'_> {
        BodyReader::new(self, exchange, part)
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

    /// Returns the name of a flow's server, as it was known in the end.
    ///
    /// # Errors
    ///
    /// When the storage cannot be read.
    pub fn host(&self, flow: FlowId) -> Result<Option<String>, ReadError> {
        let host = self
            .connection
            .prepare_cached("SELECT host FROM flow WHERE id = ?1")?
            .query_row([flow.0.cast_signed()], |row| row.get(0))
            .optional()?;
        Ok(host.flatten())
    }

    /// Counts what is in the session.
    ///
    /// # Errors
    ///
    /// When the storage cannot be read.
    pub fn contents(&self) -> Result<Contents, ReadError> {
        let contents = self.connection.query_row(
            "SELECT (SELECT coalesce(sum(count), 0) FROM block),
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

    /// Returns the block that holds an entry, or the first after it.
    fn block_of(&self, seq: i64) -> rusqlite::Result<Option<StoredBlock>> {
        let first: Option<i64> = self
            .connection
            .prepare_cached("SELECT max(first) FROM block WHERE first <= ?1")?
            .query_row([seq], |row| row.get(0))?;
        self.block(first.unwrap_or(seq))
    }

    /// Returns the first block that begins with this entry or a later one.
    fn block(&self, first: i64) -> rusqlite::Result<Option<StoredBlock>> {
        let stored = |row: &rusqlite::Row<'_>| {
            let packed = PackedBlock::read(row)?;
            Ok(StoredBlock {
                first: packed.first,
                count: packed.count,
                at: packed.at,
                payload: self.contents.block(packed),
                after: row.get(5)?,
            })
        };
        self.connection
            .prepare_cached(self.contents.block_query())?
            .query_row([first], stored)
            .optional()
    }

    /// Returns whether an entry is not there any more: it may have been taken out after its block
    /// was read, and what belonged to it with it.
    fn is_taken_out(&self, seq: Seq) -> rusqlite::Result<bool> {
        let seq = seq.0.cast_signed();
        let found = self
            .connection
            .prepare_cached(self.contents.one_block_query())?
            .query_row([seq], PackedBlock::read)
            .optional()?;
        let Some(block) = found else { return Ok(true) };
        let (place, count) = (seq.saturating_sub(block.first), block.count);
        let entries = block.unpack().map(cut).unwrap_or_default();
        let entry = usize::try_from(place).ok().and_then(|place| entries.get(place));
        let is_blank =
            |entry: &Result<BlockEntry, _>| entry.as_ref().is_ok_and(BlockEntry::is_blank);
        Ok(place >= count || entry.is_some_and(is_blank))
    }

    pub(crate) fn decode(&self, Stored { seq, at, entry }: Stored) -> Result<Entry, ProcessError> {
        let entry = entry?;
        let kind = kind::name(entry.kind).ok_or(DecodeError::Unknown)?;
        let exchange = entry.exchange.map(ExchangeId);
        let mut cx = Context { exchange, ..Context::default() };
        match kind {
            "opened" => {
                let flow = entry.flow.cast_signed();
                cx.process = self.processes.of_flow(&self.connection, flow)?;
            }
            "secured" => {
                cx.certificates = self.certificates.of_leg(&self.connection, &entry.payload)?;
            }
            "body" | "data" | "websocket" | "wire" => {
                let content = self.contents.of_entry(&self.connection, seq, kind, &entry)?;
                (cx.content, cx.dropped) = content;
            }
            _ => {}
        }
        let BlockEntry { at: after, flow, payload, .. } = entry;
        let event = wire::decode(kind, payload, cx)?;
        Ok(Entry { at: wire::time(at.wrapping_add(after)), flow: FlowId(flow), event })
    }
}

fn connect(path: &Path) -> Result<(Connection, SchemaVersion), Refusal> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    recognized(Connection::open_with_flags(path, flags)?)
}

fn recognized(connection: Connection) -> Result<(Connection, SchemaVersion), Refusal> {
    connection.busy_timeout(Duration::from_secs(5))?;
    schema::keep_plans(&connection)?;
    let version = schema::recognize(&connection)?;
    Ok((connection, version))
}

/// Opens a session that nobody can write to, without a look at its log; `None` if its path cannot
/// be said so.
fn connect_unchanging(path: &Path) -> Option<Result<(Connection, SchemaVersion), Refusal>> {
    let path = std::path::absolute(path).ok()?;
    let path = path.to_str()?.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    let opened = Connection::open_with_flags(format!("file:{path}?immutable=1"), flags);
    Some(opened.map_err(Refusal::from).and_then(recognized))
}

fn is_without_place(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{CannotOpen, ReadOnly};
    matches!(error.sqlite_error_code(), Some(CannotOpen | ReadOnly))
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

/// A row of the table of blocks.
#[derive(Debug)]
struct StoredBlock {
    first: i64,
    count: i64,
    at: i64,
    payload: Bytes,
    /// Where the next block begins.
    after: Option<i64>,
}

impl StoredBlock {
    /// Cuts it into its entries, of which those that cannot be cut out are damaged one by one.
    fn into_entries(self) -> impl Iterator<Item = Stored> {
        let Self { first, at, .. } = self;
        let room = self.after.map_or(i64::MAX, |after| after.saturating_sub(first));
        // Of a damaged table the next may begin before this one, and this one at the last number.
        let most = i64::try_from(BLOCK_ENTRIES).unwrap_or(i64::MAX).min(room).max(0);
        let count = usize::try_from(self.count.clamp(0, most)).unwrap_or(BLOCK_ENTRIES);
        let lost = || Err(DecodeError::Damaged("the block from here on"));
        let entries = cut(self.payload).into_iter().chain(std::iter::repeat_with(lost));
        let stored = move |(place, entry)| Stored { seq: first.saturating_add(place), at, entry };
        (0..).zip(entries).take(count).map(stored)
    }
}

/// An entry of a block.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) seq: i64,
    /// The time of its block.
    pub(crate) at: i64,
    pub(crate) entry: Result<BlockEntry, DecodeError>,
}

/// Iterates over entries of a session.
///
/// After a damaged entry it goes on with the next; after an error of the storage it ends.
#[derive(Debug)]
pub struct Entries<'a> {
    reader: &'a Reader,
    next: i64,
    last: i64,
    /// Where the block in hand begins.
    block: Option<i64>,
    page: std::vec::IntoIter<Stored>,
    seq: Option<Seq>,
    skipped: u64,
    ended: bool,
    choice: Choice<'a>,
}

/// Which entries are read.
#[derive(Clone, Copy, Debug)]
enum Choice<'a> {
    All,
    /// All but the stretches of bodies, and what was on the wire.
    NoBodies,
    /// All but what was on the wire.
    NoWire,
    Wanted(&'a Wanted),
}

impl Choice<'_> {
    fn passes(self, entry: &BlockEntry) -> bool {
        match self {
            Self::All => true,
            Self::NoBodies => !matches!(kind::name(entry.kind), Some("body" | "wire" | "secrets")),
            Self::NoWire => !matches!(kind::name(entry.kind), Some("wire" | "secrets")),
            Self::Wanted(wanted) => match (entry.exchange, kind::name(entry.kind)) {
                (Some(exchange), _) => wanted.has_exchange(exchange),
                (None, Some("data")) => wanted.has_flow(entry.flow),
                (None, Some("websocket")) => {
                    let opening = wire::web_socket_exchange(&entry.payload);
                    opening.is_none_or(|exchange| wanted.has_exchange(exchange))
                }
                (None, Some("wire" | "secrets")) => false,
                (None, _) => true,
            },
        }
    }
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

    /// Returns whether the next entry begins a block.
    pub(crate) fn is_between_blocks(&self) -> bool {
        self.page.len() == 0
    }

    pub(crate) fn stored(&mut self) -> rusqlite::Result<Option<Stored>> {
        while self.page.len() == 0 && !self.ended {
            let block = match self.block.map(|first| first.checked_add(1)) {
                Some(Some(after)) => self.reader.block(after)?,
                Some(None) => None,
                None => self.reader.block_of(self.next)?,
            };
            let Some(block) = block.filter(|block| block.first <= self.last) else {
                self.ended = true;
                break;
            };
            self.block = Some(block.first);
            let wanted = self.next..=self.last;
            let is_there = |stored: &Stored| {
                let is_blank = stored.entry.as_ref().is_ok_and(BlockEntry::is_blank);
                !is_blank && wanted.contains(&stored.seq)
            };
            let page: Vec<_> = block.into_entries().filter(is_there).collect();
            self.page = page.into_iter();
        }
        Ok(self.page.next())
    }
}

impl Iterator for Entries<'_> {
    type Item = Result<Entry, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_of(&|_, _| true)
    }
}

impl Entries<'_> {
    /// Returns the next that is wanted, and decodes no other.
    pub(crate) fn next_of(
        &mut self,
        wanted: &impl Fn(FlowId, Option<ExchangeId>) -> bool,
    ) -> Option<Result<Entry, ReadError>> {
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
            if let Ok(entry) = &stored.entry
                && !(self.choice.passes(entry)
                    && wanted(FlowId(entry.flow), entry.exchange.map(ExchangeId)))
            {
                continue;
            }
            match self.reader.decode(stored) {
                Ok(entry) => return Some(Ok(entry)),
                Err(ProcessError::Decode(DecodeError::Unknown)) => self.skipped += 1,
                Err(ProcessError::Decode(error)) => match self.reader.is_taken_out(seq) {
                    Ok(true) => {}
                    Ok(false) => {
                        return Some(Err(ReadError::Damaged { seq, what: error.to_string() }));
                    }
                    Err(error) => {
                        self.ended = true;
                        return Some(Err(error.into()));
                    }
                },
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
