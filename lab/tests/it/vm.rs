//! Virtual machines: how they are described, what their boxes are made of, and what is said where
//! there is none.

use std::path::PathBuf;

use sidestream_lab::ground::Unavailable;
use sidestream_lab::ground::kernel::Selection;
use sidestream_lab::ground::vm;
use sidestream_testkit::skip;

#[test]
fn vagrant_understands_how_all_machines_are_described() {
    let name = "vagrant_understands_how_all_machines_are_described";
    let folder = tempfile::tempdir().unwrap();
    match vm::validate(folder.path()) {
        Ok(said) => assert!(vm::SYSTEMS.iter().all(|system| said.contains(system)), "{said}"),
        Err(error) if error.is::<Unavailable>() => skip(name, &error.to_string()),
        Err(error) => panic!("{error:#}"),
    }
}

#[test]
fn the_box_that_was_made_is_one_for_libvirt() {
    let made = lab().join("box/debian12.box");
    if !made.exists() {
        let reason = "no box was made: cargo xtask lab box debian";
        skip("the_box_that_was_made_is_one_for_libvirt", reason);
        return;
    }
    let metadata = vm::read_metadata(&made).unwrap();
    assert_eq!(metadata["provider"], "libvirt");
    assert_eq!(metadata["format"], "qcow2");
    assert!(metadata["virtual_size"].is_u64(), "{metadata}");
}

#[test]
fn a_machine_without_a_box_says_which_one_it_wants_and_how_to_add_it() {
    let folder = tempfile::tempdir().unwrap();
    let check = |system: &str, words: &[&str]| {
        let ran = vm::run(system, &Selection::default(), folder.path(), |_| {});
        let error = ran.unwrap_err();
        assert!(error.is::<Unavailable>(), "{error:#}");
        let said = error.to_string();
        assert!(words.iter().all(|word| said.contains(word)), "{said}");
    };
    check("debian", &["sidestream/debian12", "cargo xtask lab box debian"]);
    check("windows", &["sidestream/windows11", "vagrant box add --name sidestream/windows11"]);
    check("macos", &["sidestream/macos", "vagrant box add --name sidestream/macos"]);
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none(), "a skip leaves nothing");
}

#[test]
fn there_is_no_machine_of_another_system() {
    let folder = tempfile::tempdir().unwrap();
    let error = vm::check("plan9", folder.path()).unwrap_err();
    assert!(!error.is::<Unavailable>());
    assert_eq!(error.to_string(), "no machine \"plan9\": debian, windows, macos");
}

/// Where the lab keeps its things: `LAB_FOLDER`, else `target/lab`.
fn lab() -> PathBuf {
    let target = || PathBuf::from(env!("CARGO_TARGET_TMPDIR")).with_file_name("lab");
    std::env::var_os("LAB_FOLDER").map_or_else(target, PathBuf::from)
}
