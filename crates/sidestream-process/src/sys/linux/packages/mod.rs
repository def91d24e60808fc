//! Which package installed a file.

mod dpkg;
mod index;
mod listed;
mod managers;
mod program;
mod rpm;

use std::collections::{HashMap, HashSet};
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread;

use sidestream_flow::Process;

use managers::Managers;

/// The most answers that are remembered; then all are forgotten.
const MAX_KEPT: usize = 4096;

/// Where no package puts anything, or where what is has no owner.
const UNOWNED: [&str; 7] = ["/dev", "/home", "/proc", "/root", "/run", "/tmp", "/var/tmp"];

/// Knows which package installed a file, by what the package managers keep on disk.
///
/// Nothing is read before the first question, and then only until the answer is found. Clones share
/// what was read and answered.
#[derive(Clone, Debug, Default)]
pub struct Packages(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// Held as long as a look-up takes.
    managers: Mutex<Option<Managers>>,
    answers: Mutex<Answers>,
}

#[derive(Debug, Default)]
struct Answers {
    known: HashMap<PathBuf, Option<String>>,
    asked: HashSet<PathBuf>,
    is_answering: bool,
}

impl Packages {
    /// Has read beforehand, by a thread of its own, what most answers need.
    pub fn prepare(&self) {
        self.ask(None);
    }

    /// Finds the package of a file: `curl` of `/usr/bin/curl`.
    ///
    /// Reads files, and may run a program: not for a thread that others wait for.
    pub fn owner(&self, path: &Path) -> Option<String> {
        if is_unowned(path) {
            return None;
        }
        if let Some(owner) = self.0.answers().known.get(path) {
            return owner.clone();
        }
        let owner = self.0.managers().get_or_insert_with(Managers::read).owner(path);
        self.0.answers().keep(path.to_owned(), owner.clone());
        owner
    }

    /// Finds the package of a file if it is known already, or found in a few small files; else
    /// has it looked up by a thread of its own, and returns `None` until that is done.
    pub fn known_owner(&self, path: &Path) -> Option<Option<String>> {
        if is_unowned(path) {
            return Some(None);
        }
        if let Some(owner) = self.0.answers().known.get(path) {
            return Some(owner.clone());
        }
        let near = self.0.managers_at_once().and_then(|managers| managers.as_ref()?.near(path));
        if let Some(owner) = near {
            self.0.answers().keep(path.to_owned(), Some(owner.clone()));
            return Some(Some(owner));
        }
        self.ask(Some(path));
        None
    }

    /// Finds the package of a process's program, as [`owner`](Self::owner) does.
    ///
    /// A process that runs another file than the one at that path here, as in a container, has
    /// none.
    pub fn owner_of(&self, process: &Process) -> Option<String> {
        program::packaged(process).and_then(|path| self.owner(path))
    }

    /// Finds the package of a process's program, as [`known_owner`](Self::known_owner) does.
    ///
    /// A process that runs another file than the one at that path here, as in a container, has
    /// none.
    pub fn known_owner_of(&self, process: &Process) -> Option<Option<String>> {
        program::packaged(process).map_or(Some(None), |path| self.known_owner(path))
    }

    /// Has a file's package looked up beside, or what most answers need.
    fn ask(&self, path: Option<&Path>) {
        let mut answers = self.0.answers();
        answers.asked.extend(path.map(Path::to_owned));
        if !mem::replace(&mut answers.is_answering, true) {
            let shared = self.clone();
            let spawned =
                thread::Builder::new().name("packages".into()).spawn(move || shared.answer());
            answers.is_answering = spawned.is_ok();
        }
    }

    /// Answers what was asked until nothing is.
    fn answer(&self) {
        self.0.managers().get_or_insert_with(Managers::read);
        loop {
            let asked = mem::take(&mut self.0.answers().asked);
            for path in &asked {
                _ = self.owner(path);
            }
            let mut answers = self.0.answers();
            if answers.asked.is_empty() {
                answers.is_answering = false;
                return;
            }
        }
    }
}

impl Shared {
    fn answers(&self) -> MutexGuard<'_, Answers> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn managers(&self) -> MutexGuard<'_, Option<Managers>> {
        self.managers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the managers unless somebody looks something up there.
    fn managers_at_once(&self) -> Option<MutexGuard<'_, Option<Managers>>> {
        match self.managers.try_lock() {
            Ok(managers) => Some(managers),
            Err(TryLockError::Poisoned(error)) => Some(error.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

impl Answers {
    fn keep(&mut self, path: PathBuf, owner: Option<String>) {
        if self.known.len() >= MAX_KEPT {
            self.known.clear();
        }
        self.known.insert(path, owner);
    }
}

fn is_unowned(path: &Path) -> bool {
    UNOWNED.iter().any(|folder| path.starts_with(folder)) || !path.is_absolute()
}
