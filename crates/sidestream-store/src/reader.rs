//! A session read back, also while it is being written.

mod entries;
mod open;

use rusqlite::{Connection, OptionalExtension};
use sidestream_flow::{ExchangeId, FlowId};
use sidestream_record::{Entry, Part};

use crate::block::BlockEntry;
use crate::body::BodyReader;
use crate::certificate::Certificates;
use crate::content;
use crate::error::ReadError;
use crate::kind;
use crate::process::{ProcessError, Processes};
use crate::schema::{SchemaVersion, Seq};
use crate::wire::{self, Context, DecodeError};

pub use entries::Entries;
pub(crate) use entries::Stored;

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
