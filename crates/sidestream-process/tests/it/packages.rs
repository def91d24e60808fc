//! Which package a program is of.

use std::fs;
use std::path::Path;
use std::process::Command;

use sidestream_process::{Packages, Table};
use sidestream_testkit::skip;

use crate::child::{Child, eventually, is_root};

/// A program of a package, by its path without links, and that package.
fn owned(packages: &Packages) -> Option<(std::path::PathBuf, String)> {
    let path = fs::canonicalize("/bin/cat").ok()?;
    let owner = packages.owner(&path)?;
    Some((path, owner))
}

#[test]
fn a_program_of_the_system_has_a_package_and_one_of_our_own_has_not() {
    let name = "a_program_of_the_system_has_a_package_and_one_of_our_own_has_not";
    let packages = Packages::default();
    let ours = std::env::current_exe().unwrap();
    assert_eq!(eventually(|| packages.known_owner(&ours)), None);
    assert_eq!(packages.owner(Path::new("/opt/nobody/knows")), None);
    assert_eq!(packages.owner(Path::new("bin/cat")), None);
    let Some((path, owner)) = owned(&packages) else {
        return skip(name, "no package manager that is known");
    };
    assert!(["busybox", "coreutils", "uutils-coreutils"].contains(&owner.as_str()), "{owner}");
    assert_eq!(packages.known_owner(&path), Some(Some(owner.clone())));
    assert_eq!(eventually(|| Packages::default().known_owner(Path::new("/tmp/x"))), None);
    let fresh = Packages::default();
    assert_eq!(eventually(|| fresh.known_owner(&path)), Some(owner));
}

#[test]
fn a_record_gets_its_package_when_it_is_known() {
    let name = "a_record_gets_its_package_when_it_is_known";
    let packages = Packages::default();
    let Some((_, owner)) = owned(&packages) else {
        return skip(name, "no package manager that is known");
    };
    let Some(child) = Child::start_by(name, &mut Command::new("cat")) else { return };
    let table = Table::open().unwrap().with_packages(Packages::default());
    let found = eventually(|| table.process(child.pid()).filter(|it| it.package.is_some()));
    assert_eq!(found.package, Some(owner));
    assert!(
        found
            .parents()
            .all(|process| process.pid != std::process::id() || process.package.is_none())
    );
}

#[test]
fn the_first_record_has_the_package_that_is_named_as_the_program() {
    let name = "the_first_record_has_the_package_that_is_named_as_the_program";
    let packages = Packages::default();
    let path = fs::canonicalize("/bin/sed").unwrap_or_default();
    if packages.owner(&path).as_deref() != Some("sed") || !fs::exists("/var/lib/dpkg").unwrap() {
        return skip(name, "sed is of no Debian package");
    }
    let Some(child) = Child::start_by(name, Command::new("sed").arg("p")) else { return };
    eventually(|| {
        fs::read_link(format!("/proc/{}/exe", child.pid())).ok().filter(|it| *it == path)
    });
    // One that has answered nothing yet, and has read what there is.
    let packages = Packages::default();
    packages.owner(Path::new("/opt/nobody/knows"));
    let table = Table::open().unwrap().with_packages(packages);
    let found = table.process(child.pid()).unwrap();
    assert_eq!(found.package.as_deref(), Some("sed"));
    assert!(found.parents().all(|parent| parent.package.is_none()));
}

#[test]
fn another_file_at_the_path_of_a_package_is_not_of_it() {
    let name = "another_file_at_the_path_of_a_package_is_not_of_it";
    let packages = Packages::default();
    let Some((path, _)) = owned(&packages).filter(|_| is_root()) else {
        return skip(name, "root and a package manager are needed");
    };
    let folder = std::env::temp_dir().join(format!("sidestream-{}", std::process::id()));
    fs::create_dir(&folder).unwrap();
    let copy = folder.join("cat");
    fs::copy(&path, &copy).unwrap();
    let script =
        format!("mount --bind {} {1} && echo here && exec {1}", copy.display(), path.display());
    let mut command = Command::new("unshare");
    let started = Child::start_by(name, command.args(["-m", "sh", "-c", &script]));
    let Some(mut child) = started else { return fs::remove_dir_all(&folder).unwrap() };
    let said = child.line();
    let table = Table::open().unwrap().with_packages(packages);
    let found = (said == "here").then(|| {
        eventually(|| table.process(child.pid()).filter(|it| it.path.as_ref() == Some(&path)))
    });
    drop(child);
    fs::remove_dir_all(&folder).unwrap();
    match found {
        Some(found) => assert_eq!(found.package, None),
        None => skip(name, "nothing can be mounted"),
    }
}
