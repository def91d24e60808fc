//! A userland made of this machine's own programs: each with all the files that it needs.

mod cache;
mod cpio;
mod elf;
mod entry;
mod extras;
mod programs;
mod tar;

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::{fs, mem};

use anyhow::{Context, Result, bail};

pub use entry::{Content, Entry, Kind};
pub use programs::{find, hint};

use elf::Loader;

/// How many links may lead to a file: more go in circles.
const MAX_LINKS: usize = 40;

/// Programs with all that they need: libraries, interpreters, links, modules, certificates and
/// the few files of `/etc` without which nothing finds a name.
///
/// Paths and links are those of this machine, so a merged `/usr` stays one.
#[derive(Debug)]
pub struct Closure {
    entries: BTreeMap<String, Entry>,
    loader: Loader,
    /// Libraries may be missing: what is gathered opens them by itself, if at all.
    lenient: bool,
}

impl Closure {
    /// Gathers programs, given by name or by path, and what they need.
    ///
    /// # Errors
    ///
    /// When a program is missing, or something that it needs cannot be read.
    pub fn of(programs: &[&str]) -> Result<Self> {
        let mut closure = Self::base()?;
        programs.iter().try_for_each(|program| closure.program(program))?;
        Ok(closure)
    }

    /// Gathers what every userland needs, and no program.
    ///
    /// # Errors
    ///
    /// When something of it cannot be read.
    pub fn base() -> Result<Self> {
        let mut closure = Self::empty()?;
        extras::base(&mut closure)?;
        Ok(closure)
    }

    /// Begins with nothing, for what is laid over a userland.
    ///
    /// # Errors
    ///
    /// When it cannot be told where this machine has its libraries.
    pub fn empty() -> Result<Self> {
        let loader = Loader::of_this_machine()?;
        Ok(Self { entries: BTreeMap::new(), loader, lenient: false })
    }

    /// Adds a program, given by name or by path, and what it needs.
    ///
    /// One that is in none of the usual folders gets a link in `/usr/bin`.
    ///
    /// # Errors
    ///
    /// When it is missing, or something that it needs cannot be read.
    pub fn program(&mut self, program: &str) -> Result<()> {
        let Some(found) = find(program) else {
            bail!("no program {program} on this machine: {}", hint(program))
        };
        let real = self.path(&found)?;
        if !program.contains('/') && !programs::is_usual(&found) {
            self.link(&format!("usr/bin/{program}"), &real.to_string_lossy());
        }
        extras::of(self, program, &found).with_context(|| format!("what {program} needs"))
    }

    /// Adds a program if it is there, and returns whether it is.
    ///
    /// # Errors
    ///
    /// When something that it needs cannot be read.
    pub fn program_if_here(&mut self, program: &str) -> Result<bool> {
        let here = find(program).is_some();
        if here {
            self.program(program)?;
        }
        Ok(here)
    }

    /// Adds a file or folder of this machine where it is, with the links on the way to it and the
    /// libraries or the interpreter that it names; returns where it truly is.
    ///
    /// # Errors
    ///
    /// When it or something that it needs is missing or cannot be read.
    pub fn path(&mut self, path: &Path) -> Result<PathBuf> {
        self.walk(path).with_context(|| format!("adding {}", path.display()))
    }

    /// Adds all that is below a folder of this machine, but not what `leave` names; libraries
    /// that something in there names may be missing.
    ///
    /// # Errors
    ///
    /// As [`Closure::path`].
    pub fn tree(&mut self, folder: &Path, leave: &[&str]) -> Result<()> {
        let before = mem::replace(&mut self.lenient, true);
        let added = self.below(folder, leave);
        self.lenient = before;
        added
    }

    fn below(&mut self, folder: &Path, leave: &[&str]) -> Result<()> {
        let real = self.path(folder)?;
        let mut names = Vec::new();
        for entry in fs::read_dir(&real).with_context(|| format!("reading {}", real.display()))? {
            names.push(entry?);
        }
        names.sort_by_key(fs::DirEntry::file_name);
        for entry in names {
            if leave.iter().any(|leave| entry.file_name() == *leave) {
                continue;
            }
            // What leads nowhere here leads nowhere there.
            match fs::metadata(entry.path()) {
                Ok(found) if found.is_dir() && !entry.file_type()?.is_symlink() => {
                    self.below(&entry.path(), leave)?;
                }
                Ok(found) if found.is_file() || found.is_dir() => drop(self.path(&entry.path())?),
                _ => {}
            }
        }
        Ok(())
    }

    /// Puts a file of this machine elsewhere, with the libraries that it needs.
    ///
    /// # Errors
    ///
    /// As [`Closure::path`].
    pub fn place(&mut self, from: &Path, to: &str) -> Result<()> {
        let from = fs::canonicalize(from).with_context(|| format!("adding {}", from.display()))?;
        self.parents(to);
        self.insert(Entry::of_file(to, &from)?);
        self.needs(&from).with_context(|| format!("what {} needs", from.display()))
    }

    /// Adds a file with these bytes.
    pub fn file(&mut self, path: &str, mode: u32, bytes: impl Into<Vec<u8>>) {
        self.put(path, mode, Kind::File(Content::Bytes(bytes.into())));
    }

    /// Adds a folder.
    pub fn folder(&mut self, path: &str, mode: u32) {
        self.put(path, mode, Kind::Folder);
    }

    /// Adds a symbolic link.
    pub fn link(&mut self, path: &str, target: &str) {
        self.put(path, 0o777, Kind::Link(target.to_owned()));
    }

    /// Adds a character device; a container's engine makes its own.
    pub fn device(&mut self, path: &str, mode: u32, major: u32, minor: u32) {
        self.put(path, mode, Kind::Device { major, minor });
    }

    /// Returns all of it, folders before what is in them.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// Returns how many bytes its files have.
    #[must_use]
    pub fn len_bytes(&self) -> u64 {
        self.entries().map(Entry::len_bytes).sum()
    }

    fn put(&mut self, path: &str, mode: u32, kind: Kind) {
        let path = path.trim_matches('/');
        self.parents(path);
        self.insert(Entry { path: path.to_owned(), mode, mtime: 0, kind });
    }

    fn insert(&mut self, entry: Entry) {
        self.entries.insert(entry.path.clone(), entry);
    }

    /// Adds the folders above a path, where they are not yet; those that are links here are
    /// followed by [`Closure::walk`] and never come here.
    fn parents(&mut self, path: &str) {
        for (end, _) in path.match_indices('/') {
            let folder = &path[..end];
            if !self.entries.contains_key(folder) {
                self.insert(Entry::folder(folder, 0o755));
            }
        }
    }

    /// Follows a path one name at a time, adding each link and folder on the way.
    fn walk(&mut self, path: &Path) -> Result<PathBuf> {
        let mut ahead: Vec<PathBuf> = names(path);
        let mut at = PathBuf::from("/");
        let mut links = 0;
        while let Some(name) = ahead.pop() {
            if name == Path::new("..") {
                at.pop();
                continue;
            }
            at.push(name);
            let found = fs::symlink_metadata(&at)?;
            if found.is_symlink() {
                links += 1;
                anyhow::ensure!(links <= MAX_LINKS, "too many links");
                let target = fs::read_link(&at)?;
                self.insert(Entry::link(&at, &target)?);
                if target.is_absolute() {
                    at = PathBuf::from("/");
                } else {
                    at.pop();
                }
                ahead.extend(names(&target));
            } else if found.is_dir() {
                let entry = Entry::of_folder(&at)?;
                self.entries.entry(entry.path.clone()).or_insert(entry);
            } else {
                self.whole_file(&at)?;
            }
        }
        Ok(at)
    }

    fn whole_file(&mut self, at: &Path) -> Result<()> {
        let entry = Entry::of_file(entry::name(at)?, at)?;
        if self.entries.contains_key(&entry.path) {
            return Ok(());
        }
        self.insert(entry);
        self.needs(at)
    }

    /// Adds what a file names by itself: libraries, or an interpreter.
    fn needs(&mut self, file: &Path) -> Result<()> {
        let needs = self.loader.needs(file)?;
        if let Some(name) = needs.missing.first()
            && !self.lenient
        {
            bail!("no library {name} on this machine, install what has it");
        }
        needs.found.iter().try_for_each(|needed| self.path(needed).map(drop))
    }
}

/// The names in a path, the first one last.
fn names(path: &Path) -> Vec<PathBuf> {
    let name = |part: Component<'_>| match part {
        Component::Normal(name) => Some(PathBuf::from(name)),
        Component::ParentDir => Some(PathBuf::from("..")),
        _ => None,
    };
    path.components().rev().filter_map(name).collect()
}
