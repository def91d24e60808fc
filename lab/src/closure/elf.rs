//! What a program names by itself: its loader and libraries, or the interpreter of a script.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use object::elf::{DT_NEEDED, DT_RPATH, DT_RUNPATH};
use object::read::ReadCache;
use object::read::elf::{FileHeader as _, ProgramHeader as _};
use object::{Endianness, elf};

use super::programs;

/// What a file names by itself.
#[derive(Debug, Default)]
pub(super) struct Needs {
    /// Files that are there.
    pub(super) found: Vec<PathBuf>,
    /// Names of libraries that are nowhere.
    pub(super) missing: Vec<String>,
}

/// Where the dynamic loader of this machine looks for libraries.
#[derive(Debug)]
pub(super) struct Loader {
    folders: Vec<PathBuf>,
}

impl Loader {
    /// Reads its configuration.
    pub(super) fn of_this_machine() -> Result<Self> {
        let mut folders = Vec::new();
        configured(Path::new("/etc/ld.so.conf"), &mut folders)?;
        let arch = std::env::consts::ARCH;
        folders.extend(
            [format!("/lib/{arch}-linux-gnu"), format!("/usr/lib/{arch}-linux-gnu")]
                .into_iter()
                .chain(["/lib64", "/usr/lib64", "/lib", "/usr/lib"].map(str::to_owned))
                .map(PathBuf::from),
        );
        Ok(Self { folders })
    }

    /// Returns the files that a file names: those of a program, none for anything else.
    pub(super) fn needs(&self, file: &Path) -> Result<Needs> {
        let mut start = [0; 4];
        let mut opened = File::open(file)?;
        let read = opened.read(&mut start)?;
        match &start[..read] {
            b"\x7fELF" => self.libraries(file, opened),
            [b'#', b'!', ..] => Ok(Needs { found: interpreter(file)?, missing: Vec::new() }),
            _ => Ok(Needs::default()),
        }
    }

    /// Finds a library by its name where the loader would, without folders of its user's.
    pub(super) fn library(&self, name: &str) -> Option<PathBuf> {
        self.folders.iter().map(|folder| folder.join(name)).find(|path| path.exists())
    }

    fn libraries(&self, file: &Path, opened: File) -> Result<Needs> {
        let data = ReadCache::new(opened);
        let data = &data;
        let header = elf::FileHeader64::<Endianness>::parse(data)?;
        let endian = header.endian()?;
        let mut needs = Needs::default();
        for segment in header.program_headers(endian, data)? {
            if let Some(loader) = segment.interpreter(endian, data)? {
                needs.found.push(PathBuf::from(OsStr::from_bytes(loader)));
            }
        }
        let dynamic = header.sections(endian, data)?.dynamic_table(endian, data)?;
        let (mut own, mut needed) = (Vec::new(), Vec::new());
        for entry in &dynamic {
            match entry.tag {
                DT_RUNPATH | DT_RPATH => {
                    own.extend(origin_folders(text(dynamic.string(entry)?)?, file))
                }
                DT_NEEDED => needed.push(text(dynamic.string(entry)?)?),
                _ => {}
            }
        }
        for name in needed {
            let mut own = own.iter().map(|folder| folder.join(name));
            match own.find(|path| path.exists()).or_else(|| self.library(name)) {
                Some(path) => needs.found.push(path),
                None => needs.missing.push(name.to_owned()),
            }
        }
        Ok(needs)
    }
}

fn text(bytes: &[u8]) -> Result<&str> {
    str::from_utf8(bytes).context("a name of a library that is no UTF-8")
}

/// The folders of a `DT_RUNPATH`, relative to where the file is.
fn origin_folders(folders: &str, file: &Path) -> Vec<PathBuf> {
    let origin = file.parent().unwrap_or(file).to_string_lossy();
    let folders = folders.replace("${ORIGIN}", &origin).replace("$ORIGIN", &origin);
    folders.split(':').filter(|folder| !folder.is_empty()).map(PathBuf::from).collect()
}

/// Reads the folders of a configuration of the loader, with the files that it includes.
fn configured(file: &Path, folders: &mut Vec<PathBuf>) -> Result<()> {
    let Ok(text) = fs::read_to_string(file) else { return Ok(()) };
    for line in text.lines().map(str::trim) {
        if let Some(pattern) = line.strip_prefix("include") {
            let pattern = Path::new(pattern.trim());
            let (Some(folder), Some(end)) = (pattern.parent(), pattern.extension()) else {
                continue;
            };
            let Ok(files) = fs::read_dir(folder) else { continue };
            let files: BTreeSet<PathBuf> =
                files.filter_map(|file| Some(file.ok()?.path())).collect();
            for file in files.iter().filter(|file| file.extension() == Some(end)) {
                configured(file, folders)?;
            }
        } else if line.starts_with('/') {
            folders.push(PathBuf::from(line));
        }
    }
    Ok(())
}

/// Reads the first line of a script; behind `env` stands the true interpreter.
fn interpreter(file: &Path) -> Result<Vec<PathBuf>> {
    let mut first = Vec::new();
    File::open(file)?.take(256).read_to_end(&mut first)?;
    let first = String::from_utf8_lossy(&first);
    let line = first.lines().next().unwrap_or_default().trim_start_matches("#!");
    let mut words = line.split_whitespace();
    let program = PathBuf::from(words.next().context("a script without interpreter")?);
    let mut found = Vec::new();
    if program.ends_with("env")
        && let Some(behind) = words.find(|word| !word.starts_with('-'))
    {
        // It may never be run: many programs bring scripts that nobody calls.
        found.extend(programs::find(behind));
    }
    // As little is a script's interpreter needed that is not there.
    found.extend(Some(program).filter(|program| program.exists()));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_a_library_are_relative_to_where_it_is() {
        let found = origin_folders("$ORIGIN/../lib:/opt:${ORIGIN}", Path::new("/a/bin/b"));
        assert_eq!(found, ["/a/bin/../lib", "/opt", "/a/bin"].map(PathBuf::from));
    }
}
