//! Replaying a log backwards.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::journal::Observer;
use crate::log::Log;
use crate::record::{Record, States};
use crate::state::{
    State, beside, differing, is_missing, remove_file, survey, sync_parent, write_whole,
};
use crate::{JournalError, Outcome, Part, Parts, Undone, sys, tool};

/// Undoes all steps of a log, the last first. Done twice it is the same as once.
pub(crate) fn all(
    log: &mut Log,
    id: u64,
    parts: &dyn Parts,
    observer: &Observer,
) -> Result<Vec<Undone>, JournalError> {
    if log.records.last() == Some(&Record::Kept) {
        log.append(Record::Undoing)?;
    }
    let undo = Undo { log, id, parts };
    let mut undone = Vec::new();
    for (number, record) in log.records.iter().enumerate().rev() {
        observer("undo");
        match record {
            Record::Directory { path } => undone.push(directory(path)?),
            Record::File { path, before, after, part } => {
                undone.push(undo.file(path, before, after, part.as_ref())?);
            }
            Record::Setting { what, setting } => {
                let run = |words: &[String]| tool::run(words, &undo.log.file, undo.log.folder());
                let outcome = undo.parts.restore(setting, &run)?;
                undone.push(Undone { what: what.clone(), outcome });
            }
            Record::Watch { paths, before, undo: words, part } => {
                let watched = Watched { number, paths, before, words, part: part.as_ref() };
                undo.watched(&watched, &mut undone)?;
            }
            Record::Begin { .. } | Record::Kept | Record::Settled { .. } | Record::Undoing => (),
        }
    }
    observer("undone");
    Ok(undone)
}

fn directory(path: &Path) -> Result<Undone, JournalError> {
    let outcome = match fs::remove_dir(path) {
        Ok(()) => {
            sync_parent(path).map_err(JournalError::of("remove", path))?;
            Outcome::Removed
        }
        Err(error) if is_missing(&error) => Outcome::Nothing,
        Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Outcome::Left,
        Err(error) => return Err(JournalError::of("remove", path)(error)),
    };
    Ok(Undone { what: path.to_owned(), outcome })
}

/// What a tool changed, as it was noted.
struct Watched<'a> {
    number: usize,
    paths: &'a [PathBuf],
    before: &'a States,
    words: &'a [String],
    part: Option<&'a Part>,
}

/// A path that is as the tool left it.
struct Pending<'a> {
    path: &'a PathBuf,
    now: State,
    was: &'a State,
    is: &'a State,
}

/// Finds the paths that are as the tool left them, and whether all others are as before.
fn pending<'a>(
    before: &'a States,
    after: &'a States,
) -> Result<(Vec<Pending<'a>>, bool), JournalError> {
    let (mut pending, mut is_plain) = (Vec::new(), true);
    for (path, was) in before {
        let (now, _) = State::look(path)?;
        let is = after.get(path).unwrap_or(&State::Absent);
        if now.holds_as(is) && now != *was {
            pending.push(Pending { path, now, was, is });
        } else if !now.holds_as(was) {
            is_plain = false;
        }
    }
    Ok((pending, is_plain))
}

struct Undo<'a> {
    log: &'a Log,
    id: u64,
    parts: &'a dyn Parts,
}

impl Undo<'_> {
    fn file(
        &self,
        path: &Path,
        before: &State,
        after: &State,
        part: Option<&Part>,
    ) -> Result<Undone, JournalError> {
        let temporary = beside(path, self.id);
        remove_file(&temporary).map_err(JournalError::of("remove", &temporary))?;
        let (now, contents) = State::look(path)?;
        let outcome = if now.holds_as(before) {
            Outcome::Nothing
        } else if now.holds_as(after) {
            self.restore(path, &now, before, after)?
        } else if let (State::File { mode, owner, .. }, Some(part)) = (&now, part)
            && let Some(without) = self.parts.without(part, &contents)
        {
            write_whole(path, &without, *mode, Some(*owner), self.id)
                .map_err(JournalError::of("write", path))?;
            Outcome::PartRemoved
        } else if now == State::Absent {
            Outcome::Nothing
        } else {
            Outcome::Left
        };
        Ok(Undone { what: path.to_owned(), outcome })
    }

    /// Makes a path hold what it held before.
    fn restore(
        &self,
        path: &Path,
        now: &State,
        before: &State,
        after: &State,
    ) -> Result<Outcome, JournalError> {
        // Who removed the folder meant what was in it.
        if *before != State::Absent && path.parent().is_some_and(|folder| !folder.is_dir()) {
            return Ok(Outcome::Left);
        }
        let restored = match before {
            State::Absent => {
                let removed = match now {
                    State::Directory { .. } => {
                        fs::remove_dir(path).and_then(|()| sync_parent(path))
                    }
                    _ => remove_file(path),
                };
                removed.map(|()| Outcome::Removed)
            }
            State::File { sha256, mode, owner } => {
                let contents = self.log.recall(sha256)?;
                // Whoever changed the mode since keeps that.
                let mode = match (now, after) {
                    (State::File { mode: now, .. }, State::File { mode: ours, .. })
                        if now != ours =>
                    {
                        *now
                    }
                    _ => *mode,
                };
                write_whole(path, &contents, mode, Some(*owner), self.id)
                    .map(|()| Outcome::Restored)
            }
            State::Link { target } => remove_file(path)
                .and_then(|()| sys::symlink(target, path))
                .and_then(|()| sync_parent(path))
                .map(|()| Outcome::Restored),
            State::Directory { mode, owner } => fs::create_dir(path)
                .or_else(|error| match error.kind() {
                    io::ErrorKind::AlreadyExists => Ok(()),
                    _ => Err(error),
                })
                .and_then(|()| sys::chown(path, *owner))
                .and_then(|()| sys::set_mode(path, *mode))
                .map(|()| Outcome::Restored),
            State::Other => Ok(Outcome::Left),
        };
        restored.map_err(JournalError::of("restore", path))
    }

    /// Restores what a tool changed, to the byte if nobody wrote there since, else by the tool's inverse.
    fn watched(&self, it: &Watched<'_>, undone: &mut Vec<Undone>) -> Result<(), JournalError> {
        let settled = self.log.records.iter().find_map(|record| match record {
            Record::Settled { watch, before, after } if *watch == it.number => {
                Some((before, after))
            }
            _ => None,
        });
        let Some((before, after)) = settled else {
            // The tool was interrupted, or never begun.
            let (changed, _) = differing(it.before, &survey(it.paths, |_, _| Ok(()))?);
            if !changed.is_empty() {
                self.run(it.words, undone)?;
                self.take_out(it, undone)?;
            }
            return Ok(());
        };
        let (steps, is_plain) = pending(before, after)?;
        // A database is not replaced under a program that has it open.
        if is_plain && !steps.iter().any(|step| sys::is_open(step.path)) {
            return self.restore_all(&steps, undone);
        }
        self.run(it.words, undone)?;
        // What the tool has left as it made it is nobody else's.
        let (mut steps, _) = pending(before, after)?;
        steps.retain(|step| !sys::is_open(step.path));
        self.restore_all(&steps, undone)?;
        self.take_out(it, undone)
    }

    fn restore_all(
        &self,
        pending: &[Pending<'_>],
        undone: &mut Vec<Undone>,
    ) -> Result<(), JournalError> {
        let parents_first = pending.iter().filter(|step| *step.was != State::Absent);
        let children_first = pending.iter().rev().filter(|step| *step.was == State::Absent);
        for Pending { path, now, was, is } in parents_first.chain(children_first) {
            let outcome = self.restore(path, now, was, is)?;
            undone.push(Undone { what: (*path).clone(), outcome });
        }
        Ok(())
    }

    /// Takes our part out of the files that are not as before.
    fn take_out(&self, it: &Watched<'_>, undone: &mut Vec<Undone>) -> Result<(), JournalError> {
        let Some(part) = it.part else { return Ok(()) };
        let (_, now) = differing(it.before, &survey(it.paths, |_, _| Ok(()))?);
        for (path, state) in now {
            let State::File { mode, owner, .. } = state else { continue };
            let (_, contents) = State::look(&path)?;
            let Some(without) = self.parts.without(part, &contents) else { continue };
            write_whole(&path, &without, mode, Some(owner), self.id)
                .map_err(JournalError::of("write", &path))?;
            undone.push(Undone { what: path, outcome: Outcome::PartRemoved });
        }
        Ok(())
    }

    fn run(&self, words: &[String], undone: &mut Vec<Undone>) -> Result<(), JournalError> {
        let Some(program) = words.first() else { return Ok(()) };
        tool::run(words, &self.log.file, self.log.folder())?;
        undone.push(Undone { what: program.into(), outcome: Outcome::Ran });
        Ok(())
    }
}
