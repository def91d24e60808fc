//! Who runs a program: the caller, or root stepped down to nobody.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::command::{find, limited, output};
use crate::sys;
use crate::workspace::files;

/// The user as whom a program runs.
#[derive(Debug)]
pub(crate) enum User {
    Caller { root: bool },
    Nobody(Stage),
}

/// A folder that any user can reach, with what an unprivileged user needs; gone when dropped.
///
/// The checkout, the target folder and the toolchain may all lie where only
/// root may look, so programs and sources are copied here. `home` belongs to
/// the unprivileged user.
#[derive(Debug)]
pub(crate) struct Stage {
    folder: PathBuf,
    uid: u32,
    gid: u32,
}

impl User {
    /// Gives the caller.
    pub(crate) fn caller() -> Result<Self> {
        Ok(Self::Caller { root: sys::is_root()? })
    }

    /// Steps down to nobody, which only root can: gives `None` to others.
    pub(crate) fn nobody(root: &Path) -> Result<Option<Self>> {
        match Self::caller()? {
            Self::Caller { root: true } => Ok(Some(Self::Nobody(Stage::create(root)?))),
            _ => Ok(None),
        }
    }

    /// Names the user as `ci/allowed-skips.txt` does.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Caller { root: true } => "root",
            Self::Caller { root: false } => "user",
            Self::Nobody(_) => "nobody",
        }
    }

    /// Gives a program that this user can reach: itself, or a copy.
    pub(crate) fn reachable(&self, program: &Path) -> Result<PathBuf> {
        match self {
            Self::Caller { .. } => Ok(program.to_owned()),
            Self::Nobody(stage) => stage.copy_program(program, "bin"),
        }
    }

    /// Lets this user reach an example where tests look for it: in `examples` beside their own folder.
    pub(crate) fn reach_example(&self, program: &Path) -> Result<()> {
        if let Self::Nobody(stage) = self {
            stage.copy_program(program, "examples")?;
        }
        Ok(())
    }

    /// Gives the folder of sources as this user reaches it.
    pub(crate) fn sources(&self, root: &Path) -> PathBuf {
        match self {
            Self::Caller { .. } => root.to_owned(),
            Self::Nobody(stage) => stage.folder.join("src"),
        }
    }

    /// Gives a folder that this user can write, below `target` for the caller.
    pub(crate) fn scratch(&self, target: &Path) -> PathBuf {
        match self {
            Self::Caller { .. } => target.join("xtask"),
            Self::Nobody(stage) => stage.folder.join("home"),
        }
    }

    /// Hands a file that we made over to this user.
    pub(crate) fn own(&self, path: &Path) -> Result<()> {
        match self {
            Self::Caller { .. } => Ok(()),
            Self::Nobody(stage) => stage.own(path),
        }
    }

    /// Makes the command that runs `program` as this user, ended after `minutes`.
    pub(crate) fn command(&self, program: &Path, minutes: u32) -> Command {
        match self {
            Self::Caller { .. } => limited(program, minutes),
            Self::Nobody(stage) => stage.command(program, minutes),
        }
    }
}

impl Stage {
    fn create(root: &Path) -> Result<Self> {
        ensure!(find("setpriv").is_some(), "setpriv is missing; install util-linux");
        let id = |flag: &str| -> Result<u32> {
            Ok(output(Command::new("id").args([flag, "nobody"]))?.trim().parse()?)
        };
        let (uid, gid) = (id("-u")?, id("-g")?);
        let temp = env::temp_dir();
        let temp = if open_to_all(&temp) { temp } else { PathBuf::from("/tmp") };
        // Short: the path of a socket in here must fit into 108 bytes.
        let folder = temp.join(format!("nobody-{}", std::process::id()));
        fs::create_dir(&folder).with_context(|| format!("making {}", folder.display()))?;
        let stage = Self { folder, uid, gid };
        for name in ["", "bin", "examples", "src", "home", "home/tmp"] {
            let path = stage.folder.join(name);
            fs::create_dir_all(&path)?;
            sys::set_mode(&path, 0o755)?;
        }
        stage.own(&stage.folder.join("home"))?;
        stage.own(&stage.folder.join("home/tmp"))?;
        stage.copy_sources(root)?;
        Ok(stage)
    }

    fn own(&self, path: &Path) -> Result<()> {
        sys::own(path, self.uid, self.gid)
            .with_context(|| format!("giving {} to nobody", path.display()))
    }

    fn copy_sources(&self, root: &Path) -> Result<()> {
        let to = self.folder.join("src");
        for from in files(root)? {
            let copy = to.join(from.strip_prefix(root)?);
            let parent = copy.parent().context("a file lies in a folder")?;
            fs::create_dir_all(parent)?;
            for made in parent.ancestors().take_while(|made| *made != to) {
                sys::set_mode(made, 0o755)?;
            }
            fs::copy(&from, &copy).with_context(|| format!("copying {}", from.display()))?;
            let mode = sys::mode(&fs::metadata(&from)?);
            sys::set_mode(&copy, 0o644 | (mode & 0o111))?;
        }
        Ok(())
    }

    fn copy_program(&self, program: &Path, folder: &str) -> Result<PathBuf> {
        let name = program.file_name().context("a program has a name")?;
        let copy = self.folder.join(folder).join(name);
        // Debug and release builds have one name: the last one asked for counts.
        drop(fs::remove_file(&copy));
        fs::copy(program, &copy).with_context(|| format!("copying {}", program.display()))?;
        sys::set_mode(&copy, 0o755)?;
        Ok(copy)
    }

    fn command(&self, program: &Path, minutes: u32) -> Command {
        let home = self.folder.join("home");
        let mut command = limited("setpriv", minutes);
        command
            .arg(format!("--reuid={}", self.uid))
            .arg(format!("--regid={}", self.gid))
            .args(["--clear-groups", "--inh-caps=-all", "--"])
            .arg(program)
            .env_clear()
            .envs(kept_environment())
            .env("PATH", reachable_path())
            .env("HOME", &home)
            .env("TMPDIR", home.join("tmp"))
            .envs([("USER", "nobody"), ("LOGNAME", "nobody"), ("LANG", "C.UTF-8")])
            .stdin(Stdio::null())
            .current_dir(&home);
        command
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            eprintln!("xtask: {} is left over: {error}", self.folder.display());
        }
    }
}

/// What an unprivileged user's programs get of our environment: nothing that names our folders.
fn kept_environment() -> impl Iterator<Item = (OsString, OsString)> {
    env::vars_os().filter(|(name, _)| {
        let name = name.to_string_lossy();
        ["CI", "RUST_BACKTRACE", "TERM"].contains(&&*name) || name.starts_with("SIDESTREAM_MUST")
    })
}

fn reachable_path() -> OsString {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).filter(|folder| open_to_all(folder));
    env::join_paths(folders).unwrap_or_else(|_| OsString::from("/usr/bin:/bin"))
}

/// Whether every user may pass through a folder and all above it.
fn open_to_all(folder: &Path) -> bool {
    let Ok(folder) = folder.canonicalize() else { return false };
    folder
        .ancestors()
        .all(|folder| fs::metadata(folder).is_ok_and(|metadata| sys::mode(&metadata) & 0o001 != 0))
}
