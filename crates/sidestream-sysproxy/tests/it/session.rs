//! Sessions in which the settings cannot be had.

use std::ffi::OsString;
use std::fs;

use sidestream_sysproxy::{Desktop, Place, SysproxyError};

use crate::home::{Home, PROXY};

/// A tool that lists one key of each kind, and takes what it is set to only where `takes` says so.
fn tool(home: &Home, takes: &str) -> OsString {
    let script = format!(
        "#!/bin/sh\nstate={}\ncase $1 in\n\
         list-recursively) test -n \"$GSETTINGS_BACKEND\" && state=/dev/null\n\
         echo org.gnome.system.proxy mode \"$(cat $state 2>/dev/null || echo \"'none'\")\" | sed \"s/mode $/mode 'none'/\";;\n\
         writable) echo false;;\n\
         set) {takes};;\n\
         reset) rm -f $state;;\n\
         esac\n",
        home.path("value").display()
    );
    home.program("gsettings", &script).into()
}

fn set(home: &Home, path: OsString) -> Result<(), SysproxyError> {
    let env = |name: &str| match name {
        "PATH" => {
            let mut path = path.clone();
            path.push(":/usr/bin:/bin");
            Some(path)
        }
        name => home.env(name),
    };
    let fs_root = home.path("");
    let desktop = Desktop { env: &env, fs_root: &fs_root };
    desktop.set(Place::Gnome, PROXY.parse().unwrap(), &home.journal()).map(drop)
}

#[test]
fn what_the_administrator_locked_is_named() {
    let home = Home::new();
    let error = set(&home, tool(&home, "true")).unwrap_err();
    let SysproxyError::Locked { what } = &error else { panic!("{error}") };
    assert_eq!(what, "org.gnome.system.proxy mode");
    assert_eq!(home.journal().entries().unwrap().0, []);
}

#[test]
fn a_tool_that_fails_is_told_and_nothing_is_left() {
    let home = Home::new();
    let error = set(&home, tool(&home, "echo no such thing >&2; exit 1")).unwrap_err();
    let said = error.to_string();
    assert!(said.starts_with("gsettings failed:") && said.contains("no such thing"), "{said}");
    assert_eq!(home.journal().entries().unwrap().0, []);
}

#[test]
fn a_tool_that_does_as_it_is_told_is_believed() {
    let home = Home::new();
    set(&home, tool(&home, "printf %s \"$4\" > $state")).unwrap();
    assert!(!home.path("value").exists());
}

#[test]
fn a_machine_without_a_desktop_has_no_places() {
    let env = |_: &str| None;
    let folder = tempfile::tempdir().unwrap();
    let desktop = Desktop { env: &env, fs_root: folder.path() };
    assert!(!desktop.places().unwrap().contains(&Place::Kde));
    let error = desktop.current(Place::Kde).unwrap_err();
    assert_eq!(error.to_string(), "KDE has no proxy settings here, set HOME");
}

#[test]
fn a_file_that_may_not_be_read_or_is_no_text_is_left() {
    let home = Home::new();
    fs::write(home.path(".config/kioslaverc"), b"\xff\xfe[Proxy").unwrap();
    home.with(|desktop| {
        for act in [
            desktop.current(Place::Kde).map(drop),
            desktop.set(Place::Kde, PROXY.parse().unwrap(), &home.journal()).map(drop),
        ] {
            assert!(matches!(act, Err(SysproxyError::Foreign { .. })), "{act:?}");
        }
    });
    let left = fs::read(home.path(".config/kioslaverc")).unwrap();
    assert_eq!(left, b"\xff\xfe[Proxy");
}
