//! Damaged journals, and a system that refuses.

use std::fs;
use std::io::Write as _;

use sidestream_journal::{JournalError, Plain, Standing};

use crate::machine::{Machine, everything, subject};

#[test]
fn a_torn_line_was_never_acted_upon() {
    let machine = Machine::new();
    let before = machine.tree();
    drop(everything(&machine.journal(), machine.root()).unwrap());
    let log = machine.path("state/00000001/log");
    for torn in ["0123", "0123456789abcdef {\"kind\":\"kept\"}\n"] {
        fs::OpenOptions::new().append(true).open(&log).unwrap().write_all(torn.as_bytes()).unwrap();
        assert_eq!(machine.journal().entries().unwrap().0[0].standing, Standing::LeftOver);
    }
    machine.journal().repair(&Plain).unwrap();
    assert_eq!(machine.tree(), before);
}

#[test]
fn a_log_that_ends_anywhere_is_replayed_or_left() {
    let machine = Machine::new();
    drop(everything(&machine.journal(), machine.root()).unwrap());
    let log = machine.path("state/00000001/log");
    let whole = fs::read(&log).unwrap();
    for len in (0..whole.len()).step_by(11) {
        let machine = Machine::new();
        fs::create_dir_all(machine.path("state/00000001")).unwrap();
        fs::write(machine.path("state/00000001/log"), &whole[..len]).unwrap();
        let (entries, errors) = machine.journal().entries().unwrap();
        assert!(entries.len() <= 1 && errors.is_empty(), "{len}: {entries:?} {errors:?}");
    }
}

#[test]
fn damage_and_newer_versions_are_told_and_left() {
    for text in ["garbage\n", "x\ny\n", "\n\n"] {
        let machine = Machine::new();
        let log = machine.path("state/00000007/log");
        fs::create_dir_all(log.parent().unwrap()).unwrap();
        fs::write(&log, text).unwrap();
        let repaired = machine.journal().repair(&Plain).unwrap();
        assert_eq!(repaired.failed.len(), 1, "{text:?}");
        assert!(matches!(repaired.failed[0].error, JournalError::Foreign { .. }));
        assert_eq!(fs::read_to_string(log).unwrap(), text);
        machine.journal().begin(subject()).unwrap().forget().unwrap();
    }
}

#[test]
fn what_was_remembered_is_checked_before_it_is_restored() {
    let machine = Machine::new();
    let mut change = machine.journal().begin(subject()).unwrap();
    change.write(&machine.path("etc/bundle"), b"ours", None).unwrap();
    drop(change);
    let folder = fs::read_dir(machine.path("state/00000001")).unwrap();
    for entry in folder.map(|entry| entry.unwrap().path()).filter(|path| !path.ends_with("log")) {
        fs::write(entry, "forged").unwrap();
    }
    let repaired = machine.journal().repair(&Plain).unwrap();
    assert!(matches!(repaired.failed[0].error, JournalError::Foreign { .. }));
    assert_eq!(fs::read(machine.path("etc/bundle")).unwrap(), b"ours");
}

#[test]
fn a_folder_that_is_gone_or_closed_is_told_with_what_the_system_says() {
    let machine = Machine::new();
    let mut change = machine.journal().begin(subject()).unwrap();
    let error = change.write(&machine.path("nowhere/file"), b"ours", None).unwrap_err();
    assert!(error.to_string().starts_with("cannot write "), "{error}");
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("No such file or directory"), "{source}");
    let odd = change.write(&machine.path("etc"), b"ours", None).unwrap_err();
    assert!(odd.to_string().starts_with("cannot replace "), "{odd}");
    change.undo(&Plain).unwrap();
}

#[test]
fn a_tool_that_fails_is_quoted_and_its_change_stays_a_left_over() {
    let machine = Machine::new();
    let words = ["sh", "-c", "echo denied >&2; exit 3"].map(str::to_owned);
    let mut change = machine.journal().begin(subject()).unwrap();
    let _watch = change.watch(&[machine.path("etc/generated")], &words, None).unwrap();
    let error = change.run(&words).unwrap_err();
    assert_eq!(error.to_string(), "sh failed: denied");
    fs::write(machine.path("etc/generated/all"), "half").unwrap();
    assert!(change.undo(&Plain).is_err());
    let (entries, _) = machine.journal().entries().unwrap();
    assert_eq!(entries[0].standing, Standing::LeftOver);
}
