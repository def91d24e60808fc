//! The folder of all changes.

use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::log::{Found, Log};
use crate::record::{Record, VERSION};
use crate::state::is_missing;
use crate::{Failed, JournalError, Parts, Repaired, Subject, Transaction, Undone, sys, undo};

/// How many changes there are.
const MAX_CHANGES: usize = 4_096;

/// What is told of each step, for tests that stop there.
pub(crate) type Observer = Arc<dyn Fn(&str) + Send + Sync>;

/// Changes to a machine, each noted before it is made.
#[derive(Clone)]
pub struct Journal {
    folder: PathBuf,
    observer: Observer,
}

/// How a change stands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Standing {
    /// It stays until its owner undoes it.
    Kept,
    /// Its process is gone before it was done.
    LeftOver,
    /// Its process lives.
    Live {
        /// The process.
        pid: u32,
        /// Its program.
        program: String,
    },
}

/// A change that is noted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number; later ones have higher ones.
    pub id: u64,
    /// What it is about.
    pub subject: Subject,
    /// How it stands.
    pub standing: Standing,
}

impl Journal {
    /// Opens a journal, and makes its folder, which is its owner's alone.
    ///
    /// # Errors
    ///
    /// The folder cannot be made.
    pub fn open(folder: &Path) -> Result<Self, JournalError> {
        sys::create_private_dir(folder).map_err(JournalError::of("make", folder))?;
        Ok(Self { folder: folder.to_owned(), observer: Arc::new(|_| ()) })
    }

    /// Opens a journal if there is one; nothing is made.
    pub fn find(folder: &Path) -> Option<Self> {
        folder.is_dir().then(|| Self { folder: folder.to_owned(), observer: Arc::new(|_| ()) })
    }

    /// Tells of each step before it is taken: for tests that end there.
    #[must_use]
    pub fn observed(mut self, observer: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.observer = Arc::new(observer);
        self
    }

    /// Begins a change.
    ///
    /// # Errors
    ///
    /// [`JournalError::Busy`] if a process that lives is changing the same place; the folder cannot be written.
    pub fn begin(&self, subject: Subject) -> Result<Transaction, JournalError> {
        let _lock = self.lock()?;
        let ids = self.ids()?;
        if ids.len() >= MAX_CHANGES {
            return Err(JournalError::TooLarge { path: self.folder.clone() });
        }
        for entry in ids.iter().filter_map(|id| self.entry(*id).ok().flatten()) {
            let Standing::Live { pid, program } = entry.standing else { continue };
            if (&entry.subject.owner, &entry.subject.place) == (&subject.owner, &subject.place) {
                return Err(JournalError::Busy { subject: subject.to_string(), pid, program });
            }
        }
        let id = ids.last().map_or(1, |last| last + 1);
        let program = std::env::args_os().next().map(PathBuf::from);
        let program = program.as_deref().and_then(Path::file_name).unwrap_or_default();
        let first = Record::Begin {
            version: VERSION,
            subject,
            pid: std::process::id(),
            program: program.to_string_lossy().into_owned(),
        };
        (self.observer)("begin");
        let log = Log::create(&self.folder_of(id), first)?;
        Ok(Transaction::new(id, log, self.observer.clone()))
    }

    /// Lists all changes, the first made first. What cannot be read is told beside.
    ///
    /// # Errors
    ///
    /// The folder cannot be read.
    pub fn entries(&self) -> Result<(Vec<Entry>, Vec<JournalError>), JournalError> {
        let _lock = self.lock()?;
        let (mut entries, mut errors) = (Vec::new(), Vec::new());
        for id in self.ids()? {
            match self.entry(id) {
                Ok(entry) => entries.extend(entry),
                Err(error) => errors.push(error),
            }
        }
        Ok((entries, errors))
    }

    /// Undoes a change whose process is gone, or which is kept.
    ///
    /// # Errors
    ///
    /// Its process lives, or a step cannot be undone: the change is a left-over then.
    pub fn undo(&self, id: u64, parts: &dyn Parts) -> Result<Vec<Undone>, JournalError> {
        let mut log = match Log::open(&self.folder_of(id)) {
            Ok(Found::Free(log)) => log,
            Ok(Found::Held(records)) => return Err(busy(&records, id)),
            Err(JournalError::System { source, .. }) if is_missing(&source) => {
                return Err(JournalError::Missing { id });
            }
            Err(error) => return Err(error),
        };
        let undone = undo::all(&mut log, id, parts, &self.observer)?;
        log.forget()?;
        Ok(undone)
    }

    /// Undoes all left-overs, the last first.
    ///
    /// # Errors
    ///
    /// The folder cannot be read. What cannot be undone is told in the report.
    pub fn repair(&self, parts: &dyn Parts) -> Result<Repaired, JournalError> {
        let (entries, errors) = self.entries()?;
        let failed = errors.into_iter().map(|error| Failed { subject: None, error });
        let mut repaired = Repaired { failed: failed.collect(), ..Repaired::default() };
        for entry in entries.into_iter().rev() {
            if entry.standing != Standing::LeftOver {
                continue;
            }
            match self.undo(entry.id, parts) {
                Ok(undone) => repaired.undone.push((entry.subject, undone)),
                // Somebody else came first.
                Err(JournalError::Busy { .. } | JournalError::Missing { .. }) => (),
                Err(error) => {
                    repaired.failed.push(Failed { subject: Some(entry.subject), error });
                }
            }
        }
        Ok(repaired)
    }

    /// Reads one change; nothing if it is none, which is swept away.
    fn entry(&self, id: u64) -> Result<Option<Entry>, JournalError> {
        let folder = self.folder_of(id);
        let (records, is_live) = match Log::open(&folder) {
            Ok(Found::Free(log)) => (log.records, false),
            Ok(Found::Held(records)) => (records, true),
            Err(JournalError::System { source, .. }) if is_missing(&source) => (Vec::new(), false),
            Err(error) => return Err(error),
        };
        let Some(Record::Begin { subject, pid, program, .. }) = records.first().cloned() else {
            // Its process ended before anything was noted, so nothing was changed.
            if !is_live {
                _ = fs::remove_dir_all(folder);
            }
            return Ok(None);
        };
        let standing = match records.last() {
            _ if is_live => Standing::Live { pid, program },
            Some(Record::Kept) => Standing::Kept,
            _ => Standing::LeftOver,
        };
        Ok(Some(Entry { id, subject, standing }))
    }

    /// Keeps others from beginning or listing for a moment.
    fn lock(&self) -> Result<File, JournalError> {
        let path = self.folder.join("lock");
        let opened = File::options().write(true).create(true).truncate(false).open(&path);
        let file = opened.map_err(JournalError::of("open", &path))?;
        file.lock().map_err(JournalError::of("lock", &path))?;
        Ok(file)
    }

    fn folder_of(&self, id: u64) -> PathBuf {
        self.folder.join(format!("{id:08}"))
    }

    /// The numbers of all changes, ascending. What was forgotten is swept away.
    fn ids(&self) -> Result<Vec<u64>, JournalError> {
        let listing = fs::read_dir(&self.folder).map_err(JournalError::of("list", &self.folder))?;
        let mut ids = Vec::new();
        for entry in listing {
            let entry = entry.map_err(JournalError::of("list", &self.folder))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.ends_with(".done") {
                _ = fs::remove_dir_all(entry.path());
            }
            ids.extend(name.parse::<u64>().ok().filter(|id| format!("{id:08}") == name));
        }
        ids.sort_unstable();
        Ok(ids)
    }
}

fn busy(records: &[Record], id: u64) -> JournalError {
    match records.first() {
        Some(Record::Begin { subject, pid, program, .. }) => {
            JournalError::Busy { subject: subject.to_string(), pid: *pid, program: program.clone() }
        }
        _ => JournalError::Missing { id },
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal").field("folder", &self.folder).finish_non_exhaustive()
    }
}
