//! Where settings come from, and which holds.

use std::ffi::OsString;
use std::fs;

use insta::assert_snapshot;
use sidestream_cli::print::Detail;
use sidestream_cli::settings::{self, Http, Layer, Settings};

fn env<'a>(vars: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<OsString> + 'a {
    move |name| vars.iter().find(|(var, _)| *var == name).map(|(_, value)| value.into())
}

#[test]
fn the_environment_says_what_options_say() {
    let vars = [
        ("SIDESTREAM_CA", "a.pem:b.pem"),
        ("SIDESTREAM_CA_TRUSTED", "yes"),
        ("SIDESTREAM_CLIENT_HTTP", "2"),
        ("SIDESTREAM_CONFDIR", "/conf"),
        ("SIDESTREAM_INSECURE", "1"),
        ("SIDESTREAM_JSON", "out.json"),
        ("SIDESTREAM_QUIET", "no"),
        ("SIDESTREAM_REDACT", "x-a, x-b,"),
        ("SIDESTREAM_RESET_EXISTING", "0"),
        ("SIDESTREAM_SERVER_HTTP", "mirror"),
        ("SIDESTREAM_SESSION", ""),
        ("SIDESTREAM_SHOW_SECRETS", "true"),
        ("SIDESTREAM_SPEC_FILE", "spec"),
        ("SIDESTREAM_VERBOSE", "2"),
    ];
    let layer = settings::from_env(&env(&vars)).unwrap();
    let expected = Layer {
        ca: Some(vec!["a.pem".into(), "b.pem".into()]),
        ca_trusted: Some(true),
        client_http: Some(Http::Http2),
        confdir: Some("/conf".into()),
        insecure: Some(true),
        json: Some("out.json".into()),
        quiet: Some(false),
        redact: Some(vec!["x-a".into(), "x-b".into()]),
        reset_existing: Some(false),
        server_http: Some(Http::Mirror),
        session: None,
        show_secrets: Some(true),
        spec_file: Some("spec".into()),
        verbose: Some(2),
    };
    assert_eq!(layer, expected);
}

#[track_caller]
fn check_env_error(name: &str, value: &str, expected: &str) {
    let error = settings::from_env(&env(&[(name, value)])).unwrap_err();
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_variable_without_sense_is_named() {
    check_env_error("SIDESTREAM_INSECURE", "maybe", "SIDESTREAM_INSECURE is \"maybe\", use 1 or 0");
    check_env_error(
        "SIDESTREAM_SERVER_HTTP",
        "3",
        "SIDESTREAM_SERVER_HTTP is \"3\", use mirror, 1 or 2",
    );
    check_env_error("SIDESTREAM_VERBOSE", "3", "SIDESTREAM_VERBOSE is \"3\", use 0, 1 or 2");
}

#[test]
fn a_file_says_what_options_say_and_its_paths_begin_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    fs::write(
        &path,
        "verbose = 1\nca = ['lab.pem']\nca-trusted = true\nclient-http = 1\nserver-http = '2'\n\
         spec-file = 'spec'\nshow-secrets = true\n",
    )
    .unwrap();
    let layer = settings::read(&path, true).unwrap();
    let expected = Layer {
        ca: Some(vec![folder.path().join("lab.pem")]),
        ca_trusted: Some(true),
        client_http: Some(Http::Http1),
        server_http: Some(Http::Http2),
        show_secrets: Some(true),
        spec_file: Some(folder.path().join("spec")),
        verbose: Some(1),
        ..Layer::default()
    };
    assert_eq!(layer, expected);
}

#[test]
fn a_file_that_is_not_there_says_nothing_unless_it_was_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    assert_eq!(settings::read(&path, false).unwrap(), Layer::default());
    assert!(settings::read(&path, true).is_err());
}

#[test]
fn an_unknown_key_is_an_error_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    fs::write(&path, "verbose = 1\ncolour = true\n").unwrap();
    let error = settings::read(&path, false).unwrap_err().to_string();
    let place = folder.path().display().to_string();
    assert_snapshot!(error.replace(&place, "[folder]"), @r"
    [folder]/config.toml: TOML parse error at line 2, column 1
      |
    2 | colour = true
      | ^^^^^^
    unknown field `colour`, expected one of `ca`, `ca-trusted`, `client-http`, `confdir`, `insecure`, `json`, `quiet`, `redact`, `reset-existing`, `server-http`, `session`, `show-secrets`, `spec-file`, `verbose`
    ");
}

#[test]
fn the_first_place_that_says_something_holds() {
    let line = Layer { verbose: Some(1), ..Layer::default() };
    let environment = Layer { verbose: Some(2), insecure: Some(false), ..Layer::default() };
    let file = Layer { insecure: Some(true), json: Some("a".into()), ..Layer::default() };
    let settings = Settings::from(line.or(environment).or(file));
    let expected =
        Settings { detail: Detail::Heads, json: Some("a".into()), ..Settings::default() };
    assert_eq!(settings, expected);
}

#[test]
fn quiet_is_stronger_than_verbose() {
    let layer = Layer { quiet: Some(true), verbose: Some(2), ..Layer::default() };
    assert_eq!(Settings::from(layer).detail, Detail::Quiet);
}
