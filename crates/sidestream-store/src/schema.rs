//! The tables of a session, their version, and how a file is recognized as a session.

use std::fmt;
use std::fs;
use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode};

/// Marks a SQLite file as a session: `SDST`.
const APPLICATION_ID: i32 = 0x5344_5354;

/// Larger than usual: each page is written twice, with two calls and one, so that half as many spare
/// content that does not shrink a quarter of the time on a processor. Twice as large spares another
/// eighth; but each table and index takes a page of a session in which there is hardly anything.
const PAGE_BYTES: u32 = 16 * 1024;

/// Counts entries in the order in which they were recorded, from 1, in one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(pub u64);

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The version of a session's tables and messages.
///
/// A higher minor version only adds, so it can still be read; a higher major version cannot. All
/// versions from 2.0 on are read, and continued in the current one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SchemaVersion {
    /// Changes when what was there is changed.
    pub major: u16,
    /// Changes when something is added.
    pub minor: u16,
}

impl SchemaVersion {
    /// The version that this crate writes.
    pub const CURRENT: Self = Self { major: 3, minor: 1 };

    /// The oldest version that is still read.
    const OLDEST: Self = Self { major: 2, minor: 0 };

    /// Returns what stands in `user_version`: 300 for 3.0.
    const fn number(self) -> i32 {
        self.major as i32 * 100 + self.minor as i32
    }

    /// Returns whether there are tables of the text of bodies, as there are from 3.1 on.
    pub(crate) const fn has_text(self) -> bool {
        self.major > 3 || self.major == 3 && self.minor >= 1
    }

    /// Returns whether the lists have columns for what is noted, for content types, handshakes and
    /// their like, as they do from 3.1 on.
    const fn has_all_columns(self) -> bool {
        self.has_text()
    }

    /// Returns whether there is a table of certificates, as there is from 3.1 on.
    pub(crate) const fn has_certificates(self) -> bool {
        self.has_text()
    }

    /// Returns whether content stands in blocks, stretches and chunks, as it does from 3.0 on.
    pub(crate) const fn has_chunks(self) -> bool {
        self.major >= 3
    }

    fn from_number(number: i32) -> Self {
        let number = u32::try_from(number).unwrap_or_default();
        let part = |part: u32| u16::try_from(part).unwrap_or(u16::MAX);
        Self { major: part(number / 100), minor: part(number % 100) }
    }
}

impl fmt::Display for SchemaVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// What a file turned out not to be.
#[derive(Debug)]
pub(crate) enum Refusal {
    NotASession,
    Version(SchemaVersion),
    Corrupt(String),
    Storage(rusqlite::Error),
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::NotASession,
            Some(ErrorCode::DatabaseCorrupt) => Self::Corrupt(error.to_string()),
            _ => Self::Storage(error),
        }
    }
}

/// Makes the tables, all or none.
///
/// Runs in the rollback journal: a process that dies in it leaves an empty file, which a session
/// may be made of, and never half a session.
pub(crate) fn create(connection: &Connection) -> rusqlite::Result<()> {
    let version = SchemaVersion::CURRENT.number();
    connection.execute_batch(&format!(
        "PRAGMA page_size = {PAGE_BYTES};
         BEGIN IMMEDIATE;
         {CHUNKS}
         {TEXT}
         {TABLES}
         {VIEWS}
         PRAGMA application_id = {APPLICATION_ID};
         PRAGMA user_version = {version};
         COMMIT;"
    ))
}

/// Lets a statement be planned once, whatever is put into it.
///
/// Else SQLite with statistics plans those with ranges anew for each value, which costs as much as
/// all else that is done to read a small body.
pub(crate) fn keep_plans(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

/// Recognizes a session and returns the version in which it is written.
pub(crate) fn recognize(connection: &Connection) -> Result<SchemaVersion, Refusal> {
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0));
    if number("application_id")? != APPLICATION_ID {
        return Err(Refusal::NotASession);
    }
    let version = SchemaVersion::from_number(number("user_version")?);
    if version < SchemaVersion::OLDEST || version.major > SchemaVersion::CURRENT.major {
        return Err(Refusal::Version(version));
    }
    // The newest block lies near the end of the file, which is what a partial copy lacks.
    connection.query_row("SELECT max(first) FROM block", [], |row| row.get::<_, Option<i64>>(0))?;
    Ok(version)
}

/// Makes a session of an older version one of this version, all or nothing: what is added to it
/// may be.
pub(crate) fn raise(connection: &Connection, found: SchemaVersion) -> rusqlite::Result<()> {
    let version = SchemaVersion::CURRENT.number();
    let [chunks, columns] = if found.has_chunks() { ["", ""] } else { [CHUNKS, RAISE] };
    let raised = connection.execute_batch(&format!(
        "BEGIN IMMEDIATE; {chunks} {columns} {TEXT} {RAISE_3_0} {VIEWS}
         PRAGMA user_version = {version};
         COMMIT;"
    ));
    if raised.is_err() && !connection.is_autocommit() {
        drop(connection.execute_batch("ROLLBACK"));
    }
    raised
}

/// Lets the lists of an older session be read as those of this version, which has added columns to
/// them.
pub(crate) fn widen(connection: &Connection, found: SchemaVersion) -> rusqlite::Result<()> {
    if found.has_all_columns() {
        return Ok(());
    }
    // What is temporary is found first. A recording may raise the session meanwhile; then its own
    // columns are found before these.
    connection.execute_batch(
        "PRAGMA temp_store = MEMORY;
         CREATE TEMP VIEW exchange AS
         SELECT *, NULL AS version, NULL AS request_type, NULL AS answered, NULL AS response_type,
             NULL AS comment, NULL AS marker, NULL AS notes FROM main.exchange;
         CREATE TEMP VIEW flow AS
         SELECT *, NULL AS servers, NULL AS sni, NULL AS alpn, NULL AS ja4, NULL AS told_seq,
             NULL AS comment, NULL AS marker, NULL AS notes FROM main.flow;",
    )
}

/// Returns whether the file ends before its last page, as a partial copy does.
pub(crate) fn is_cut(connection: &Connection, path: &Path) -> Result<bool, Refusal> {
    let journal: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    // While a write-ahead log is there, the last pages may stand in it alone.
    if journal == "wal" {
        return Ok(false);
    }
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let whole = number("page_count")?.saturating_mul(number("page_size")?);
    // Asked after the pages were counted, since a recording that begins now lets both grow.
    Ok(fs::metadata(path).is_ok_and(|metadata| metadata.len() < whole.cast_unsigned()))
}

/// Returns whether numbers stand in it that no recording comes to, so that none may be left to
/// give out.
pub(crate) fn is_used_up(connection: &Connection) -> Result<bool, Refusal> {
    let used_up = |row: &rusqlite::Row<'_>| row.get(0);
    Ok(connection.query_row(USED_UP, [i64::MAX / 2], used_up)?)
}

/// Each is found at an end of a table. What is too large for a number here is a real one in SQLite.
const USED_UP: &str = "SELECT coalesce(min(number) < 0 OR max(number) > ?1, 0) FROM (
    SELECT (SELECT min(first) FROM block) AS number
    UNION ALL SELECT (SELECT first + count FROM block ORDER BY first DESC LIMIT 1)
    UNION ALL SELECT (SELECT max_flow FROM block ORDER BY first DESC LIMIT 1)
    UNION ALL SELECT (SELECT max_exchange FROM block ORDER BY first DESC LIMIT 1)
    UNION ALL SELECT (SELECT max_message FROM block ORDER BY first DESC LIMIT 1)
    UNION ALL SELECT (SELECT min(id) FROM flow) UNION ALL SELECT (SELECT max(id) FROM flow)
    UNION ALL SELECT (SELECT min(id) FROM exchange)
    UNION ALL SELECT (SELECT max(id) FROM exchange)
    UNION ALL SELECT (SELECT max(seq) FROM content))";

const TABLES: &str = include_str!("schema.sql");

const VIEWS: &str = include_str!("views.sql");

const CHUNKS: &str = include_str!("chunks.sql");

/// What 3.1 added in tables of its own: where text stands in bodies.
const TEXT: &str = include_str!("text.sql");

/// Makes the tables of a session of 2.x those of one of 3.0, together with [`CHUNKS`].
const RAISE: &str = include_str!("raise.sql");

/// Makes the tables of a session of 3.0 those of one of 3.1, together with [`TEXT`].
const RAISE_3_0: &str = include_str!("raise-3.0.sql");
