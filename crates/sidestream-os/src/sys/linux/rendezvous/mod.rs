//! Where the helper finds this process: a named socket in a folder that nobody else may enter.
//!
//! Inherited descriptors would be simpler, but `sudo` and `pkexec` close them.

#[cfg(test)]
mod tests;

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt};
use std::os::unix::net;
use std::path::{Path, PathBuf};
use std::{env, process};

use sidestream_process::Table;
use tokio::net::UnixListener;

use crate::sys::effective_uid;

/// The name of our folder in the user's runtime folder.
const FOLDER: &str = "sidestream";

/// How often a folder is made anew that another instance removed as it ended.
const TRIES: usize = 8;

/// A socket that waits for one helper. Dropping it takes it off the file system.
#[derive(Debug)]
pub(super) struct Rendezvous {
    listener: UnixListener,
    folder: PathBuf,
    socket: PathBuf,
}

impl Rendezvous {
    /// Listens in the user's runtime folder, or in a fresh folder among the temporary files.
    pub(super) fn open() -> io::Result<Self> {
        let runtime = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        if let Some(runtime) = runtime.filter(|runtime| is_private(runtime)) {
            match Self::open_in(&runtime) {
                Ok(opened) => return Ok(opened),
                Err(error) => tracing::debug!(%error, "the runtime folder is of no use"),
            }
        }
        let chosen = env::temp_dir();
        Self::open_among(&chosen).or_else(|error| match Path::new("/tmp") {
            // Its path may be too long for a socket's address.
            usual if usual != chosen => Self::open_among(usual),
            _ => Err(error),
        })
    }

    /// Listens in our folder in that one.
    pub(super) fn open_in(runtime: &Path) -> io::Result<Self> {
        let folder = runtime.join(FOLDER);
        let mut tries = TRIES;
        loop {
            match DirBuilder::new().mode(0o700).create(&folder) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
            if !is_private(&folder) {
                let reason = format!("others may enter {}", folder.display());
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, reason));
            }
            remove_left_over(&folder);
            match Self::listen(&folder) {
                // Another instance ended just now, and took the empty folder with it.
                Err(error) if error.kind() == io::ErrorKind::NotFound && tries > 0 => tries -= 1,
                listening => return listening,
            }
        }
    }

    /// Listens in a fresh folder in that one, in which anybody may make folders.
    pub(super) fn open_among(temporary: &Path) -> io::Result<Self> {
        let prefix = prefix();
        sweep_among(temporary, &prefix);
        let mut nonce = 0;
        loop {
            let folder = temporary.join(format!("{prefix}{}-{nonce}", process::id()));
            match DirBuilder::new().mode(0o700).create(&folder) {
                Ok(()) => match Self::listen(&folder) {
                    // Another instance took the empty folder for a left-over.
                    Err(error) if error.kind() == io::ErrorKind::NotFound && nonce < 1000 => {}
                    listening => return listening.inspect_err(|_| _ = fs::remove_dir(&folder)),
                },
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && nonce < 1000 => {}
                Err(error) => return Err(error),
            }
            nonce += 1;
        }
    }

    fn listen(folder: &Path) -> io::Result<Self> {
        // One process may start several captures at once.
        let name = |nonce: usize| folder.join(format!("{}-{nonce}.sock", process::id()));
        let socket = (0..).map(name).find(|path| fs::symlink_metadata(path).is_err());
        let socket = socket.ok_or(io::ErrorKind::AddrInUse)?;
        let listener = UnixListener::bind(&socket)?;
        Ok(Self { listener, folder: folder.into(), socket })
    }

    /// Returns the path of the socket.
    pub(super) fn path(&self) -> &Path {
        &self.socket
    }

    /// Waits for a connection of the helper: of root, or of that child or what it started.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if the future is dropped.
    pub(super) async fn accept(&self, child: u32) -> io::Result<net::UnixStream> {
        loop {
            let (stream, _unnamed) = self.listener.accept().await?;
            let peer = stream.peer_cred()?;
            let pid = peer.pid().and_then(|pid| u32::try_from(pid).ok());
            let own_child = || pid.is_some_and(|pid| descends(pid, child));
            if peer.uid() == 0 || (peer.uid() == effective_uid() && own_child()) {
                return stream.into_std();
            }
            tracing::warn!(uid = peer.uid(), pid, "a stranger in the helper's place is sent away");
        }
    }
}

impl Drop for Rendezvous {
    fn drop(&mut self) {
        _ = fs::remove_file(&self.socket);
        // Not empty while another instance starts.
        _ = fs::remove_dir(&self.folder);
    }
}

/// Removes the sockets that killed processes of this user have left, and their folders.
pub(crate) fn remove_left_overs() {
    if let Some(runtime) = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from) {
        sweep(&runtime.join(FOLDER));
    }
    let prefix = prefix();
    sweep_among(&env::temp_dir(), &prefix);
    sweep_among(Path::new("/tmp"), &prefix);
}

/// How our folders among the temporary files begin.
fn prefix() -> String {
    format!("{FOLDER}-{}-", effective_uid())
}

fn sweep_among(temporary: &Path, prefix: &str) {
    for entry in fs::read_dir(temporary).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(prefix) {
            sweep(&entry.path());
        }
    }
}

fn sweep(folder: &Path) {
    if is_private(folder) {
        remove_left_over(folder);
        // Not empty if its owner lives.
        _ = fs::remove_dir(folder);
    }
}

/// Returns whether a folder is ours and closed to everybody else.
fn is_private(folder: &Path) -> bool {
    fs::symlink_metadata(folder).is_ok_and(|found| {
        found.is_dir() && found.uid() == effective_uid() && found.mode() & 0o077 == 0
    })
}

/// Removes the sockets of processes that have died.
fn remove_left_over(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.split('-').next()?.parse::<u32>().ok());
        let Some(owner) = owner else { continue };
        let is_socket = entry.file_type().is_ok_and(|kind| kind.is_socket());
        let is_dead = !Path::new(&format!("/proc/{owner}")).exists();
        // A process in another pid namespace seems dead, but it listens.
        let silent = || {
            net::UnixStream::connect(entry.path())
                .is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
        };
        if is_socket && is_dead && silent() {
            tracing::debug!(path = %entry.path().display(), "a left-over is removed");
            _ = fs::remove_file(entry.path());
        }
    }
}

/// Returns whether a process is that one or descends from it.
fn descends(pid: u32, ancestor: u32) -> bool {
    let found = || Table::open().ok()?.process(pid);
    pid == ancestor || found().is_some_and(|one| one.parents().any(|parent| parent.pid == ancestor))
}
