//! The table of processes, kept by the kernel's events and by looks at `/proc`.

use std::collections::HashMap;
use std::rc::Rc;
use std::time::Instant;

use super::retention::Retention;
use super::{Entry, Identity, Image, Key, Program, Seen};

/// The longest line of ancestors; one is longer only by a mistake.
const MAX_ANCESTORS: usize = 256;

/// Knows every process with its ancestors, also those that have gone while a descendant lives.
#[derive(Debug, Default)]
pub(crate) struct Processes {
    entries: HashMap<Key, Entry>,
    /// The process that has a pid, or had it last.
    by_pid: HashMap<u32, Key>,
    by_identity: HashMap<Identity, Key>,
    retention: Retention,
    last_key: Key,
}

/// A process has replaced its program.
#[derive(Debug)]
pub(crate) struct Exec {
    pub(crate) pid: u32,
    pub(crate) started_ns: u64,
    pub(crate) parent: u32,
    pub(crate) uid: u32,
    pub(crate) image: Image,
}

impl Processes {
    /// Notes that `parent` made `child`, and returns the child.
    pub(crate) fn handle_fork(&mut self, parent: u32, child: u32, started_ns: u64) -> Key {
        let parent = self.by_pid.get(&parent).copied();
        let made_by = parent.and_then(|parent| self.entries.get(&parent));
        let inherited =
            made_by.map(|entry| (entry.uid, Rc::clone(&entry.program.image), entry.place.clone()));
        let (uid, image, place) = inherited.unwrap_or_default();
        let key = self.ensure(Identity::new(child, started_ns), uid, image);
        self.adopt(key, parent);
        self.entry(key).place = place;
        key
    }

    /// Notes that a process runs another program, and returns it with the record that nothing
    /// will refer to any more.
    pub(crate) fn handle_exec(&mut self, exec: Exec) -> (Key, Option<u64>) {
        let Exec { pid, started_ns, parent, uid, image } = exec;
        let identity = Identity::new(pid, started_ns);
        let known = self.by_identity.get(&identity).copied();
        let key = known.unwrap_or_else(|| {
            let key = self.ensure(identity, uid, Rc::default());
            self.adopt(key, self.by_pid.get(&parent).copied());
            key
        });
        let entry = self.entry(key);
        let before = std::mem::replace(&mut entry.program, Program::new(Rc::new(image)));
        (entry.uid, entry.place, entry.decisions) = (uid, None, None);
        let before = known.and_then(|_| entry.previous.replace(before));
        (key, before.and_then(|program| program.record))
    }

    /// Notes that a process has ended.
    pub(crate) fn handle_exit(&mut self, pid: u32, started_ns: u64, now: Instant) {
        if let Some(&key) = self.by_identity.get(&Identity::new(pid, started_ns)) {
            self.end(key, now);
        }
    }

    /// Takes over what a look at all of `/proc` found; who is not among it has gone, and is
    /// returned by its pid.
    pub(crate) fn handle_scan(&mut self, seen: Vec<Seen>, now: Instant) -> Vec<u32> {
        let parents: Vec<(Key, u32)> =
            seen.into_iter().map(|seen| (self.handle_seen(&seen), seen.parent)).collect();
        for &(key, parent) in &parents {
            self.adopt(key, self.by_pid.get(&parent).copied());
        }
        let living: std::collections::HashSet<Key> =
            parents.into_iter().map(|(key, _)| key).collect();
        let ended =
            |(key, entry): (&Key, &Entry)| (!entry.gone && !living.contains(key)).then_some(*key);
        let ended: Vec<Key> = self.entries.iter().filter_map(ended).collect();
        ended.iter().for_each(|&key| self.end(key, now));
        ended.into_iter().map(|key| self.entry(key).identity.pid).collect()
    }

    /// Takes over what a look at one process found.
    pub(crate) fn handle_look(&mut self, seen: &Seen) -> Key {
        let key = self.handle_seen(seen);
        self.adopt(key, self.by_pid.get(&seen.parent).copied());
        key
    }

    fn handle_seen(&mut self, seen: &Seen) -> Key {
        let key = self.ensure(seen.identity, seen.uid, Rc::default());
        let entry = self.entry(key);
        entry.uid = seen.uid;
        let (old, new) = (&entry.program.image.path, &seen.image.path);
        // What the kernel told of a program stands while it cannot be seen to be another.
        if old.is_none() || new.is_some() && old != new {
            let program = Program::new(Rc::new(seen.image.clone()));
            let before = std::mem::replace(&mut entry.program, program);
            entry.previous = before.image.path.is_some().then_some(before);
        }
        key
    }

    /// Returns the process with that pid and start.
    pub(crate) fn find(&self, identity: Identity) -> Option<Key> {
        self.by_identity.get(&identity).copied()
    }

    /// Returns the process that has the pid, or had it last.
    pub(crate) fn find_pid(&self, pid: u32) -> Option<Key> {
        self.by_pid.get(&pid).copied()
    }

    /// Returns what is known of a process.
    pub(crate) fn get(&self, key: Key) -> Option<&Entry> {
        self.entries.get(&key)
    }

    /// Returns what is known of a process, to be changed.
    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut Entry> {
        self.entries.get_mut(&key)
    }

    /// Iterates over the parent of a process, its parent, and so on.
    pub(crate) fn ancestors(&self, key: Key) -> impl Iterator<Item = (Key, &Entry)> {
        let parent = |key: Key| {
            let parent = self.entries.get(&key)?.parent?;
            Some((parent, self.entries.get(&parent)?))
        };
        std::iter::successors(parent(key), move |(key, _)| parent(*key)).take(MAX_ANCESTORS)
    }

    /// Returns the living descendants of a process.
    pub(crate) fn descendants(&self, key: Key) -> Vec<Key> {
        if self.entries.get(&key).is_none_or(|entry| entry.children == 0) {
            return Vec::new();
        }
        let mut living = self.living();
        living.retain(|&one| self.ancestors(one).any(|(ancestor, _)| ancestor == key));
        living
    }

    /// Returns the living processes.
    pub(crate) fn living(&self) -> Vec<Key> {
        let living = self.entries.iter().filter(|(_, entry)| !entry.gone);
        living.map(|(key, _)| *key).collect()
    }

    /// Forgets what was decided about each process, and where it runs: both may have changed.
    pub(crate) fn undecide(&mut self) {
        for entry in self.entries.values_mut() {
            (entry.decisions, entry.place) = (None, None);
        }
    }

    /// Drops who has long been gone, and returns the records that nothing will refer to any more.
    pub(crate) fn prune(&mut self, now: Instant) -> Vec<u64> {
        let mut records = Vec::new();
        while let Some(key) = self.retention.poll_expired(now) {
            self.remove(key, &mut records);
        }
        records
    }

    /// Returns how many entries there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    fn ensure(&mut self, identity: Identity, uid: u32, image: Rc<Image>) -> Key {
        if let Some(&key) = self.by_identity.get(&identity) {
            return key;
        }
        self.last_key += 1;
        let entry = Entry {
            identity,
            uid,
            parent: None,
            program: Program::new(image),
            previous: None,
            place: None,
            decisions: None,
            is_told: false,
            children: 0,
            gone: false,
        };
        let key = self.last_key;
        self.entries.insert(key, entry);
        self.by_identity.insert(identity, key);
        self.by_pid.insert(identity.pid, key);
        key
    }

    fn entry(&mut self, key: Key) -> &mut Entry {
        self.entries.get_mut(&key).expect("its key was just taken from the table")
    }

    /// Makes `parent` the parent of a process that has none yet: who was made by another is not
    /// passed on to init when that one ends.
    fn adopt(&mut self, child: Key, parent: Option<Key>) {
        let Some(parent) = parent.filter(|&parent| parent != child) else { return };
        let younger = self.entry(parent).identity.ticks > self.entry(child).identity.ticks;
        if younger || self.entry(child).parent.is_some() {
            return;
        }
        self.entry(child).parent = Some(parent);
        self.entry(parent).children += 1;
        self.shorten(child);
    }

    /// Cuts a line of ancestors that is too long: a program may make its successor and end, for
    /// ever.
    fn shorten(&mut self, key: Key) {
        let Some((last, _)) = self.ancestors(key).nth(MAX_ANCESTORS - 1) else { return };
        let Some(parent) = self.entry(last).parent.take() else { return };
        let entry = self.entry(parent);
        entry.children -= 1;
        if entry.gone && entry.children == 0 {
            self.retention.push_first(parent);
        }
    }

    fn end(&mut self, key: Key, now: Instant) {
        let Some(entry) = self.entries.get_mut(&key).filter(|entry| !entry.gone) else { return };
        entry.gone = true;
        if entry.children == 0 {
            self.retention.push(key, now);
        }
    }

    /// Removes a process that has gone, and then each ancestor of which only it was left.
    fn remove(&mut self, key: Key, records: &mut Vec<u64>) {
        let mut next = Some(key);
        while let Some(key) = next {
            let removable = self.entries.get(&key).is_some_and(|it| it.gone && it.children == 0);
            let Some(entry) = removable.then(|| self.entries.remove(&key)).flatten() else {
                return;
            };
            self.by_identity.remove(&entry.identity);
            if self.by_pid.get(&entry.identity.pid) == Some(&key) {
                self.by_pid.remove(&entry.identity.pid);
            }
            records.extend(entry.program.record);
            records.extend(entry.previous.and_then(|previous| previous.record));
            next = entry.parent;
            if let Some(parent) = next.and_then(|parent| self.entries.get_mut(&parent)) {
                parent.children -= 1;
            }
        }
    }
}
