//! Packages in a folder made for the test.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Dpkg, MAX_SEARCHES};

/// A folder as the package manager keeps it, which goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str, packages: &[(&str, &[&str])], diversions: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sidestream-{name}-{}", std::process::id()));
        fs::create_dir_all(path.join("info")).unwrap();
        for (package, files) in packages {
            let list = path.join("info").join(format!("{package}.list"));
            fs::write(list, files.join("\n") + "\n").unwrap();
        }
        fs::write(path.join("diversions"), diversions).unwrap();
        Self(path)
    }

    fn read(&self) -> Dpkg {
        Dpkg::read(&self.0).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

/// Checks who has a file, as the lists are searched and by an index of them.
#[track_caller]
fn check(folder: &Folder, path: &str, expected: Option<&str>) {
    let mut dpkg = folder.read();
    assert_eq!(dpkg.owner(Path::new(path)).as_deref(), expected, "{path}, searched");
    dpkg.searched = MAX_SEARCHES * dpkg.lists.len() + 1;
    assert_eq!(dpkg.owner(Path::new(path)).as_deref(), expected, "{path}, by the index");
    assert!(dpkg.index.is_some());
}

#[test]
fn a_file_put_aside_belongs_to_who_made_it() {
    let packages: [(&str, &[&str]); 3] = [
        ("dash", &["/bin/sh", "/bin/dash"]),
        ("zsh-as-sh", &["/usr/bin/sh"]),
        ("grep", &["/bin/grep"]),
    ];
    let diversions = "/bin/sh\n/bin/sh.distrib\nzsh-as-sh\n/bin/grep\n/bin/grep.real\n:\n/cut\n";
    let folder = Folder::new("diverted", &packages, diversions);
    for prefix in ["", "/usr"] {
        let check = |path: &str, expected| check(&folder, &format!("{prefix}{path}"), expected);
        check("/bin/sh", Some("zsh-as-sh"));
        check("/bin/sh.distrib", Some("dash"));
        check("/bin/dash", Some("dash"));
        check("/bin/grep", None);
        check("/bin/grep.real", Some("grep"));
    }
    check(&folder, "/cut", None);
}

#[test]
fn a_program_is_found_in_whatever_package_it_is() {
    let packages: [(&str, &[&str]); 4] = [
        ("curl", &["/.", "/usr", "/usr/bin", "/usr/bin/curl"]),
        ("nodejs", &["/usr/bin/node"]),
        ("openssh-client", &["/usr/bin/ssh"]),
        ("libssh:amd64", &["/usr/lib/libssh.so"]),
    ];
    let folder = Folder::new("found", &packages, "");
    let dpkg = folder.read();
    for (path, owner, is_near) in [
        ("/usr/bin/curl", Some("curl"), true),
        ("/bin/curl", Some("curl"), true),
        ("/usr/bin/node", Some("nodejs"), true),
        ("/usr/bin/ssh", Some("openssh-client"), false),
        ("/usr/lib/libssh.so", Some("libssh"), true),
        ("/usr/bin/cur", None, false),
        ("/opt/curl", None, false),
        ("/", None, false),
    ] {
        check(&folder, path, owner);
        assert_eq!(dpkg.near(Path::new(path)), owner.filter(|_| is_near), "{path}");
    }
}

#[test]
fn few_lists_are_read_for_a_program_whose_package_has_its_name() {
    let names: Vec<String> = (0..50).map(|number| format!("other{number}")).collect();
    let mut packages: Vec<(&str, &[&str])> = Vec::new();
    packages.extend(names.iter().map(|name| (name.as_str(), &["/etc/x"][..])));
    packages.push(("git", &["/usr/lib/git-core/git-remote-http"]));
    let folder = Folder::new("few", &packages, "");
    let mut dpkg = folder.read();
    dpkg.owner(Path::new("/usr/lib/git-core/git-remote-http")).unwrap();
    assert_eq!(dpkg.searched, 1);
    // What is in none is sought in all, at first.
    for _ in 0..MAX_SEARCHES {
        assert_eq!(dpkg.owner(Path::new("/usr/local/bin/mine")), None);
        assert!(dpkg.index.is_none());
    }
    assert_eq!(dpkg.owner(Path::new("/usr/local/bin/mine")), None);
    assert!(dpkg.index.is_some());
}
