//! What `/proc` and the user database tell of a process.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use std::{fs, io};

use sidestream_flow::{Process, User};
use sidestream_process::Table;

use super::processes::{Entry, Image, TICKS_PER_SECOND};

/// The most users whose names are remembered; then all are forgotten.
const MAX_USERS: usize = 4096;

/// Tells who processes are.
#[derive(Debug)]
pub(crate) struct People {
    table: Table,
    boot: SystemTime,
    users: HashMap<u32, Option<String>>,
}

impl People {
    /// Opens the process table.
    pub(crate) fn open() -> io::Result<Self> {
        let stat = fs::read_to_string("/proc/stat")?;
        let boot = stat.lines().find_map(|line| line.strip_prefix("btime ")?.parse().ok());
        let missing = || io::Error::new(io::ErrorKind::InvalidData, "no btime in /proc/stat");
        let boot = SystemTime::UNIX_EPOCH + Duration::from_secs(boot.ok_or_else(missing)?);
        Ok(Self { table: Table::open()?, boot, users: HashMap::new() })
    }

    /// Returns the record of a process unless it has gone.
    pub(crate) fn living(&self, entry: &Entry) -> Option<Arc<Process>> {
        let (pid, started_ns) = (entry.identity.pid, entry.identity.started_ns());
        if entry.is_gone() { None } else { self.table.process_at(pid, started_ns) }
    }

    /// Finds out the name of a process's user.
    pub(crate) fn learn_user(&mut self, entry: &Entry) {
        if self.users.contains_key(&entry.uid) {
            return;
        }
        if self.users.len() >= MAX_USERS {
            self.users.clear();
        }
        let seen = self.living(entry).and_then(|process| process.user.clone());
        let name = match seen.filter(|user| user.uid == entry.uid) {
            Some(user) => user.name,
            None => fs::read_to_string("/etc/passwd").ok().and_then(|all| listed(&all, entry.uid)),
        };
        self.users.insert(entry.uid, name);
    }

    /// Returns the name of a user that was found out before.
    pub(crate) fn user(&self, uid: u32) -> Option<&str> {
        self.users.get(&uid).and_then(Option::as_deref)
    }

    /// Finds the one user that an item on this name or number means; `None` if there may be none
    /// or several.
    pub(crate) fn find_user(name: &str) -> Option<u32> {
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        meant(&passwd, name)
    }

    /// Makes the record of a process: all that can be seen if it still runs that program, else
    /// what the kernel told of it.
    pub(crate) fn describe(&mut self, entry: &Entry, image: &Image) -> Process {
        if let Some(process) = self.living(entry)
            && (image.path.is_none() || process.path == image.path)
        {
            return Process { parent: None, ..(*process).clone() };
        }
        self.learn_user(entry);
        let age = Duration::from_millis(entry.identity.ticks * 1000 / TICKS_PER_SECOND);
        Process {
            pid: entry.identity.pid,
            started: self.boot.checked_add(age),
            name: image.comm.clone(),
            path: image.path.clone(),
            args: image.args.clone(),
            user: Some(User { uid: entry.uid, name: self.user(entry.uid).map(str::to_owned) }),
            ..Process::default()
        }
    }
}

/// Finds the name of a user in `passwd(5)`.
fn listed(passwd: &str, uid: u32) -> Option<String> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

/// Finds the only user in `passwd(5)` that is known by this name or number.
fn meant(passwd: &str, name: &str) -> Option<u32> {
    let uids = passwd.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let uid = (fields.next() == Some(name)).then(|| fields.nth(1)?.parse::<u32>().ok());
        uid.flatten()
    });
    let number = name.bytes().all(|byte| byte.is_ascii_digit()).then(|| name.parse().ok());
    let mut all: Vec<u32> = number.flatten().into_iter().chain(uids).collect();
    all.dedup();
    let &[uid] = &all[..] else { return None };
    // A user may have several names, of which only the first is known by the number.
    let known = number.is_some() || listed(passwd, uid).is_some_and(|first| first == name);
    known.then_some(uid)
}

#[cfg(test)]
mod tests {
    use super::{listed, meant};

    #[test]
    fn a_user_is_meant_if_there_is_but_one() {
        let passwd = "root:x:0:0::/:\ntoor:x:0:0::/:\nalice:x:7:7::/:\nbob:x:8:8::/:\n\
            bob:x:9:9::/:\n33:x:10:10::/:\n";
        let names = ["root", "7", "99", "alice", "toor", "bob", "33", "carol", ""];
        let uids = [Some(0), Some(7), Some(99), Some(7), None, None, None, None, None];
        assert_eq!(names.map(|name| meant(passwd, name)), uids);
    }

    #[test]
    fn a_user_is_found_by_the_third_field() {
        let passwd = "root:x:0:0::/:/bin/sh\n# 7:8:9\n\nalice:x:1000:100::/:\n+::::::\n";
        assert_eq!(listed(passwd, 1000).as_deref(), Some("alice"));
        assert_eq!(listed(passwd, 0).as_deref(), Some("root"));
        assert_eq!(listed(passwd, 100), None);
    }
}
