//! `--ignore-hosts`, `--allow-hosts`, `--tcp-hosts`, with a client that somebody else wrote.

use serde_json::Value;

use crate::harness::{ANSWER, Bench, program};

/// Has curl fetch a page from an origin whose authority is the bench's, trusting that one alone
/// if `cacert` says so, and returns the lines.
fn fetch(test: &str, options: &[&str], passed: bool) -> Option<Vec<Value>> {
    let curl = program(test, "curl")?;
    let bench = Bench::new();
    let origin = bench.https();
    let url = format!("https://localhost:{}/", origin.port());
    let mut command = bench.sidestream(["run", "--json"]);
    command.arg(bench.path("flows.json")).args(options).arg("--").arg(curl).args(["-sS4", &url]);
    if passed {
        // No certificate of ours would do.
        command.arg("--cacert").arg(bench.ca.pem_path());
    }
    let ran = bench.finish(&mut command);
    ran.check_success(ANSWER);
    assert_eq!(origin.requests().len(), 1);
    Some(ran.lines)
}

#[test]
fn an_ignored_host_shows_its_own_certificate() {
    let test = "an_ignored_host_shows_its_own_certificate";
    let Some(lines) = fetch(test, &["--ignore-hosts", "^LOCALHOST:"], true) else { return };
    assert_eq!(lines[0]["passed"]["why"], "hosts", "{lines:#?}");
    assert_eq!(lines[0]["passed"]["offered"]["sni"], "localhost", "{lines:#?}");
}

#[test]
fn a_host_that_is_not_allowed_shows_its_own_certificate() {
    let test = "a_host_that_is_not_allowed_shows_its_own_certificate";
    let Some(lines) = fetch(test, &["--allow-hosts", "a.test"], true) else { return };
    assert_eq!(lines[0]["passed"]["why"], "hosts", "{lines:#?}");
}

#[test]
fn an_allowed_host_is_read() {
    let Some(lines) = fetch("an_allowed_host_is_read", &["--allow-hosts", "localhost"], false)
    else {
        return;
    };
    assert_eq!(lines[0]["kind"], "http", "{lines:#?}");
}

#[test]
fn a_host_that_is_raw_is_decrypted_and_not_read() {
    let test = "a_host_that_is_raw_is_decrypted_and_not_read";
    let Some(lines) = fetch(test, &["--tcp-hosts", "localhost"], false) else { return };
    assert_eq!(lines[0]["kind"], "tcp", "{lines:#?}");
    assert_eq!(lines[0]["protocol"], "raw", "{lines:#?}");
    assert!(lines[0]["tls"].is_object(), "{lines:#?}");
}
