//! Facts as they are given, and sets of fields as they are shown.

use std::ffi::OsStr;
use std::path::Path;

use sidestream_spec::{Fact, Field, Fields, ProcessFacts};

#[track_caller]
fn check_name(path: &str, expected: &str) {
    let process = ProcessFacts::default().with_path(path);
    assert_eq!(process.path, path.into());
    assert_eq!(process.name, Fact::<&OsStr>::from(expected), "{path:?}");
}

#[test]
fn a_name_is_the_last_part_of_the_path() {
    check_name("/usr/bin/curl", "curl");
    check_name(r"/opt/odd\name", r"odd\name");
    check_name(r"C:\Program Files\curl.exe", "curl.exe");
    check_name(r"C:/mixed\curl.exe", "curl.exe");
    check_name(r"\\server\share\curl.exe", "curl.exe");
    check_name("curl", "curl");
    check_name("", "");
}

#[test]
fn a_path_of_any_kind_is_a_path() {
    let expected = ProcessFacts::default().with_path("/bin/sh");
    assert_eq!(ProcessFacts::default().with_path(Path::new("/bin/sh")), expected);
    assert_eq!(ProcessFacts::default().with_path(&String::from("/bin/sh")), expected);
    assert_eq!(expected.path, Path::new("/bin/sh").into());
}

#[test]
fn a_look_up_that_found_nothing_says_which_nothing_it_is() {
    assert_eq!(Fact::or_absent(Some(1)), Fact::Known(1));
    assert_eq!(Fact::<u32>::or_absent(None), Fact::Absent);
    assert_eq!(Fact::or_unknown(Some(1)), Fact::Known(1));
    assert_eq!(Fact::<u32>::or_unknown(None), Fact::Unknown);
}

#[test]
fn fields_are_a_set() {
    let fields: Fields = [Field::Path, Field::Host, Field::Path].into_iter().collect();
    assert_eq!(fields.to_string(), "host, path");
    assert_eq!(format!("{fields:?}"), "{Host, Path}");
    assert!(fields.contains(Field::Host) && !fields.contains(Field::Pid));
    assert_eq!(Fields::from_iter(Field::ALL).iter().count(), Field::ALL.len());
    assert!(Fields::NONE.is_empty());
    assert_eq!(Fields::NONE.union(fields), fields);
}

#[test]
fn only_the_destination_and_the_host_are_not_of_the_process() {
    let others: Vec<Field> = Field::ALL.into_iter().filter(|field| !field.is_process()).collect();
    assert_eq!(others, [Field::Destination, Field::Host]);
}
