//! Installing the helper with file capabilities.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{accounts, xattr};
use crate::helper::{InstallError, InstallOptions, Report, Step};
use crate::sys::is_root;

/// Only root and the group may read and execute it: whoever executes it has its capabilities.
const MODE: u32 = 0o750;

pub(crate) fn install(options: &InstallOptions) -> Result<Report, InstallError> {
    let InstallOptions { source, to, group, add_caller } = options;
    if !is_root() {
        return Err(InstallError::NotRoot);
    }
    let contents = read(source)?;
    let folder = to.parent().filter(|folder| to.file_name().is_some() && folder.is_absolute());
    let folder = folder.ok_or_else(|| target(to)(io::ErrorKind::InvalidInput.into()))?;
    // Before anything is changed.
    let caller = if *add_caller { Some(caller(group)?) } else { None };
    refuse_open(folder)?;
    DirBuilder::new().recursive(true).mode(0o755).create(folder).map_err(target(folder))?;
    refuse_open(folder)?;
    let mut steps = Vec::new();
    let gid = match accounts::group_id(group) {
        Some(gid) => gid,
        None => {
            run("groupadd", &["--system", group])?;
            steps.push(Step::CreatedGroup(group.clone()));
            accounts::group_id(group).ok_or_else(|| InstallError::Tool {
                command: format!("groupadd --system {group}"),
                reason: "there is no such group afterwards".into(),
            })?
        }
    };
    if is_installed(to, gid, &contents) {
        steps.push(Step::Unchanged(to.clone()));
    } else {
        put(to, folder, gid, &contents)?;
        steps.push(Step::Installed(to.clone()));
    }
    if let Some(user) = caller {
        run("usermod", &["-aG", group, &user])?;
        steps.push(Step::AddedUser { user, group: group.clone() });
    }
    Ok(Report { steps })
}

pub(crate) fn uninstall(at: &Path) -> Result<Report, InstallError> {
    if !is_root() {
        return Err(InstallError::NotRoot);
    }
    let group = fs::symlink_metadata(at).ok().and_then(|file| accounts::group_name(file.gid()));
    let step = match fs::remove_file(at) {
        Ok(()) => Step::Removed(at.into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Step::NotThere(at.into()),
        Err(error) => return Err(target(at)(error)),
    };
    let mut steps = vec![step];
    steps.extend(group.filter(|group| group != "root").map(Step::GroupStays));
    Ok(Report { steps })
}

fn target(path: &Path) -> impl FnOnce(io::Error) -> InstallError {
    move |source| InstallError::Target { path: path.into(), source }
}

fn read(path: &Path) -> Result<Vec<u8>, InstallError> {
    let mut contents = Vec::new();
    let read = File::open(path).and_then(|mut file| file.read_to_end(&mut contents));
    match read {
        Ok(_len) => Ok(contents),
        Err(source) => Err(InstallError::Source { path: path.into(), source }),
    }
}

/// Refuses a folder in which somebody else could put another file in the helper's place, and one
/// that somebody else could put in that folder's place.
fn refuse_open(folder: &Path) -> Result<(), InstallError> {
    for (depth, folder) in folder.ancestors().enumerate() {
        let found = match fs::metadata(folder) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(target(folder)(error)),
        };
        let mode = found.mode();
        let open_to_all = mode & 0o002 != 0;
        let open_to_group = mode & 0o020 != 0 && found.gid() != 0;
        // In a sticky folder nobody can replace what is another's, and groups that may write
        // above, as Debian's `staff` in /usr/local, are trusted with that.
        let sticky = mode & 0o1000 != 0;
        let open = if depth == 0 { open_to_all || open_to_group } else { open_to_all && !sticky };
        if open || found.uid() != 0 {
            return Err(InstallError::OpenFolder(folder.into()));
        }
    }
    Ok(())
}

/// Returns the user who called `sudo`.
fn caller(group: &str) -> Result<String, InstallError> {
    let uid = ["SUDO_UID", "PKEXEC_UID"].into_iter().find_map(std::env::var_os);
    let uid = uid.and_then(|uid| uid.to_str()?.parse().ok()).filter(|&uid| uid != 0);
    let user = uid.and_then(accounts::user);
    user.map(|user| user.name).ok_or_else(|| InstallError::NoCaller { group: group.into() })
}

fn run(program: &str, args: &[&str]) -> Result<(), InstallError> {
    let failed = |reason| {
        let command = [&[program], args].concat().join(" ");
        Err(InstallError::Tool { command, reason })
    };
    match Command::new(program).args(args).output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => failed(match String::from_utf8_lossy(&output.stderr).trim() {
            "" => output.status.to_string(),
            words => words.to_owned(),
        }),
        Err(error) => failed(error.to_string()),
    }
}

fn is_installed(at: &Path, gid: u32, contents: &[u8]) -> bool {
    let same_file = |found: fs::Metadata| {
        found.is_file()
            && (found.uid(), found.gid(), found.mode() & 0o7777) == (0, gid, MODE)
            && xattr::read(at) == Some(xattr::NEEDED)
    };
    fs::symlink_metadata(at).is_ok_and(same_file)
        && fs::read(at).is_ok_and(|found| found == contents)
}

/// Writes the file beside its place and renames it, so that there is never half a helper, nor one
/// that others may execute before it belongs to the group.
fn put(to: &Path, folder: &Path, gid: u32, contents: &[u8]) -> Result<(), InstallError> {
    let new = New::create(folder).map_err(target(folder))?;
    let write = || {
        let mut file = &new.file;
        file.write_all(contents)?;
        fchown(file, Some(0), Some(gid))?;
        file.set_permissions(Permissions::from_mode(MODE))?;
        // Last: whoever changes the owner or the contents takes the capabilities away.
        xattr::write(file, xattr::NEEDED)?;
        file.sync_all()
    };
    write().map_err(target(&new.path))?;
    fs::rename(&new.path, to).map_err(target(to))
}

/// A file that is removed again unless it was renamed.
struct New {
    file: File,
    path: PathBuf,
}

impl New {
    fn create(folder: &Path) -> io::Result<Self> {
        let path = folder.join(format!(".sidestream-helper.{}", std::process::id()));
        // What a predecessor with this pid left, if anything.
        _ = fs::remove_file(&path);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        Ok(Self { file, path })
    }
}

impl Drop for New {
    fn drop(&mut self) {
        _ = fs::remove_file(&self.path);
    }
}
