//! Stores of fake machines, with stand-ins for their tools, before and after.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use sidestream_journal::{Journal, JournalError};
use sidestream_trust::{Change, Place, RootCertificate, Status, Store, Stores, TrustError};

use crate::{Machine, OTHER, ROOT};

/// What a distribution has: its name, where its anchors are, its tool, and its bundle.
const DISTRIBUTIONS: [[&str; 5]; 5] = [
    [
        "Debian",
        "/usr/local/share/ca-certificates",
        "update-ca-certificates",
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/ssl/certs",
    ],
    [
        "Fedora",
        "/etc/pki/ca-trust/source/anchors",
        "update-ca-trust",
        "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
        "/etc/pki/ca-trust/source",
    ],
    [
        "Arch",
        "/etc/ca-certificates/trust-source/anchors",
        "update-ca-trust",
        "/etc/ca-certificates/extracted/tls-ca-bundle.pem",
        "/etc/ca-certificates/trust-source",
    ],
    [
        "Arch",
        "/etc/ca-certificates/trust-source/anchors",
        "trust",
        "/etc/ca-certificates/extracted/tls-ca-bundle.pem",
        "/etc/ca-certificates/trust-source",
    ],
    [
        "openSUSE",
        "/etc/pki/trust/anchors",
        "update-ca-certificates",
        "/var/lib/ca-certificates/ca-bundle.pem",
        "/etc/pki/trust",
    ],
];

fn distribution([_, anchors, tool, bundle, is_there]: [&str; 5]) -> Machine {
    let machine = Machine::new()
        .bundle(bundle)
        .file(&format!("{bundle}.of"), "made of it")
        .file(&format!("{is_there}/README"), "of the distribution")
        .file("/etc/ssl/certs/README", "of the distribution")
        .file(&format!("/usr/sbin/{tool}"), "");
    let root = machine.outside("/");
    let root = root.display();
    // A stand-in: the distribution's root, and then the anchors.
    let script = format!(
        "#!/bin/sh\ncat {root}/other.pem {root}{anchors}/*.crt > {root}{bundle}.new 2>/dev/null\n\
         mv {root}{bundle}.new {root}{bundle}\nls {root}{anchors} > {root}{bundle}.names\n\
         [ \"$(wc -l < {root}{bundle}.names)\" -gt 0 ] || rm {root}{bundle}.names\n"
    );
    let machine = machine.file(&format!("/usr/sbin/{tool}"), script).file("/other.pem", OTHER);
    let tool = machine.outside(&format!("/usr/sbin/{tool}"));
    fs::set_permissions(tool, fs::Permissions::from_mode(0o755)).unwrap();
    machine
}

fn root() -> RootCertificate {
    RootCertificate::from_pem(ROOT).unwrap()
}

fn journal(machine: &Machine) -> Journal {
    Journal::open(&machine.outside("/journal")).unwrap()
}

/// Does something with the stores of a machine that has no user.
fn with<T>(machine: &Machine, act: impl FnOnce(&Stores<'_>) -> T) -> T {
    let (root, fs_root) = (root(), machine.outside("/"));
    act(&Stores { root: &root, env: &|_| None, fs_root: &fs_root })
}

fn system(stores: &Stores<'_>) -> Place {
    stores.places().unwrap().into_iter().find(|place| place.store == Store::System).unwrap()
}

/// All files below a folder with their modes, links as text; not the journal.
fn tree(folder: &Path) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
    let mut tree = BTreeMap::new();
    let mut ahead = vec![folder.to_owned()];
    while let Some(path) = ahead.pop() {
        let metadata = fs::symlink_metadata(&path).unwrap();
        let contents = if metadata.is_symlink() {
            fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()
        } else if metadata.is_dir() {
            let inside = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path());
            ahead.extend(inside.filter(|path| !path.ends_with("journal")));
            Vec::new()
        } else {
            fs::read(&path).unwrap()
        };
        tree.insert(path, (metadata.permissions().mode(), contents));
    }
    tree
}

#[test]
fn each_distribution_s_way_is_found_and_undone_to_the_byte() {
    for words in DISTRIBUTIONS {
        let machine = distribution(words);
        let (before, journal) = (tree(&machine.outside("/")), journal(&machine));
        with(&machine, |stores| {
            let place = system(stores);
            assert_eq!((place.name, place.path.to_str().unwrap()), (words[0], words[1]));
            assert_eq!(stores.status(&place), Status::Untrusted);
            assert_eq!(stores.install(&place, &journal).unwrap(), Change::Done);
            assert_eq!(stores.status(&place), Status::Trusted);
            let after = tree(&machine.outside("/"));
            assert_eq!(stores.install(&place, &journal).unwrap(), Change::Already);
            assert_eq!(tree(&machine.outside("/")), after, "twice is once");
            assert!(journal.repair(&sidestream_trust::TakeOut).unwrap().undone.is_empty());
            assert_eq!(stores.uninstall(&place, &journal).unwrap(), Change::Done);
            assert_eq!(stores.status(&place), Status::Untrusted);
            assert_eq!(stores.uninstall(&place, &journal).unwrap(), Change::Already);
        });
        assert_eq!(tree(&machine.outside("/")), before, "{words:?}");
    }
}

#[test]
fn an_edited_store_keeps_the_edits() {
    let machine = distribution(DISTRIBUTIONS[0]);
    let journal = journal(&machine);
    with(&machine, |stores| {
        let place = system(stores);
        stores.install(&place, &journal).unwrap();
        let theirs = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let folder = machine.outside(DISTRIBUTIONS[0][1]);
        fs::write(folder.join("theirs.crt"), theirs).unwrap();
        let update = machine.outside("/usr/sbin/update-ca-certificates");
        assert!(std::process::Command::new(update).status().unwrap().success());
        assert_eq!(stores.uninstall(&place, &journal).unwrap(), Change::Done);
        assert_eq!(stores.status(&place), Status::Untrusted);
        let bundle = fs::read_to_string(machine.outside(DISTRIBUTIONS[0][3])).unwrap();
        assert_eq!(bundle, [OTHER, theirs].concat());
        assert!(folder.join("theirs.crt").exists());
    });
}

#[test]
fn a_renamed_root_is_found_by_its_fingerprint() {
    let machine = distribution(DISTRIBUTIONS[1]);
    let (before, journal) = (tree(&machine.outside("/")), journal(&machine));
    with(&machine, |stores| {
        let place = system(stores);
        stores.install(&place, &journal).unwrap();
        let folder = machine.outside(DISTRIBUTIONS[1][1]);
        let made = fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
        fs::rename(made, folder.join("renamed.crt")).unwrap();
        let tool = machine.outside("/usr/sbin/update-ca-trust");
        assert!(std::process::Command::new(tool).status().unwrap().success());
        stores.uninstall(&place, &journal).unwrap();
        assert_eq!(stores.status(&place), Status::Untrusted);
    });
    let mut after = tree(&machine.outside("/"));
    // Where somebody renamed a file of ours, the folder was theirs when it was looked at.
    after.remove(&machine.outside(DISTRIBUTIONS[1][1]));
    assert_eq!(after, before);
}

#[test]
fn a_tool_that_refuses_is_quoted_and_nothing_is_left() {
    let machine = distribution(DISTRIBUTIONS[0]);
    let tool = machine.outside("/usr/sbin/update-ca-certificates");
    fs::write(&tool, "#!/bin/sh\necho 'avc: denied { write }' >&2\nexit 1\n").unwrap();
    let (before, journal) = (tree(&machine.outside("/")), journal(&machine));
    let error = with(&machine, |stores| stores.install(&system(stores), &journal).unwrap_err());
    assert!(error.to_string().ends_with("failed: avc: denied { write }"), "{error}");
    assert_eq!(tree(&machine.outside("/")), before);
    assert_eq!(journal.entries().unwrap().0, []);
}

#[test]
fn a_store_whose_tool_is_missing_is_left() {
    let machine = distribution(DISTRIBUTIONS[0]);
    fs::remove_file(machine.outside("/usr/sbin/update-ca-certificates")).unwrap();
    let (before, journal) = (tree(&machine.outside("/")), journal(&machine));
    let error = with(&machine, |stores| stores.install(&system(stores), &journal).unwrap_err());
    assert!(matches!(error, TrustError::NoTool { .. }), "{error}");
    assert_eq!(tree(&machine.outside("/")), before);
}

#[test]
fn a_second_one_is_told_who_is_about_it() {
    let machine = distribution(DISTRIBUTIONS[0]);
    let journal = journal(&machine);
    let subject =
        sidestream_journal::Subject::new("trust", "system /usr/local/share/ca-certificates");
    let held = journal.begin(subject).unwrap();
    let error = with(&machine, |stores| stores.install(&system(stores), &journal).unwrap_err());
    assert!(matches!(error, TrustError::Journal(JournalError::Busy { .. })), "{error}");
    held.forget().unwrap();
}

/// A key store of one certificate, and its place.
fn with_java(contents: &[u8], act: impl FnOnce(&Stores<'_>, &Place, &Journal, &Path)) {
    let machine = Machine::new().file("/opt/jdk/lib/security/cacerts", contents);
    let journal = journal(&machine);
    with(&machine, |stores| {
        let place = stores.places().unwrap().remove(0);
        assert_eq!(place.store, Store::Java);
        act(stores, &place, &journal, &machine.outside("/opt/jdk/lib/security/cacerts"));
    });
}

#[test]
fn a_key_store_is_undone_to_the_byte() {
    let empty = crate::plans::EMPTY_JKS;
    with_java(&empty, |stores, place, journal, file| {
        assert_eq!(stores.install(place, journal).unwrap(), Change::Done);
        assert_eq!(stores.status(place), Status::Trusted);
        assert_eq!(stores.uninstall(place, journal).unwrap(), Change::Done);
        assert_eq!(fs::read(file).unwrap(), empty);
    });
}

#[test]
fn a_key_store_with_the_root_of_somebody_else_loses_it() {
    let empty = crate::plans::EMPTY_JKS;
    with_java(&empty, |stores, place, journal, file| {
        stores.install(place, journal).unwrap();
        let with = fs::read(file).unwrap();
        stores.uninstall(place, journal).unwrap();
        fs::write(file, with).unwrap();
        assert_eq!(stores.uninstall(place, journal).unwrap(), Change::Done);
        assert_eq!(fs::read(file).unwrap(), empty);
    });
}

#[test]
fn garbage_in_a_key_store_is_left() {
    with_java(b"garbage", |stores, place, journal, file| {
        assert!(matches!(stores.status(place), Status::Unknown(_)));
        let error = stores.install(place, journal).unwrap_err();
        assert!(error.to_string().contains("is left as it is: "), "{error}");
        assert_eq!(fs::read(file).unwrap(), b"garbage");
        assert_eq!(journal.entries().unwrap().0, []);
    });
}
