//! KDE: its file, with its own tools and libproxy as clients.

use std::fs;
use std::path::Path;

use sidestream_sysproxy::{Current, Place, SysproxyError};
use sidestream_testkit::skip;

use crate::home::{Home, PROXY};

const FILE: &str = ".config/kioslaverc";
const THEIRS: &str = "PersistentProxyConnection=true\n[$Version]\nupdate_info=x\n\n[Proxy Settings]\nNoProxyFor=a.test\nhttpProxy=http://corp.test 3128\nReversedException=true\n\n[Other]\nhttpProxy=y\n";

fn read(home: &Home) -> String {
    fs::read_to_string(home.path(FILE)).unwrap()
}

/// Sets the proxy, lets somebody act, and gives back.
fn while_set(home: &Home, act: impl FnOnce()) {
    home.with(|desktop| {
        let restore = desktop.set(Place::Kde, PROXY.parse().unwrap(), &home.journal()).unwrap();
        act();
        drop(restore);
    });
    assert_eq!(home.journal().entries().unwrap().0, []);
}

#[test]
fn programs_are_told_of_it_while_it_is_set() {
    let test = "programs_are_told_of_it_while_it_is_set";
    let Some(home) = Home::with_bus(test, &["proxy", "kreadconfig5"]) else { return };
    if !Path::new("/usr/lib/x86_64-linux-gnu/libproxy").exists() {
        return skip(test, "no libproxy for KDE here");
    }
    let told = |url: &str| {
        home.says(&["proxy", url], &[("KDE_FULL_SESSION", "1"), ("KDE_SESSION_VERSION", "5")])
    };
    let before = "[Proxy Settings]\nProxyType=0\nNoProxyFor=localhost\n";
    fs::write(home.path(FILE), before).unwrap();
    while_set(&home, || {
        for url in ["http://example.com", "https://example.com"] {
            assert_eq!(told(url), format!("http://{PROXY}"));
        }
        assert_eq!(told("http://localhost"), "direct://");
    });
    assert_eq!((told("http://example.com"), &*read(&home)), ("direct://".into(), before));
}

#[test]
fn the_file_is_given_back_to_the_byte() {
    for before in [THEIRS, "", "[Proxy Settings]", "[Proxy Settings]\nProxyType=2"] {
        let home = Home::new();
        fs::write(home.path(FILE), before).unwrap();
        while_set(&home, || {
            assert!(read(&home).contains("ProxyType=1\n"), "{}", read(&home));
        });
        assert_eq!(read(&home), before);
    }
}

#[test]
fn a_file_that_was_not_there_is_gone_with_its_folder() {
    let home = Home::new();
    fs::remove_dir(home.path(".config")).unwrap();
    while_set(&home, || assert!(home.path(FILE).exists()));
    assert!(!home.path(".config").exists());
}

#[test]
fn what_kde_writes_meanwhile_stays() {
    let test = "what_kde_writes_meanwhile_stays";
    let Some(home) = Home::with_bus(test, &["kwriteconfig5"]) else { return };
    fs::write(home.path(FILE), THEIRS).unwrap();
    let write = |key: &str, value: &str| {
        let words =
            ["kwriteconfig5", "--file", "kioslaverc", "--group", "Proxy Settings", "--key", key];
        home.says(&[&words[..], &[value]].concat(), &[]);
    };
    let get = |key: &str| {
        let words =
            ["kreadconfig5", "--file", "kioslaverc", "--group", "Proxy Settings", "--key", key];
        home.says(&words, &[])
    };
    while_set(&home, || write("NoProxyFor", "b.test"));
    assert_eq!(get("NoProxyFor"), "b.test");
    assert_eq!(get("httpProxy"), "http://corp.test 3128");
    assert_eq!(
        (get("ProxyType"), get("httpsProxy"), get("ReversedException")),
        ("".into(), "".into(), "true".into())
    );
    // Who names another proxy keeps that it is used.
    while_set(&home, || write("httpProxy", "http://mine.test 1"));
    assert_eq!(
        (get("httpProxy"), get("ProxyType"), get("httpsProxy")),
        ("http://mine.test 1".into(), "1".into(), "".into())
    );
}

#[test]
fn a_link_is_followed_and_stays() {
    let home = Home::new();
    fs::write(home.path("dotfile"), THEIRS).unwrap();
    std::os::unix::fs::symlink(home.path("dotfile"), home.path(FILE)).unwrap();
    while_set(&home, || assert!(read(&home).contains("127.0.0.1 4711")));
    assert!(home.path(FILE).is_symlink());
    assert_eq!(read(&home), THEIRS);
}

#[test]
fn what_the_administrator_locked_is_left() {
    let home = Home::new();
    let before = "[Proxy Settings][$i]\nProxyType=2\n";
    fs::write(home.path(FILE), before).unwrap();
    home.with(|desktop| {
        let error = desktop.set(Place::Kde, PROXY.parse().unwrap(), &home.journal()).unwrap_err();
        assert!(matches!(error, SysproxyError::Locked { .. }), "{error}");
    });
    assert_eq!(read(&home), before);
}

#[test]
fn a_left_over_is_repaired_though_the_file_was_edited() {
    let home = Home::new();
    fs::write(home.path(FILE), THEIRS).unwrap();
    home.set_and_killed(Place::Kde);
    home.with(|desktop| {
        assert_eq!(desktop.current(Place::Kde).unwrap(), Current::Proxy(PROXY.into()));
        fs::write(home.path(FILE), read(&home) + "more=1\n").unwrap();
        let repaired = home.journal().repair(&desktop.give_back()).unwrap();
        assert_eq!((repaired.undone.len(), repaired.failed.len()), (1, 0), "{repaired:?}");
    });
    assert_eq!(read(&home), THEIRS.to_owned() + "more=1\n");
}
