//! GNOME: its real tool and service, and libproxy as a client.

use sidestream_journal::JournalError;
use sidestream_sysproxy::{Current, Place, SysproxyError};
use sidestream_testkit::skip;

use crate::home::{Home, PROXY};

const SCHEMA: &str = "org.gnome.system.proxy";

fn home(test: &str) -> Option<Home> {
    let home = Home::with_bus(test, &["gsettings"])?;
    if home.with(|desktop| !desktop.places().unwrap().contains(&Place::Gnome)) {
        skip(test, "no schemas of GNOME here");
        return None;
    }
    Some(home)
}

fn all(home: &Home) -> String {
    home.says(&["gsettings", "list-recursively", SCHEMA], &[])
}

fn set(home: &Home, schema: &str, key: &str, value: &str) {
    home.says(&["gsettings", "set", &format!("{SCHEMA}{schema}"), key, value], &[]);
}

fn get(home: &Home, schema: &str, key: &str) -> String {
    home.says(&["gsettings", "get", &format!("{SCHEMA}{schema}"), key], &[])
}

/// What a program that asks libproxy is told.
fn libproxy(home: &Home, url: &str) -> String {
    home.says(&["proxy", url], &[("DESKTOP_SESSION", "gnome")])
}

#[test]
fn programs_are_told_of_it_while_it_is_set() {
    let test = "programs_are_told_of_it_while_it_is_set";
    let Some(home) = home(test) else { return };
    let has_client = ["/usr/bin/proxy", "/usr/lib/x86_64-linux-gnu/libproxy"]
        .iter()
        .all(|path| std::path::Path::new(path).exists());
    if !has_client {
        return skip(test, "no libproxy here");
    }
    assert_eq!(libproxy(&home, "http://example.com"), "direct://");
    home.with(|desktop| {
        let restore = desktop.set(Place::Gnome, PROXY.parse().unwrap(), &home.journal()).unwrap();
        for url in ["http://example.com", "https://example.com"] {
            assert_eq!(libproxy(&home, url), format!("http://{PROXY}"));
        }
        // What the user excepts stays excepted.
        assert_eq!(libproxy(&home, "http://localhost"), "direct://");
        assert_eq!(desktop.current(Place::Gnome).unwrap(), Current::Proxy(PROXY.into()));
        drop(restore);
        assert_eq!(desktop.current(Place::Gnome).unwrap(), Current::Direct);
    });
    assert_eq!(libproxy(&home, "http://example.com"), "direct://");
}

#[test]
fn all_is_given_back_defaults_as_defaults() {
    let Some(home) = home("all_is_given_back_defaults_as_defaults") else { return };
    set(&home, ".http", "host", "'proxy.corp.test'");
    set(&home, ".http", "port", "3128");
    set(&home, ".http", "use-authentication", "true");
    set(&home, "", "mode", "'auto'");
    let before = all(&home);
    home.with(|desktop| {
        let restore = desktop.set(Place::Gnome, "[::]:99".parse().unwrap(), &home.journal());
        let restore = restore.unwrap();
        assert_eq!(get(&home, ".http", "host"), "'::1'");
        assert_eq!(get(&home, ".http", "use-authentication"), "false");
        let undone = restore.restore().unwrap();
        assert_eq!(undone[0].to_string(), "restored the proxy settings of GNOME");
    });
    assert_eq!(all(&home), before);
    assert_eq!(home.journal().entries().unwrap().0, []);
}

#[test]
fn a_proxy_that_the_user_names_meanwhile_stays_in_force() {
    let Some(home) = home("a_proxy_that_the_user_names_meanwhile_stays_in_force") else { return };
    home.with(|desktop| {
        let restore = desktop.set(Place::Gnome, PROXY.parse().unwrap(), &home.journal()).unwrap();
        set(&home, ".http", "host", "'proxy.corp.test'");
        let undone = restore.restore().unwrap();
        assert!(undone[0].to_string().starts_with("took ours out of"), "{undone:?}");
    });
    assert_eq!(get(&home, ".http", "host"), "'proxy.corp.test'");
    assert_eq!(get(&home, ".https", "host"), "''");
    assert_eq!(get(&home, "", "mode"), "'manual'");
}

#[test]
fn a_mode_that_the_user_sets_meanwhile_stays() {
    let Some(home) = home("a_mode_that_the_user_sets_meanwhile_stays") else { return };
    home.with(|desktop| {
        let restore = desktop.set(Place::Gnome, PROXY.parse().unwrap(), &home.journal()).unwrap();
        set(&home, "", "mode", "'auto'");
        drop(restore);
    });
    assert_eq!(get(&home, "", "mode"), "'auto'");
    assert_eq!(get(&home, ".http", "host"), "''");
}

#[test]
fn a_second_one_is_told_who_holds_it() {
    let Some(home) = home("a_second_one_is_told_who_holds_it") else { return };
    home.with(|desktop| {
        let _first = desktop.set(Place::Gnome, PROXY.parse().unwrap(), &home.journal()).unwrap();
        let second = desktop.set(Place::Gnome, "127.0.0.1:1".parse().unwrap(), &home.journal());
        let error = second.unwrap_err();
        let SysproxyError::Journal(JournalError::Busy { pid, .. }) = &error else {
            panic!("{error}");
        };
        assert_eq!(*pid, std::process::id());
        assert_eq!(desktop.current(Place::Gnome).unwrap(), Current::Proxy(PROXY.into()));
    });
}

#[test]
fn a_left_over_is_repaired_also_without_a_session() {
    let Some(mut home) = home("a_left_over_is_repaired_also_without_a_session") else { return };
    let before = all(&home);
    home.set_and_killed(Place::Gnome);
    assert_ne!(all(&home), before);
    home.end_session();
    home.with(|desktop| {
        let repaired = home.journal().repair(&desktop.give_back()).unwrap();
        assert_eq!((repaired.undone.len(), repaired.failed.len()), (1, 0), "{repaired:?}");
    });
    assert_eq!(all(&home), before);
}
