//! `ca install`, `uninstall` and `status`: the stores of the machine and of the user.

use std::io::{self, Write};
use std::path::Path;

use sidestream::journal::{Journal, JournalError};
use sidestream::trust::{Change, Place, RootCertificate, Scope, Status, Store, Stores, TrustError};

use crate::args::{CaCommand, StoreKind, Which};
use crate::exit::Exit;
use crate::repair::Whose;

/// What is done with stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// The root is put into them.
    Install,
    /// It is looked for.
    Status,
    /// It is taken out.
    Uninstall,
}

/// A line of the table.
#[derive(Debug)]
struct Row {
    place: Place,
    state: &'static str,
    why: String,
    is_well: bool,
}

/// What is done, with which stores, and what came of it.
#[derive(Debug)]
pub struct Work<'a> {
    task: Task,
    kinds: Vec<Store>,
    stores: Stores<'a>,
    rows: Vec<Row>,
}

impl<'a> Work<'a> {
    /// Reads what is asked for; nothing if it is not about stores.
    pub fn new(
        command: &CaCommand,
        root: &'a RootCertificate,
        env: &'a dyn Fn(&str) -> Option<std::ffi::OsString>,
    ) -> Option<Self> {
        let (task, Which { store }) = match command {
            CaCommand::Install(which) => (Task::Install, which),
            CaCommand::Status(which) => (Task::Status, which),
            CaCommand::Uninstall(which) => (Task::Uninstall, which),
            _ => return None,
        };
        let stores = Stores { root, env, fs_root: Path::new("/") };
        Some(Self { task, kinds: kinds(store), stores, rows: Vec::new() })
    }

    /// Does it with the stores of the machine, or with those of the user.
    ///
    /// # Errors
    ///
    /// The stores of this system are not known. That one of them refuses is told in the table.
    pub fn with(&mut self, scope: Scope) -> Result<(), TrustError> {
        // The machine's own store comes first: what its tool makes may be another one that is listed.
        let places = self.stores.places()?.into_iter();
        let places: Vec<Place> = places
            .filter(|place| place.scope == scope && self.kinds.contains(&place.store))
            .collect();
        if places.is_empty() && self.task != Task::Uninstall {
            return Ok(());
        }
        let journal = match self.task {
            Task::Status => None,
            _ => Some(journal(scope)),
        };
        for place in places {
            let row = match &journal {
                None => self.look(place),
                Some(Ok(journal)) => self.change(place, journal),
                Some(Err(error)) => self.refused(place, error),
            };
            self.rows.push(row);
        }
        if let (Task::Uninstall, Some(Ok(journal))) = (self.task, &journal) {
            self.stores.uninstall_rest(&self.kinds, journal)?;
        }
        Ok(())
    }

    fn look(&self, place: Place) -> Row {
        let (state, why) = match self.stores.status(&place) {
            Status::Trusted => ("trusted", String::new()),
            Status::Untrusted => ("not trusted", String::new()),
            Status::Unknown(why) => ("unknown", why),
            _ => ("unknown", String::new()),
        };
        Row { place, state, why, is_well: state == "trusted" }
    }

    fn change(&self, place: Place, journal: &Journal) -> Row {
        let (done, [changed, already]) = match self.task {
            Task::Install => (self.stores.install(&place, journal), ["trusted", "was trusted"]),
            _ => (self.stores.uninstall(&place, journal), ["removed", "was not trusted"]),
        };
        match done {
            Ok(Change::Done) => Row { place, state: changed, why: String::new(), is_well: true },
            Ok(Change::Already) => Row { place, state: already, why: String::new(), is_well: true },
            Err(error) => {
                let remedy = error.remedy().map(|remedy| format!("; {remedy}"));
                let why = chain(&error) + &remedy.unwrap_or_default();
                Row { place, state: "failed", why, is_well: false }
            }
        }
    }

    /// A store that cannot be changed, since nothing can be noted.
    fn refused(&self, place: Place, error: &anyhow::Error) -> Row {
        let is_done = match (self.task, self.stores.status(&place)) {
            (Task::Install, Status::Trusted) => Some("was trusted"),
            (Task::Uninstall, Status::Untrusted) => Some("was not trusted"),
            _ => None,
        };
        if let Some(state) = is_done {
            return Row { place, state, why: String::new(), is_well: true };
        }
        let is_for_root = error.downcast_ref().is_some_and(JournalError::is_denied);
        let why = match (place.scope, self.task) {
            (Scope::Machine, Task::Install) if is_for_root => {
                format!("it takes root: sudo sidestream ca install --store {}", place.store)
            }
            (Scope::Machine, _) if is_for_root => {
                format!("it takes root: sudo sidestream ca uninstall --store {}", place.store)
            }
            _ => format!("{error:#}"),
        };
        Row { place, state: "failed", why, is_well: false }
    }

    /// Prints the table, and says how it went: well if it did for all.
    ///
    /// # Errors
    ///
    /// The output cannot be written.
    pub fn tell(self, out: &mut impl Write) -> io::Result<Exit> {
        if self.rows.is_empty() {
            writeln!(out, "no such store is here")?;
            return Ok(Exit::Failure);
        }
        let width = |of: &dyn Fn(&Row) -> usize| self.rows.iter().map(of).max().unwrap_or(0);
        let names = width(&|row| row.place.name.len());
        let paths = width(&|row| row.place.path.display().to_string().len());
        for Row { place, state, why, .. } in &self.rows {
            let (store, name) = (place.store.to_string(), place.name);
            let path = place.path.display().to_string();
            let line = format!("{store:6}  {name:names$}  {path:paths$}  {state:15}  {why}");
            writeln!(out, "{}", line.trim_end())?;
        }
        let is_well = self.rows.iter().all(|row| row.is_well);
        Ok(if is_well { Exit::Success } else { Exit::Failure })
    }
}

fn journal(scope: Scope) -> anyhow::Result<Journal> {
    let whose = match scope {
        Scope::Machine => Whose::Machine,
        Scope::User => Whose::User,
    };
    Ok(Journal::open(&whose.folder()?)?)
}

fn kinds(asked: &[StoreKind]) -> Vec<Store> {
    let kind = |asked: &StoreKind| match asked {
        StoreKind::All => vec![Store::System, Store::Nss, Store::Java],
        StoreKind::Java => vec![Store::Java],
        StoreKind::Nss => vec![Store::Nss],
        StoreKind::System => vec![Store::System],
    };
    asked.iter().flat_map(kind).collect()
}

/// Joins an error and its causes.
fn chain(error: &TrustError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
