//! Databases of NSS, by its own tool.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sidestream_journal::Journal;
use sidestream_trust::{Change, Place, RootCertificate, Status, Store, Stores};
use tempfile::TempDir;

use crate::{OTHER, ROOT};

const PROFILE: &str = ".mozilla/firefox/abc.default";

/// A home with a database that holds a certificate; nothing without the tool.
fn home(test: &str) -> Option<TempDir> {
    if Command::new("certutil").arg("-H").output().is_err() {
        sidestream_testkit::skip(test, "certutil is not installed");
        return None;
    }
    let home = tempfile::tempdir().unwrap();
    for folder in [PROFILE, ".pki/nssdb"] {
        let folder = home.path().join(folder);
        fs::create_dir_all(&folder).unwrap();
        certutil(&folder, &["-N", "--empty-password"]);
        let pem = home.path().join("other.pem");
        fs::write(&pem, OTHER).unwrap();
        certutil(&folder, &["-A", "-a", "-n", "theirs", "-t", "C,,", "-i", pem.to_str().unwrap()]);
    }
    fs::create_dir_all(home.path().join(".mozilla/firefox/no profile")).unwrap();
    Some(home)
}

fn certutil(folder: &Path, arguments: &[&str]) -> String {
    let database = format!("sql:{}", folder.display());
    let output = Command::new("certutil").args(arguments).args(["-d", &database]).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn with(home: &Path, act: impl FnOnce(&Stores<'_>, &[Place], &Journal)) {
    let root = RootCertificate::from_pem(ROOT).unwrap();
    let env = |name: &str| match name {
        "HOME" => Some(OsString::from(home)),
        "PATH" => {
            let path = std::env::var_os(name).unwrap_or_default();
            let folders = std::env::split_paths(&path).chain([home.join("bin")]);
            Some(std::env::join_paths(folders).unwrap())
        }
        _ => None,
    };
    let stores = Stores { root: &root, env: &env, fs_root: Path::new("/") };
    let mut places = stores.places().unwrap();
    places.retain(|place| place.store == Store::Nss);
    act(&stores, &places, &Journal::open(&home.join("journal")).unwrap());
}

fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

#[test]
fn databases_are_undone_to_the_byte() {
    let Some(home) = home("databases_are_undone_to_the_byte") else { return };
    with(home.path(), |stores, places, journal| {
        assert_eq!(places.iter().map(|p| p.name).collect::<Vec<_>>(), ["Chromium", "Firefox"]);
        for place in places {
            let before = files(&place.path);
            assert_eq!(stores.status(place), Status::Untrusted);
            assert_eq!(stores.install(place, journal).unwrap(), Change::Done);
            assert_eq!(stores.status(place), Status::Trusted);
            assert_eq!(stores.install(place, journal).unwrap(), Change::Already);
            assert_eq!(stores.uninstall(place, journal).unwrap(), Change::Done);
            assert_eq!(stores.status(place), Status::Untrusted);
            assert_eq!(files(&place.path), before);
        }
    });
}

/// A home of a user of Chromium who has not started it yet.
fn fresh_home(test: &str) -> Option<TempDir> {
    let home = home(test)?;
    fs::remove_dir_all(home.path().join(".pki")).unwrap();
    fs::remove_dir_all(home.path().join(".mozilla")).unwrap();
    fs::create_dir(home.path().join("bin")).unwrap();
    fs::write(home.path().join("bin/google-chrome"), "").unwrap();
    Some(home)
}

#[test]
fn a_database_that_chromium_would_make_is_made_and_is_gone_again() {
    let test = "a_database_that_chromium_would_make_is_made_and_is_gone_again";
    let Some(home) = fresh_home(test) else { return };
    with(home.path(), |stores, places, journal| {
        let [place] = places else { panic!("{places:?}") };
        assert_eq!((place.name, stores.status(place)), ("Chromium", Status::Untrusted));
        assert_eq!(stores.uninstall(place, journal).unwrap(), Change::Already);
        assert_eq!(stores.install(place, journal).unwrap(), Change::Done);
        assert_eq!(stores.status(place), Status::Trusted);
        assert_eq!(stores.uninstall(place, journal).unwrap(), Change::Done);
        assert!(!home.path().join(".pki").exists());
        // What Chromium has used meanwhile stays, without the root.
        stores.install(place, journal).unwrap();
        let pem = home.path().join("other.pem");
        let add = ["-A", "-a", "-n", "theirs", "-t", "C,,", "-i", pem.to_str().unwrap()];
        certutil(&place.path, &add);
        stores.uninstall(place, journal).unwrap();
        assert_eq!(stores.status(place), Status::Untrusted);
        let listed = certutil(&place.path, &["-L"]);
        assert!(listed.contains("theirs") && !listed.contains("sidestream"), "{listed}");
    });
}

#[test]
fn a_home_that_is_not_there_is_not_made() {
    let Some(home) = fresh_home("a_home_that_is_not_there_is_not_made") else { return };
    let absent = home.path().join("absent");
    let env = |name: &str| match name {
        "HOME" => Some(OsString::from(&absent)),
        "PATH" => Some(home.path().join("bin").into()),
        _ => None,
    };
    let root = RootCertificate::from_pem(ROOT).unwrap();
    let stores = Stores { root: &root, env: &env, fs_root: Path::new("/") };
    let places = stores.places().unwrap();
    assert!(places.iter().all(|place| place.store != Store::Nss), "{places:?}");
}

#[test]
fn what_was_added_meanwhile_stays() {
    let Some(home) = home("what_was_added_meanwhile_stays") else { return };
    with(home.path(), |stores, places, journal| {
        let place = &places[1];
        stores.install(place, journal).unwrap();
        certutil(&place.path, &["-M", "-n", "theirs", "-t", "C,C,"]);
        stores.uninstall(place, journal).unwrap();
        assert_eq!(stores.status(place), Status::Untrusted);
        let listed = certutil(&place.path, &["-L"]);
        assert!(listed.contains("theirs") && listed.contains("C,C,"), "{listed}");
        assert!(!listed.contains("sidestream"), "{listed}");
    });
}

#[test]
fn a_root_of_another_name_is_taken_out_and_a_distrusted_one_gets_its_attributes_back() {
    let test = "a_root_of_another_name_is_taken_out_and_a_distrusted_one_gets_its_attributes_back";
    let Some(home) = home(test) else { return };
    let pem = home.path().join("ours.pem");
    fs::write(&pem, ROOT).unwrap();
    with(home.path(), |stores, places, journal| {
        let place = &places[0];
        let import = ["-A", "-a", "-n", "my name", "-t", ",,", "-i", pem.to_str().unwrap()];
        certutil(&place.path, &import);
        let before = files(&place.path);
        assert_eq!(stores.status(place), Status::Untrusted);
        assert_eq!(stores.install(place, journal).unwrap(), Change::Done);
        assert_eq!(stores.status(place), Status::Trusted);
        stores.uninstall(place, journal).unwrap();
        assert_eq!(files(&place.path), before);
        certutil(&place.path, &["-M", "-n", "my name", "-t", "C,,"]);
        assert_eq!(stores.uninstall(place, journal).unwrap(), Change::Done);
        assert!(!certutil(&place.path, &["-L"]).contains("my name"));
    });
}

#[test]
fn a_profile_that_is_gone_is_forgotten() {
    let Some(home) = home("a_profile_that_is_gone_is_forgotten") else { return };
    with(home.path(), |stores, places, journal| {
        stores.install(&places[1], journal).unwrap();
        fs::remove_dir_all(&places[1].path).unwrap();
        assert_eq!(stores.uninstall_rest(&[Store::System], journal).unwrap(), Vec::<String>::new());
        assert_eq!(stores.uninstall_rest(&[Store::Nss], journal).unwrap().len(), 1);
        assert_eq!(journal.entries().unwrap().0, []);
        assert!(!places[1].path.exists());
    });
}
