//! A change under way.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use crate::journal::Observer;
use crate::log::Log;
use crate::record::Record;
use crate::state::{State, differing, remove_file, survey, sync_parent, write_whole};
use crate::{JournalError, Part, Parts, Undone, tool, undo};

/// With what mode a file is made where none was.
const USUAL_MODE: u32 = 0o644;

/// A change under way: each step is noted before it is taken.
///
/// Dropped without a word it is a left-over, as if its process had ended.
pub struct Transaction {
    id: u64,
    log: Log,
    observer: Observer,
}

/// What a tool is about to change.
#[derive(Debug)]
#[must_use = "a tool's changes are restored to the byte once they are settled"]
pub struct Watch(usize);

impl Transaction {
    pub(crate) fn new(id: u64, log: Log, observer: Observer) -> Self {
        Self { id, log, observer }
    }

    /// Makes a file, or replaces it: its mode and owner stay.
    ///
    /// `part` is what it holds of ours, to be taken out if somebody else changes the file as well.
    ///
    /// # Errors
    ///
    /// The file is no file or too large, or the system refused.
    pub fn write(
        &mut self,
        path: &Path,
        contents: &[u8],
        part: Option<Part>,
    ) -> Result<(), JournalError> {
        let (before, former) = State::look(path)?;
        let (mode, owner) = match &before {
            State::Absent => (USUAL_MODE, None),
            State::File { mode, owner, .. } => (*mode, Some(*owner)),
            _ => {
                let odd = std::io::Error::other("it is no plain file");
                return Err(JournalError::of("replace", path)(odd));
            }
        };
        let after = State::of_bytes(contents, mode, owner.unwrap_or_default());
        self.log.remember(&before, &former)?;
        self.note(Record::File { path: path.to_owned(), before, after, part })?;
        (self.observer)("write");
        write_whole(path, contents, mode, owner, self.id)
            .map_err(JournalError::of("write", path))?;
        (self.observer)("written");
        Ok(())
    }

    /// Removes a file or a symbolic link.
    ///
    /// # Errors
    ///
    /// The file is too large to be remembered, or the system refused.
    pub fn remove(&mut self, path: &Path) -> Result<(), JournalError> {
        let (before, former) = State::look(path)?;
        self.log.remember(&before, &former)?;
        let after = State::Absent;
        self.note(Record::File { path: path.to_owned(), before, after, part: None })?;
        (self.observer)("remove");
        remove_file(path).map_err(JournalError::of("remove", path))
    }

    /// Makes a directory, and those above it that are not there.
    ///
    /// # Errors
    ///
    /// The system refused.
    pub fn create_dir(&mut self, path: &Path) -> Result<(), JournalError> {
        let missing: Vec<&Path> = path.ancestors().take_while(|above| !above.is_dir()).collect();
        for path in missing.into_iter().rev() {
            self.note(Record::Directory { path: path.to_owned() })?;
            (self.observer)("create directory");
            let made = fs::create_dir(path).and_then(|()| sync_parent(path));
            made.map_err(JournalError::of("make", path))?;
        }
        Ok(())
    }

    /// Remembers files and all below directories, which a tool is about to change, and the command that undoes it.
    ///
    /// Where that command is needed and leaves it, `part` is taken out of files that changed.
    ///
    /// Undoing goes backwards: what the command reads must be noted after this.
    ///
    /// # Errors
    ///
    /// They are too large, or the system refused.
    pub fn watch(
        &mut self,
        paths: &[PathBuf],
        undo: &[String],
        part: Option<Part>,
    ) -> Result<Watch, JournalError> {
        let log = &self.log;
        let before = survey(paths, |state, contents| log.remember(state, contents))?;
        let number = self.log.records.len();
        self.note(Record::Watch { paths: paths.to_vec(), before, undo: undo.to_vec(), part })?;
        Ok(Watch(number))
    }

    /// Remembers a setting that tools are about to change, which lies in no file of ours to see.
    ///
    /// `what` is how people know it; [`Parts::restore`] gives it back.
    ///
    /// # Errors
    ///
    /// The journal cannot be written.
    pub fn announce(
        &mut self,
        what: impl Into<PathBuf>,
        setting: Part,
    ) -> Result<(), JournalError> {
        self.note(Record::Setting { what: what.into(), setting })
    }

    /// Runs a tool whose changes are watched or announced. While it lives, nobody else replays this change.
    ///
    /// # Errors
    ///
    /// [`JournalError::Tool`] if it fails.
    pub fn run(&mut self, words: &[String]) -> Result<(), JournalError> {
        (self.observer)("run");
        tool::run(words, &self.log.file, self.log.folder())
    }

    /// Notes what the tool has changed, so that it can be restored to the byte.
    ///
    /// # Errors
    ///
    /// It cannot be read.
    pub fn settle(&mut self, watch: Watch) -> Result<(), JournalError> {
        (self.observer)("settle");
        let Watch(number) = watch;
        let Some(Record::Watch { paths, before, .. }) = self.log.records.get(number) else {
            return Ok(());
        };
        let after = survey(paths, |_, _| Ok(()))?;
        let (before, after) = differing(before, &after);
        self.note(Record::Settled { watch: number, before, after })
    }

    /// Ends it such that it stays, until it is undone by its number.
    ///
    /// # Errors
    ///
    /// The journal cannot be written: the change is a left-over then.
    pub fn keep(mut self) -> Result<u64, JournalError> {
        self.note(Record::Kept)?;
        Ok(self.id)
    }

    /// Ends it such that it stays and cannot be undone.
    ///
    /// # Errors
    ///
    /// The journal cannot be written: the change is a left-over then.
    pub fn forget(self) -> Result<(), JournalError> {
        (self.observer)("forget");
        self.log.forget()
    }

    /// Undoes all of it, backwards.
    ///
    /// # Errors
    ///
    /// A step cannot be undone: the change is a left-over then.
    pub fn undo(mut self, parts: &dyn Parts) -> Result<Vec<Undone>, JournalError> {
        let undone = undo::all(&mut self.log, self.id, parts, &self.observer)?;
        self.log.forget()?;
        Ok(undone)
    }

    fn note(&mut self, record: Record) -> Result<(), JournalError> {
        (self.observer)("note");
        self.log.append(record)?;
        (self.observer)("noted");
        Ok(())
    }
}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction").field("id", &self.id).finish_non_exhaustive()
    }
}
