//! A user's desktop, and the proxy that it is told of for a while.

use std::ffi::OsString;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use sidestream_journal::{Entry, Journal, JournalError, Subject, Transaction, Undone};

use crate::{Current, GiveBack, Place, SysproxyError, sys};

/// Whose changes they are, in the journal.
const OWNER: &str = "sysproxy";

/// A user's desktop.
#[derive(Clone, Copy)]
pub struct Desktop<'a> {
    /// The user's environment.
    pub env: &'a (dyn Fn(&str) -> Option<OsString> + Sync),
    /// The folder that is `/` to the machine.
    pub fs_root: &'a Path,
}

impl<'a> Desktop<'a> {
    /// Finds the desktops whose settings are here; the environment is never among them, since
    /// programs keep what they were started with.
    ///
    /// # Errors
    ///
    /// [`SysproxyError::Elsewhere`] on a system whose settings are not known.
    pub fn places(&self) -> Result<Vec<Place>, SysproxyError> {
        sys::places(self)
    }

    /// Returns where the environment of the next session is set: the machine's for root, else the
    /// user's own.
    pub fn environment(&self) -> Place {
        if sys::is_root() { Place::EtcEnvironment } else { Place::Environment }
    }

    /// Returns the change that a journal has of a place: that of a process that lives, or what a
    /// killed one left.
    ///
    /// # Errors
    ///
    /// The journal cannot be read.
    pub fn holder(place: Place, journal: &Journal) -> Result<Option<Entry>, JournalError> {
        let is_it = |entry: &Entry| {
            entry.subject.owner == OWNER && entry.subject.place == subject(place).place
        };
        let (entries, _) = journal.entries()?;
        Ok(entries.into_iter().rev().find(is_it))
    }

    /// Tells what programs are told now.
    ///
    /// # Errors
    ///
    /// The settings are not here, or cannot be read.
    pub fn current(&self, place: Place) -> Result<Current, SysproxyError> {
        sys::current(self, place)
    }

    /// Makes programs use a proxy for HTTP and HTTPS, until what is returned is dropped. The hosts
    /// that the user excepts stay excepted.
    ///
    /// An address that is none, as `0.0.0.0`, becomes that of loopback.
    ///
    /// # Errors
    ///
    /// [`JournalError::Busy`] if another process holds the place; the settings are locked, not
    /// here, or refused: they are as before then.
    pub fn set(
        &self,
        place: Place,
        proxy: SocketAddr,
        journal: &Journal,
    ) -> Result<Restore<'a>, SysproxyError> {
        let proxy = reachable(proxy);
        let mut change = journal.begin(subject(place).with_key(proxy.to_string()))?;
        match sys::set(self, place, proxy, &mut change) {
            Ok(()) => {
                sys::notify(self, place);
                Ok(Restore { desktop: *self, place, change: Some(change) })
            }
            Err(error) => Err(match change.undo(&self.give_back()) {
                Ok(_) => error,
                Err(source) => SysproxyError::Stuck { cause: error.to_string(), source },
            }),
        }
    }

    /// Returns what a journal restores settings by.
    pub const fn give_back(&self) -> GiveBack<'a> {
        GiveBack::new(*self)
    }

    /// Tells running programs of settings that a journal has restored, where they do not see that.
    pub fn notify(&self, restored: &Subject) {
        if (&restored.owner, &restored.place) == (&OWNER.into(), &subject(Place::Kde).place) {
            sys::notify(self, Place::Kde);
        }
    }
}

/// How a place is called in the journal.
fn subject(place: Place) -> Subject {
    Subject::new(OWNER, format!("the proxy settings of {place}"))
}

/// Where programs of this machine reach what listens there.
fn reachable(proxy: SocketAddr) -> SocketAddr {
    let ip = match proxy.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, proxy.port())
}

/// Gives the former settings back: when it is dropped, or told to.
#[must_use = "the settings are restored as soon as it is dropped"]
pub struct Restore<'a> {
    desktop: Desktop<'a>,
    place: Place,
    change: Option<Transaction>,
}

impl Restore<'_> {
    /// Returns what is set for the time being.
    pub const fn place(&self) -> Place {
        self.place
    }

    /// Restores them now, and tells what became of each.
    ///
    /// # Errors
    ///
    /// They cannot be restored; the journal keeps what it takes.
    pub fn restore(mut self) -> Result<Vec<Undone>, JournalError> {
        self.undo()
    }

    fn undo(&mut self) -> Result<Vec<Undone>, JournalError> {
        let Some(change) = self.change.take() else { return Ok(Vec::new()) };
        let undone = change.undo(&self.desktop.give_back())?;
        sys::notify(&self.desktop, self.place);
        Ok(undone)
    }
}

impl Drop for Restore<'_> {
    fn drop(&mut self) {
        // What cannot be restored stays in the journal, whose repair tells of it.
        _ = self.undo();
    }
}

impl fmt::Debug for Desktop<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desktop").field("fs_root", &self.fs_root).finish_non_exhaustive()
    }
}

impl fmt::Debug for Restore<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Restore").field("place", &self.place).finish_non_exhaustive()
    }
}
