//! `repair`, and what each start does: what killed processes left is undone.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use sidestream::journal::{
    self, Journal, JournalError, Outcome, Part, Parts, Repaired, Run, Standing,
};
use sidestream::sysproxy::{self, Desktop, GiveBack};
use sidestream::trust::TakeOut;

use crate::gateway;
use crate::say::say;

/// How often it is looked again for what was left in the meantime.
const ROUNDS: usize = 3;

/// Whose journal it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The machine's, which root alone may read.
    Machine,
    /// The user's.
    User,
}

impl Whose {
    /// Returns that of a place where a proxy is set.
    pub const fn of(scope: sysproxy::Scope) -> Self {
        match scope {
            sysproxy::Scope::Machine => Self::Machine,
            sysproxy::Scope::User => Self::User,
        }
    }

    /// Returns where it is.
    ///
    /// # Errors
    ///
    /// The user has no home.
    pub fn folder(self) -> Result<PathBuf, journal::FolderError> {
        match self {
            Self::Machine => Ok(journal::of_root(Path::new("/"))),
            Self::User => journal::of_user(&|name| std::env::var_os(name)),
        }
    }

    /// The journal, if it is there and can be seen.
    pub fn journal(self) -> Option<Journal> {
        Journal::find(&self.folder().ok()?)
    }
}

/// The desktop of the user whose environment this is.
pub fn desktop() -> Desktop<'static> {
    fn env(name: &str) -> Option<OsString> {
        std::env::var_os(name)
    }
    Desktop { env: &env, fs_root: Path::new("/") }
}

/// Knows all that we change: roots in stores, and proxies in settings.
struct Ours;

impl Parts for Ours {
    fn without(&self, part: &Part, contents: &[u8]) -> Option<Vec<u8>> {
        if GiveBack::knows(&part.kind) {
            desktop().give_back().without(part, contents)
        } else {
            TakeOut.without(part, contents)
        }
    }

    fn restore(&self, setting: &Part, run: Run<'_>) -> Result<Outcome, JournalError> {
        desktop().give_back().restore(setting, run)
    }
}

/// Undoes what is left over, and has running programs see it.
fn undo(journal: &Journal) -> Result<Repaired, JournalError> {
    let repaired = journal.repair(&Ours)?;
    repaired.undone.iter().for_each(|(subject, _)| desktop().notify(subject));
    Ok(repaired)
}

/// Undoes left-overs before anything is begun, and says so in one line.
pub fn at_start(whose: Whose) {
    if whose == Whose::Machine
        && let Ok(Some(what)) = gateway::clear()
    {
        say(format_args!("undid what a killed process left: {what}"));
    }
    let Some(Ok(repaired)) = whose.journal().map(|journal| undo(&journal)) else {
        // Without a journal there is nothing, and one that is closed is that of another.
        return;
    };
    if let [(first, _), ..] = &repaired.undone[..] {
        let more = repaired.undone.len() - 1;
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        say(format_args!("undid what a killed process left: {first}{more}"));
    }
    if let [first, ..] = &repaired.failed[..] {
        say(format_args!("a left-over stays ({}): sidestream repair", first.error));
    }
}

/// Names the left-overs that can be seen.
pub fn left_overs() -> Vec<String> {
    let journals = [Whose::Machine, Whose::User].into_iter().filter_map(Whose::journal);
    let mut found: Vec<_> = gateway::left_over().into_iter().collect();
    for (entries, errors) in journals.filter_map(|journal| journal.entries().ok()) {
        let left = entries.into_iter().filter(|entry| entry.standing == Standing::LeftOver);
        found.extend(left.map(|entry| entry.subject.to_string()));
        found.extend(errors.iter().map(ToString::to_string));
    }
    found
}

/// Undoes the left-overs of one journal, tells what, and returns whether all went well.
///
/// # Errors
///
/// The journal cannot be read, or the output not be written.
pub fn repair(whose: Whose, out: &mut impl Write) -> anyhow::Result<(usize, bool)> {
    let mut routing = 0;
    if whose == Whose::Machine
        && let Some(what) = gateway::clear()?
    {
        writeln!(out, "{what}")?;
        routing = 1;
    }
    let Some(journal) = whose.journal() else { return Ok((routing, true)) };
    let mut repaired = undo(&journal)?;
    let mut entries = journal.entries()?.0;
    // Whoever was about it may have ended meanwhile.
    for _ in 0..ROUNDS {
        let is_left = entries.iter().any(|entry| entry.standing == Standing::LeftOver);
        if !is_left || !repaired.failed.is_empty() {
            break;
        }
        let more = undo(&journal)?;
        repaired.undone.extend(more.undone);
        repaired.failed.extend(more.failed);
        entries = journal.entries()?.0;
    }
    let Repaired { undone, failed } = repaired;
    for (subject, steps) in &undone {
        writeln!(out, "{subject}")?;
        steps.iter().try_for_each(|step| writeln!(out, "  {step}"))?;
    }
    for failed in &failed {
        let subject = failed.subject.as_ref().map(|subject| format!("{subject}: "));
        let error = failed_words(&failed.error);
        say(format_args!("{}{error}", subject.unwrap_or_default()));
    }
    for entry in entries {
        if let Standing::Live { pid, program } = entry.standing {
            writeln!(out, "{}: {program} (pid {pid}) is about it", entry.subject)?;
        }
    }
    Ok((routing + undone.len() + failed.len(), failed.is_empty()))
}

/// An error with what the system said.
fn failed_words(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// Tells that there was nothing.
///
/// # Errors
///
/// The output cannot be written.
pub fn nothing() -> io::Result<()> {
    writeln!(io::stdout(), "nothing to repair")
}
