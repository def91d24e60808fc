//! Undoing, also after somebody else has changed the same.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use sidestream_journal::{Journal, JournalError, Outcome, Plain, Standing};

use crate::machine::{Machine, everything, line, subject};

#[test]
fn everything_is_as_before_to_the_byte() {
    let machine = Machine::new();
    let before = machine.tree();
    let change = everything(&machine.journal(), machine.root()).unwrap();
    assert_ne!(machine.tree(), before);
    change.undo(&Plain).unwrap();
    assert_eq!(machine.tree(), before);
    assert_eq!(machine.journal().entries().unwrap().0, []);
}

#[test]
fn what_is_kept_is_no_left_over_until_it_is_undone() {
    let machine = Machine::new();
    let before = machine.tree();
    let id = everything(&machine.journal(), machine.root()).unwrap().keep().unwrap();
    let after = machine.tree();
    assert!(machine.journal().repair(&Plain).unwrap().undone.is_empty());
    assert_eq!(machine.tree(), after);
    assert_eq!(machine.journal().entries().unwrap().0[0].standing, Standing::Kept);
    machine.journal().undo(id, &Plain).unwrap();
    assert_eq!(machine.tree(), before);
    assert!(matches!(machine.journal().undo(id, &Plain), Err(JournalError::Missing { id: 1 })));
}

#[test]
fn left_overs_are_undone_the_last_first() {
    let machine = Machine::new();
    let bundle = machine.path("etc/bundle");
    for contents in ["one", "two", "three"] {
        let mut change = machine.journal().begin(subject()).unwrap();
        change.write(&bundle, contents.as_bytes(), None).unwrap();
    }
    assert_eq!(machine.journal().repair(&Plain).unwrap().undone.len(), 3);
    assert_eq!(fs::read_to_string(bundle).unwrap(), "theirs\n");
}

/// Changes the bundle, lets somebody edit it, undoes, and gives what is there then.
#[track_caller]
fn check(edit: impl FnOnce(&Machine), expected: Option<&str>, outcome: Outcome) {
    let machine = Machine::new();
    let bundle = machine.path("etc/bundle");
    let mut change = machine.journal().begin(subject()).unwrap();
    change.write(&bundle, b"theirs\nours\n", line("ours\n")).unwrap();
    edit(&machine);
    let undone = change.undo(&Plain).unwrap();
    assert_eq!(fs::read_to_string(bundle).ok().as_deref(), expected);
    assert_eq!(undone[0].outcome, outcome);
}

#[test]
fn an_edit_in_between_stays_and_ours_is_taken_out() {
    let write = |text: &'static str| {
        move |machine: &Machine| fs::write(machine.path("etc/bundle"), text).unwrap()
    };
    check(write("theirs\nours\n"), Some("theirs\n"), Outcome::Restored);
    check(write("mine\ntheirs\nours\nx\n"), Some("mine\ntheirs\nx\n"), Outcome::PartRemoved);
    check(write("mine\n"), Some("mine\n"), Outcome::Left);
    check(write("ours\nours\n"), Some("ours\nours\n"), Outcome::Left);
    check(write("theirs\n"), Some("theirs\n"), Outcome::Nothing);
    check(|m| fs::remove_file(m.path("etc/bundle")).unwrap(), None, Outcome::Nothing);
}

#[test]
fn a_mode_that_somebody_set_in_between_stays() {
    let machine = Machine::new();
    let bundle = machine.path("etc/bundle");
    fs::set_permissions(&bundle, fs::Permissions::from_mode(0o640)).unwrap();
    let mode = || fs::metadata(&bundle).unwrap().permissions().mode() & 0o777;
    let mut change = machine.journal().begin(subject()).unwrap();
    change.write(&bundle, b"ours", None).unwrap();
    assert_eq!(mode(), 0o640);
    fs::set_permissions(&bundle, fs::Permissions::from_mode(0o600)).unwrap();
    change.undo(&Plain).unwrap();
    assert_eq!((mode(), fs::read(&bundle).unwrap()), (0o600, b"theirs\n".to_vec()));
}

#[test]
fn what_a_tool_generated_is_generated_again_where_somebody_changed_it() {
    let machine = Machine::new();
    let change = everything(&machine.journal(), machine.root()).unwrap();
    fs::write(machine.path("etc/anchors/mine"), "mine\n").unwrap();
    fs::write(machine.path("etc/generated/all"), "theirs\nmine\nours\n").unwrap();
    fs::write(machine.path("etc/generated/alien"), "alien\n").unwrap();
    let undone = change.undo(&Plain).unwrap();
    assert!(undone.iter().any(|step| step.outcome == Outcome::Ran), "{undone:?}");
    let read = |path| fs::read_to_string(machine.path(path)).unwrap();
    assert_eq!(read("etc/generated/all"), "theirs\nmine\n");
    assert_eq!(read("etc/generated/alien"), "alien\n");
    assert_eq!(read("etc/anchors/mine"), "mine\n");
    assert!(!machine.path("etc/anchors/ours").exists());
}

#[test]
fn what_a_program_has_open_is_left_to_the_tool() {
    let machine = Machine::new();
    let before = machine.tree();
    let change = everything(&machine.journal(), machine.root()).unwrap();
    let _open = fs::File::open(machine.path("etc/generated/all")).unwrap();
    let undone = change.undo(&Plain).unwrap();
    assert!(undone.iter().any(|step| step.outcome == Outcome::Ran), "{undone:?}");
    assert_eq!(machine.tree(), before);
}

#[test]
fn a_second_one_is_told_who_holds_what() {
    let machine = Machine::new();
    let change = everything(&machine.journal(), machine.root()).unwrap();
    let after = machine.tree();
    let busy = machine.journal().begin(subject()).unwrap_err();
    let JournalError::Busy { pid, .. } = &busy else { panic!("{busy}") };
    assert_eq!(*pid, std::process::id());
    assert!(busy.to_string().contains("is changing everything (test), wait"), "{busy}");
    assert!(machine.journal().repair(&Plain).unwrap().undone.is_empty());
    assert!(matches!(machine.journal().undo(1, &Plain), Err(JournalError::Busy { .. })));
    assert_eq!(machine.tree(), after);
    drop(change);
    assert_eq!(machine.journal().repair(&Plain).unwrap().undone.len(), 1);
}

#[test]
fn a_user_without_a_home_is_told() {
    let error = sidestream_journal::of_user(&|_| None).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no folder is known to note changes in, set HOME or XDG_STATE_HOME"
    );
    let of = |name: &'static str, value: &'static str| {
        sidestream_journal::of_user(&move |asked| (asked == name).then(|| value.into())).ok()
    };
    assert_eq!(
        of("HOME", "/h").unwrap(),
        std::path::Path::new("/h/.local/state/sidestream/journal")
    );
    assert_eq!(of("XDG_STATE_HOME", "/s").unwrap(), std::path::Path::new("/s/sidestream/journal"));
    assert_eq!(of("HOME", "relative"), None);
}

#[test]
fn finding_a_journal_makes_none() {
    let machine = Machine::new();
    assert!(Journal::find(&machine.path("state")).is_none());
    assert!(!machine.path("state").exists());
}
