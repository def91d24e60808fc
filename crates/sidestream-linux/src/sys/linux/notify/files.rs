//! Copies of files that are covered, handed out in the place of the originals.

use std::collections::{HashMap, HashSet};
use std::ffi::{CStr, OsStr, OsString};
use std::fs::{self, File, Metadata};
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::abi::{self, Answer, Notification};
use super::call::Shared;
use super::connect::unreadable;
use super::memory::Memory;
use crate::sys::imp::raw::check;
use crate::{EntryKind, LaunchError, Overlay, OverlayKind};

/// Files are known by these, whatever they are called.
type Id = (u64, u64);

/// The copies, and what they are copies of.
#[derive(Debug, Default)]
pub(super) struct Files {
    copies: Vec<Copy>,
    covered: HashMap<Id, usize>,
    /// Files that are not there, by their folder and name.
    added: HashMap<(Id, OsString), usize>,
    /// The paths of the latter.
    paths: HashMap<PathBuf, usize>,
    /// The names of all.
    names: HashSet<Vec<u8>>,
}

/// A file in memory.
#[derive(Debug)]
struct Copy {
    file: OwnedFd,
    /// It opened once more, with a position of its own, for whoever comes next.
    next: Mutex<Option<File>>,
}

impl Copy {
    fn open(&self) -> io::Result<File> {
        let next = self.next.lock().unwrap_or_else(PoisonError::into_inner).take();
        next.map_or_else(|| self.open_anew(), Ok)
    }

    fn open_anew(&self) -> io::Result<File> {
        File::open(format!("/proc/self/fd/{}", self.file.as_raw_fd()))
    }

    /// Opens it before there is need of it; if that fails it fails again when there is.
    fn prepare(&self) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = self.open_anew().ok();
    }
}

/// Under other names than their own, by links, only such files are recognized.
const SUFFIXES: [&[u8]; 8] =
    [b".pem", b".crt", b".cer", b".jks", b".p12", b".pfx", b"cacerts", b".bundle"];

fn id(metadata: &Metadata) -> Id {
    (metadata.dev(), metadata.ino())
}

impl Files {
    /// Copies into memory what lies over files.
    pub(super) fn new(overlays: &[Overlay]) -> Result<Self, LaunchError> {
        let mut this = Self::default();
        for overlay in overlays {
            this.cover(overlay)
                .map_err(|source| LaunchError::Overlay { path: overlay.path.clone(), source })?;
        }
        Ok(this)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.copies.is_empty()
    }

    fn cover(&mut self, overlay: &Overlay) -> io::Result<()> {
        let folder = fs::canonicalize(&overlay.path)?;
        let entries = match &overlay.kind {
            OverlayKind::File { contents, mode } => return self.file(&folder, contents, *mode),
            OverlayKind::Directory { entries, .. } => entries,
        };
        for entry in entries {
            if let EntryKind::File { contents, mode } = &entry.kind {
                let path = folder.join(&entry.path);
                // Most are as they were.
                if !fs::read(&path).is_ok_and(|found| found == *contents) {
                    self.file(&path, contents, *mode)?;
                }
            }
        }
        for entry in entries {
            let EntryKind::Symlink { target } = &entry.kind else { continue };
            let path = folder.join(&entry.path);
            let to = lexical(&path.parent().unwrap_or(&folder).join(target));
            if let (Err(_), Some(copy)) = (fs::metadata(&path), self.paths.get(&to)) {
                self.add(&path, *copy)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, contents: &[u8], mode: u32) -> io::Result<()> {
        let copy = self.copies.len();
        let file = in_memory(contents, mode)?;
        self.copies.push(Copy { file, next: Mutex::default() });
        match fs::metadata(path) {
            Ok(found) => {
                self.covered.insert(id(&found), copy);
                self.names.extend(path.file_name().map(|name| name.as_bytes().to_vec()));
                Ok(())
            }
            Err(_) => self.add(path, copy),
        }
    }

    /// Adds a file that is not there to its folder; to one that is not there either, nothing is.
    fn add(&mut self, path: &Path, copy: usize) -> io::Result<()> {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return Ok(()) };
        self.paths.insert(path.to_owned(), copy);
        let Ok(folder) = fs::metadata(folder) else { return Ok(()) };
        self.added.insert((id(&folder), name.to_owned()), copy);
        self.names.insert(name.as_bytes().to_vec());
        Ok(())
    }

    /// Names files that are not there by a path at which everybody sees them: those that are
    /// told of in variables are looked for before they are opened.
    pub(super) fn name_in(&self, environment: &mut [(OsString, OsString)]) {
        for (_, value) in environment {
            if let Some(copy) = self.paths.get(Path::new(value)) {
                let fd = self.copies[*copy].file.as_raw_fd();
                *value = format!("/proc/{}/fd/{fd}", std::process::id()).into();
            }
        }
    }

    fn is_told_by(&self, path: &[u8]) -> bool {
        let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or(path);
        SUFFIXES.iter().any(|suffix| name.ends_with(suffix)) || self.names.contains(name)
    }

    /// Finds the copy that a process shall get for a path.
    fn find(&self, thread: u32, folder: i32, path: &CStr, follow: bool) -> Option<&Copy> {
        let path = Path::new(OsStr::from_bytes(path.to_bytes()));
        let from = match (path.is_absolute(), folder) {
            (true, _) => format!("/proc/{thread}/root"),
            (false, libc::AT_FDCWD) => format!("/proc/{thread}/cwd"),
            (false, fd) => format!("/proc/{thread}/fd/{fd}"),
        };
        let path = Path::new(&from).join(path.strip_prefix("/").unwrap_or(path));
        let found = if follow { fs::metadata(&path) } else { fs::symlink_metadata(&path) };
        let copy = match found {
            Ok(found) => self.covered.get(&id(&found)),
            Err(_) => {
                let folder = fs::metadata(path.parent()?).ok()?;
                self.added.get(&(id(&folder), path.file_name()?.to_owned()))
            }
        };
        self.copies.get(*copy?)
    }
}

/// Resolves `.` and `..` by the names alone.
fn lexical(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir => {}
            part => plain.push(part),
        }
    }
    plain
}

/// Makes a file that has no place but in memory, and that nobody can change.
fn in_memory(contents: &[u8], mode: u32) -> io::Result<OwnedFd> {
    let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
    // SAFETY: the name is a live string.
    let fd = check(unsafe { libc::memfd_create(c"sidestream".as_ptr(), flags) })?;
    // SAFETY: the kernel just gave this descriptor to us and to nobody else.
    let mut file = File::from(unsafe { OwnedFd::from_raw_fd(fd) });
    file.write_all(contents)?;
    let seals = libc::F_SEAL_SEAL | libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_WRITE;
    // SAFETY: the calls take no pointers.
    unsafe {
        check(libc::fchmod(fd, mode & 0o555))?;
        check(libc::fcntl(fd, libc::F_ADD_SEALS, seals))?;
    }
    Ok(file.into())
}

/// Answers the calls that open.
pub(super) fn handle(shared: &Shared, call: &Notification) -> Answer {
    let memory = Memory(call.pid);
    let args = &call.data.args;
    let (folder, path, flags) = match libc::c_long::from(call.data.nr) {
        libc::SYS_openat => (args[0] as i32, args[1], args[2]),
        libc::SYS_openat2 => match memory.read_u64(args[2]) {
            Ok(flags) => (args[0] as i32, args[1], flags),
            Err(error) => return unreadable(shared, &error),
        },
        _ => (libc::AT_FDCWD, args[0], args[1]),
    };
    let flags = flags as i32;
    if flags & super::filter::NOT_READING != 0 {
        return Answer::Continue;
    }
    let path = match memory.read_path(path) {
        Ok(path) => path,
        Err(error) => return unreadable(shared, &error),
    };
    if !shared.files.is_told_by(path.to_bytes()) {
        return Answer::Continue;
    }
    let follow = flags & libc::O_NOFOLLOW == 0;
    let Some(copy) = shared.files.find(call.pid, folder, &path, follow) else {
        return Answer::Continue;
    };
    if !shared.is_waiting(call) {
        return Answer::Sent;
    }
    let given = copy.open().and_then(|file| {
        abi::respond_with(shared.fd(), call.id, file.as_fd(), flags & libc::O_CLOEXEC != 0)
    });
    copy.prepare();
    match given {
        Ok(()) => Answer::Sent,
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Answer::Sent,
        Err(error) => {
            tracing::warn!(%error, "a covered file cannot be handed out");
            Err::<i64, _>(error).into()
        }
    }
}
