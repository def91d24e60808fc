//! Stores of trusted roots: the root put into them, taken out, and looked for.

mod error;
mod java;
mod nss;
mod parts;
mod system;

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use sidestream_journal::{Entry, Journal, JournalError, Standing, Subject, Transaction};

pub use error::TrustError;
pub use parts::TakeOut;

use crate::tree::Tree;
use crate::{RootCertificate, sys};

/// Whose changes they are, in the journal.
const OWNER: &str = "trust";

/// A kind of store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Store {
    /// The key stores of JDKs.
    Java,
    /// The databases of Firefox, Thunderbird and Chromium.
    Nss,
    /// The machine's own.
    System,
}

/// To whom a store belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// To the machine: root changes it.
    Machine,
    /// To the user, who changes it, and not root.
    User,
}

/// One store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Place {
    /// Its kind.
    pub store: Store,
    /// To whom it belongs.
    pub scope: Scope,
    /// Whose way of keeping roots it is: `Debian`, `Firefox`.
    pub name: &'static str,
    /// Where the root is put: a file or a folder, as from inside.
    pub path: PathBuf,
    /// The password of a key store, if the user gives one.
    password: Option<String>,
}

/// Whether a store trusts the root.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// It does.
    Trusted,
    /// It cannot be told, for this reason.
    Unknown(String),
    /// It does not.
    Untrusted,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was so already.
    Already,
    /// It was done.
    Done,
}

/// A machine's stores, and the root that they are about.
#[derive(Clone, Copy)]
pub struct Stores<'a> {
    /// The root.
    pub root: &'a RootCertificate,
    /// The user's environment.
    pub env: &'a dyn Fn(&str) -> Option<OsString>,
    /// The folder that is `/` to the machine.
    pub fs_root: &'a Path,
}

impl Stores<'_> {
    /// Finds the stores that are there.
    ///
    /// # Errors
    ///
    /// [`TrustError::Elsewhere`] on a system whose stores are not known.
    pub fn places(&self) -> Result<Vec<Place>, TrustError> {
        if !sys::HAS_PLACES {
            return Err(TrustError::Elsewhere);
        }
        let mut places: Vec<Place> = system::place(self.tree()).into_iter().collect();
        places.extend(nss::places(self));
        places.extend(java::places(self));
        Ok(places)
    }

    /// Tells whether a store trusts the root.
    pub fn status(&self, place: &Place) -> Status {
        let held = match place.store {
            Store::Java => java::holds(self, place),
            Store::Nss => nss::holds(self, place),
            Store::System => Ok(system::holds(self)),
        };
        match held {
            Ok(true) => Status::Trusted,
            Ok(false) => Status::Untrusted,
            Err(error) => Status::Unknown(error.to_string()),
        }
    }

    /// Puts the root into a store, to stay until it is taken out.
    ///
    /// # Errors
    ///
    /// The store or its tool refused: it is as before then.
    pub fn install(&self, place: &Place, journal: &Journal) -> Result<Change, TrustError> {
        if self.status(place) == Status::Trusted {
            return Ok(Change::Already);
        }
        let mut change = journal.begin(self.subject(place))?;
        let put = match place.store {
            Store::Java => java::put(self, place, &mut change),
            Store::Nss => nss::put(self, place, &mut change),
            Store::System => system::put(self, &mut change),
        };
        let put = put.and_then(|()| match self.status(place) {
            Status::Trusted => Ok(()),
            _ => Err(TrustError::NotTaken { path: place.path.clone() }),
        });
        match put {
            Ok(()) => {
                change.keep()?;
                Ok(Change::Done)
            }
            Err(error) => Err(undone(change, error)),
        }
    }

    /// Takes the root out of a store: by undoing what put it there, and wherever else it is found by its fingerprint.
    ///
    /// # Errors
    ///
    /// The store or its tool refused.
    pub fn uninstall(&self, place: &Place, journal: &Journal) -> Result<Change, TrustError> {
        let subject = self.subject(place);
        let is_of = |entry: &Entry| entry.subject == subject;
        let mut did = self.undo(journal, is_of)?;
        let is_left = match place.store {
            Store::System => system::is_anchored(self),
            _ => self.status(place) == Status::Trusted,
        };
        if is_left {
            let mut change = journal.begin(subject)?;
            let taken = match place.store {
                Store::Java => java::take_out(self, place, &mut change),
                Store::Nss => nss::take_out(self, place, &mut change),
                Store::System => system::take_out(self, &mut change),
            };
            match taken {
                Ok(()) => change.forget()?,
                Err(error) => return Err(undone(change, error)),
            }
            did = true;
        }
        Ok(if did { Change::Done } else { Change::Already })
    }

    /// Undoes what was put into stores of these kinds that are not found any more; returns which.
    ///
    /// # Errors
    ///
    /// The journal cannot be read, or a step not be undone.
    pub fn uninstall_rest(
        &self,
        stores: &[Store],
        journal: &Journal,
    ) -> Result<Vec<String>, TrustError> {
        let key = self.root.fingerprint();
        let mut places = Vec::new();
        for entry in journal.entries()?.0 {
            let is_asked =
                stores.iter().any(|store| entry.subject.place.starts_with(&format!("{store} ")));
            if entry.subject.owner == OWNER && entry.subject.key == key && is_asked {
                self.undo(journal, |other| other.id == entry.id)?;
                places.push(entry.subject.place);
            }
        }
        Ok(places)
    }

    /// Undoes the changes that are meant, the last first; returns whether there was one.
    fn undo(
        &self,
        journal: &Journal,
        is_meant: impl Fn(&Entry) -> bool,
    ) -> Result<bool, TrustError> {
        let (entries, _) = journal.entries()?;
        let mut did = false;
        for entry in entries.iter().rev().filter(|entry| is_meant(entry)) {
            if let Standing::Live { pid, program } = &entry.standing {
                let (pid, program) = (*pid, program.clone());
                let subject = entry.subject.to_string();
                return Err(JournalError::Busy { subject, pid, program }.into());
            }
            journal.undo(entry.id, &TakeOut)?;
            did = true;
        }
        Ok(did)
    }

    fn subject(&self, place: &Place) -> Subject {
        Subject::new(OWNER, format!("{} {}", place.store, place.path.display()))
            .with_key(self.root.fingerprint())
    }

    fn tree(&self) -> Tree<'_> {
        Tree::new(self.fs_root)
    }

    /// Our name in a store: that of the certificate's file, and its nickname.
    fn own_name(&self) -> String {
        format!("sidestream-{}", &self.root.fingerprint()[..8])
    }
}

/// Takes back what was done before it failed.
fn undone(change: Transaction, error: TrustError) -> TrustError {
    match change.undo(&TakeOut) {
        Ok(_) => error,
        Err(source) => TrustError::Stuck { cause: error.to_string(), source },
    }
}

impl fmt::Debug for Stores<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stores").field("root", self.root).finish_non_exhaustive()
    }
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Java => "java",
            Self::Nss => "nss",
            Self::System => "system",
        })
    }
}
