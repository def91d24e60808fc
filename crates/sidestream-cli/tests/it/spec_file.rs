//! Specs in files.

use sidestream_cli::spec_file;

/// Reads a file with that text, and words the spec or the error.
fn read(text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spec");
    std::fs::write(&path, text).unwrap();
    match spec_file::read(&path) {
        Ok(spec) => spec.to_string(),
        Err(error) => error.to_string().replace(&*path.to_string_lossy(), "[file]"),
    }
}

#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(read(text), expected, "{text:?}");
}

#[test]
fn line_ends_stand_for_commas() {
    check("curl", "curl");
    check("curl\nwget\n", "curl,wget");
    check("curl, wget,\r\n!4711 ,\n", "curl, wget,!4711");
    check("!host:*.test\n!port:22", "!host:*.test,!port:22");
}

#[test]
fn comments_and_empty_lines_do_not_count() {
    check("", "");
    check("\n  \n# all of it\n", "");
    check("# clients\n\n  curl # and its kin\n\twget\t# too", "curl,wget");
    check("path:/opt/a#b/*", "path:/opt/a#b/*");
}

#[test]
fn there_is_no_limit_on_its_length() {
    let lines: Vec<_> = (1..=20_000).map(|pid| format!("pid:{pid}")).collect();
    check(&lines.join("\n"), &lines.join(","));
}

#[test]
fn an_error_names_the_line() {
    check(
        "curl\n# here\n  wget,,git # twice\n",
        "[file], line 3: not a spec:\nwget,,git\n     ^ an item is missing: write one here or \
         remove the comma",
    );
    check(
        "port:http",
        "[file], line 1: not a spec:\nport:http\n     ^^^^ not a port: write a number from 0 to 65535",
    );
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = spec_file::read("/nonexistent/spec".as_ref()).unwrap_err();
    assert_eq!(error.to_string(), "cannot read the spec from /nonexistent/spec");
}
