//! Installing the helper with its capabilities.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use sidestream_os::helper::{InstallError, InstallOptions, Step, install, uninstall};
use sidestream_testkit::{is_root, skip};
use tempfile::TempDir;

use crate::again::{as_nobody, assert_passed, is_again};

/// A group that is on every machine, so that none is made.
const GROUP: &str = "daemon";

fn options(folder: &Path) -> InstallOptions {
    let source = folder.join("source");
    fs::write(&source, "#!/bin/sh\n").unwrap();
    let mut options = InstallOptions::new(source);
    options.to = folder.join("libexec/sidestream-helper");
    options.group = GROUP.into();
    options
}

fn prepared(test: &str) -> Option<(TempDir, InstallOptions)> {
    if !is_root() {
        skip(test, "not root");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path());
    Some((folder, options))
}

fn capabilities(path: &Path) -> Option<String> {
    let output = ["getcap", "/sbin/getcap"].into_iter();
    let mut output = output.filter_map(|getcap| Command::new(getcap).arg(path).output().ok());
    let text = String::from_utf8(output.next()?.stdout).unwrap();
    Some(text.trim().rsplit(' ').next().unwrap().to_owned())
}

#[test]
fn it_is_installed_once_for_its_group_and_removed_again() {
    let test = "it_is_installed_once_for_its_group_and_removed_again";
    let Some((_folder, options)) = prepared(test) else { return };
    let to = options.to.clone();
    assert_eq!(install(&options).unwrap().steps, [Step::Installed(to.clone())]);
    let file = fs::metadata(&to).unwrap();
    assert_eq!((file.mode() & 0o7777, file.uid()), (0o750, 0));
    match capabilities(&to) {
        Some(found) => assert_eq!(found, "cap_net_admin,cap_perfmon,cap_bpf=ep"),
        None => skip(test, "no getcap here, the capabilities are not read by another program"),
    }
    assert_eq!(install(&options).unwrap().steps, [Step::Unchanged(to.clone())]);
    fs::write(&options.source, "#!/bin/sh\nexit 1\n").unwrap();
    assert_eq!(install(&options).unwrap().steps, [Step::Installed(to.clone())]);
    assert_eq!(fs::read(&to).unwrap(), fs::read(&options.source).unwrap());
    let left: Vec<PathBuf> =
        fs::read_dir(to.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(left, std::slice::from_ref(&to));
    let removed = uninstall(&to).unwrap().steps;
    assert_eq!(removed, [Step::Removed(to.clone()), Step::GroupStays(GROUP.into())]);
    assert_eq!(uninstall(&to).unwrap().steps, [Step::NotThere(to)]);
}

#[test]
fn a_folder_that_others_may_write_is_refused() {
    let test = "a_folder_that_others_may_write_is_refused";
    let Some((folder, options)) = prepared(test) else { return };
    let libexec = folder.path().join("libexec");
    fs::create_dir(&libexec).unwrap();
    fs::set_permissions(&libexec, Permissions::from_mode(0o777)).unwrap();
    let error = install(&options).unwrap_err();
    assert!(matches!(&error, InstallError::OpenFolder(open) if *open == libexec), "{error}");
    assert!(error.to_string().contains("chmod go-w"), "{error}");
    fs::set_permissions(&libexec, Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).unwrap();
    assert!(matches!(install(&options).unwrap_err(), InstallError::OpenFolder(_)));
}

#[test]
fn what_cannot_be_read_or_added_is_told_before_anything_is_changed() {
    let test = "what_cannot_be_read_or_added_is_told_before_anything_is_changed";
    let Some((_folder, mut options)) = prepared(test) else { return };
    options.add_caller = std::env::var_os("SUDO_UID").is_none();
    if options.add_caller {
        let error = install(&options).unwrap_err();
        assert!(matches!(error, InstallError::NoCaller { .. }), "{error}");
    }
    options.source = "/nonexistent/sidestream-helper".into();
    let error = install(&options).unwrap_err();
    assert!(error.to_string().contains("cargo build"), "{error}");
    assert!(!options.to.parent().unwrap().exists());
}

#[test]
fn an_ordinary_user_is_told_to_use_sudo() {
    let test = "an_ordinary_user_is_told_to_use_sudo";
    if is_root() && !is_again() {
        return assert_passed(&as_nobody(&format!("install::{test}")));
    }
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path());
    for error in [install(&options).unwrap_err(), uninstall(&options.to).unwrap_err()] {
        assert_eq!(error.to_string(), "only root may do this; run it again with sudo");
    }
}
