//! A session being recorded: the file, and the threads that write it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use sidestream_flow::{ExchangeId, FlowId, Ids, MessageId};

use crate::error::{CreateError, WriteError};
use crate::lock::{Lock, beside};
use crate::pipeline::{self, Others};
use crate::queue::Queue;
use crate::recorder::Recorder;
use crate::retention::{Keeper, Retention};
use crate::schema::{self, Refusal, SchemaVersion};
use crate::sys;
use crate::text;
use crate::writer::{self, Largest, Writer, make_one_file};

/// How long another program, such as `sqlite3`, may keep the session to itself.
const BUSY: Duration = Duration::from_secs(5);

/// How much log is written between two checkpoints, each of which waits for the disk.
const CHECKPOINT_BYTES: u32 = 16 * 1024 * 1024;

/// How much of the session is held in memory at most: all pages that a transaction changes. One that
/// has to be written earlier is written again where it changes again, and then all that was written
/// behind it in the transaction is read, for its checksums.
const CACHE_BYTES: u32 = 16 * 1024 * 1024;

/// A session being recorded.
///
/// Dropped without [`close`](Self::close), it writes what waits and ends, and tells nobody of
/// errors.
#[derive(Debug)]
pub struct Session {
    path: PathBuf,
    queue: Arc<Queue>,
    ids: Ids,
    thread: Option<JoinHandle<Result<Summary, WriteError>>>,
    /// Held until the thread has ended.
    _lock: Lock,
}

/// What a recording came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// How many entries were written, one for each stretch of dropped content included.
    pub entries: u64,
    /// How many bytes of content were dropped because the disk was slow or full.
    pub dropped_bytes: u64,
    /// How many entries were refused because even the room for facts was full.
    pub lost_entries: u64,
    /// Whether the session is one file. Else a reader was in the way, and the files beside it
    /// belong to it.
    pub one_file: bool,
}

impl Session {
    /// Creates a session, or continues the one that is there, and starts to write it.
    ///
    /// A new file is readable by its owner alone (mode 0600), an empty one is made so.
    ///
    /// # Errors
    ///
    /// When the file is something else, is damaged, is being recorded to, was written in another
    /// version, or cannot be written; it is then left as it is. The message says what to do.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, CreateError> {
        Self::create_keeping(path, Retention::ALL)
    }

    /// Does the same, and takes out again what is not to be kept.
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create).
    pub fn create_keeping(
        path: impl AsRef<Path>,
        retention: Retention,
    ) -> Result<Self, CreateError> {
        let path = path.as_ref();
        let io = |source| CreateError::Io { path: path.to_owned(), source };
        // The folder may change before the session is closed.
        let path = std::path::absolute(path).map_err(io)?;
        let lock = Lock::take(&path)?;
        let connection = connect(&path)?;
        let writer = Writer::begin(connection, writer::now())
            .map_err(|source| CreateError::storage(&path, source))?;
        let ids = ids_after(&writer);
        let queue = Arc::new(Queue::default());
        // What was started ends when not all is.
        let failed = |source| {
            queue.close();
            io(source)
        };
        let text = thread::Builder::new()
            .name("session-text".into())
            .spawn({
                let (path, queue) = (path.clone(), Arc::clone(&queue));
                move || text::run(&path, &queue)
            })
            .map_err(failed)?;
        let (tasks, todo) = pipeline::channel();
        let layouts = thread::Builder::new()
            .name("session-pack".into())
            .spawn({
                let (planner, queue) = (writer.planner(), Arc::clone(&queue));
                move || pipeline::lay_out(planner, &queue, &tasks)
            })
            .map_err(failed)?;
        let thread = thread::Builder::new()
            .name("session".into())
            .spawn({
                let queue = Arc::clone(&queue);
                let others = Others { text, layouts };
                move || pipeline::write(writer, &queue, Keeper::new(retention), &todo, others)
            })
            .map_err(failed)?;
        Ok(Self { path, queue, ids, thread: Some(thread), _lock: lock })
    }

    /// Returns where the session is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the source of ids for what is recorded, which begins after all ids in the session.
    pub fn ids(&self) -> Ids {
        self.ids.clone()
    }

    /// Returns a sink for entries.
    pub fn writer(&self) -> Recorder {
        Recorder(Arc::clone(&self.queue))
    }

    /// Writes what waits, and makes the session one file.
    ///
    /// What is recorded from now on is refused with [`Full`](sidestream_record::Recorded::Full).
    ///
    /// # Errors
    ///
    /// When the last entries could not be written, as on a full disk. What was committed before
    /// can be read.
    pub fn close(mut self) -> Result<Summary, WriteError> {
        self.queue.close();
        let thread = self.thread.take().expect("the thread is taken here and in drop alone");
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.queue.close();
        if let Some(thread) = self.thread.take()
            && let Ok(Err(error)) = thread.join()
        {
            tracing::warn!(%error, "session not closed well");
        }
    }
}

/// Returns the source of ids for what a writer adds.
pub(crate) fn ids_after(writer: &Writer) -> Ids {
    let Largest { flow, exchange, message } = writer.largest();
    Ids::after(FlowId(flow), ExchangeId(exchange), MessageId(message))
}

/// Opens the file as a session that can be written, making it one if it is new.
pub(crate) fn connect(path: &Path) -> Result<Connection, CreateError> {
    let io = |source| CreateError::Io { path: path.to_owned(), source };
    let storage = |source| CreateError::storage(path, source);
    let there = match fs::metadata(path) {
        Ok(metadata) if !metadata.is_file() => {
            return Err(CreateError::NotAFile { path: path.to_owned() });
        }
        Ok(metadata) => Some(metadata.len()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(io(error)),
    };
    match there {
        None => drop(sys::create_private(path).map_err(io)?),
        Some(0) => sys::make_private(path).map_err(io)?,
        Some(_) => {}
    }
    let open = || {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(storage)?;
        connection.busy_timeout(BUSY).map_err(storage)?;
        match there {
            None | Some(0) => schema::create(&connection).map_err(storage)?,
            Some(_) => recognize(&connection, path)?,
        }
        if let Err(error) = make_live(&connection, path) {
            drop(connection);
            tidy(path);
            return Err(error);
        }
        Ok(connection)
    };
    open().inspect_err(|_| {
        if there.is_none() {
            // What could not be made a session is not left behind.
            remove(path);
        }
    })
}

/// Removes a session that came to nothing.
pub(crate) fn remove(path: &Path) {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        match fs::remove_file(beside(path, suffix)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%error, "a file that came to nothing is left: {}", path.display());
            }
            _ => {}
        }
    }
}

/// Takes away the log of a session in which nothing was written, as far as nobody else has it
/// open. Where there is no room at all, that cannot be done by whoever has it open with others.
pub(crate) fn tidy(path: &Path) {
    let alone = || {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.execute_batch("PRAGMA locking_mode = EXCLUSIVE")?;
        make_one_file(&connection)
    };
    if let Err(error) = alone() {
        tracing::debug!(%error, "a session to which nothing was added is still to be written live");
    }
    // It is of those who have a log open together, and there is none.
    if !beside(path, "-wal").exists() {
        drop(fs::remove_file(beside(path, "-shm")));
    }
}

fn recognize(connection: &Connection, path: &Path) -> Result<(), CreateError> {
    let refused = |refusal| {
        let path = path.to_owned();
        match refusal {
            Refusal::NotASession => CreateError::NotASession { path },
            Refusal::Version(found) => CreateError::OtherVersion { path, found },
            Refusal::Corrupt(what) => CreateError::Corrupt { path, what },
            Refusal::Storage(source) => CreateError::storage(&path, source),
        }
    };
    let found = schema::recognize(connection).map_err(refused)?;
    if found > SchemaVersion::CURRENT {
        return Err(refused(Refusal::Version(found)));
    }
    if schema::is_cut(connection, path).map_err(refused)? {
        return Err(refused(Refusal::Corrupt("the file ends too early".into())));
    }
    if schema::is_used_up(connection).map_err(refused)? {
        return Err(refused(Refusal::Corrupt("its numbers are used up".into())));
    }
    if found < SchemaVersion::CURRENT {
        schema::raise(connection, found).map_err(|error| refused(error.into()))?;
    }
    Ok(())
}

/// Returns how many pages of log are written between two checkpoints.
pub(crate) fn log_pages(connection: &Connection) -> rusqlite::Result<u32> {
    let page_bytes: u32 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
    Ok(CHECKPOINT_BYTES / page_bytes.max(1))
}

/// Turns the write-ahead log on, so that readers and the writer do not hinder each other.
fn make_live(connection: &Connection, path: &Path) -> Result<(), CreateError> {
    let storage = |source| CreateError::storage(path, source);
    let journal: String =
        connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).map_err(storage)?;
    if journal != "wal" {
        return Err(CreateError::Unsuitable { path: path.to_owned() });
    }
    let pages = log_pages(connection).map_err(storage)?;
    let cache_kib = CACHE_BYTES / 1024;
    let pragmas = format!(
        "PRAGMA synchronous = NORMAL;
         PRAGMA temp_store = MEMORY;
         PRAGMA cache_size = -{cache_kib};
         PRAGMA wal_autocheckpoint = {pages};
         PRAGMA journal_size_limit = 67108864;"
    );
    connection.execute_batch(&pragmas).map_err(storage)?;
    schema::keep_plans(connection).map_err(storage)?;
    // More than the writer has statements, so that each is compiled once.
    connection.set_prepared_statement_cache_capacity(32);
    Ok(())
}
