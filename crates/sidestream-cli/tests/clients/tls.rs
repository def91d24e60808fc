//! How TLS is spoken, and what is told of it.

use std::os::unix::fs::PermissionsExt as _;

use sidestream_testkit::Origin;

use crate::harness::{ANSWER, Bench, program};

/// Runs curl, with options of our own, for a page over TLS.
fn ask(bench: &Bench, origin: &Origin, options: &[&str], curl: &[&str]) -> crate::harness::Ran {
    let mut command = bench.sidestream(["run", "--json"]);
    command.arg(bench.path("flows.json")).args(options).args(["--", "/usr/bin/curl", "-sS4"]);
    command.args(curl).arg(format!("https://localhost:{}/", origin.port()));
    bench.finish(&mut command)
}

#[test]
fn a_flow_tells_in_what_its_server_was_offered_something_else() {
    let test = "a_flow_tells_in_what_its_server_was_offered_something_else";
    if program(test, "curl").is_none() {
        return;
    }
    let bench = Bench::new();
    let origin = bench.https();
    let ran = ask(&bench, &origin, &[], &["--curves", "P-256"]);
    let url = format!("https://localhost:{}/", origin.port());
    let line = ran.check_success(ANSWER).check_http("GET", &url, 200, "curl");
    assert_eq!(line["tls"]["group"], "secp256r1");
    assert_eq!(line["server_tls"]["group"], "secp256r1");
    assert_eq!(line["server_tls"]["version"], line["tls"]["version"]);
    let parts = line["server_tls"]["differences"].as_array().unwrap();
    let ciphers = parts.iter().find(|part| part["part"] == "ciphers").unwrap();
    assert!(ciphers["withheld"].as_array().unwrap().len() > 5, "{line:#}");
    assert!(!parts.iter().any(|part| part["part"] == "groups"), "{line:#}");
}

#[test]
fn keys_of_both_legs_are_appended_to_a_file_that_others_cannot_read() {
    let test = "keys_of_both_legs_are_appended_to_a_file_that_others_cannot_read";
    if program(test, "curl").is_none() {
        return;
    }
    let bench = Bench::new();
    let origin = bench.https();
    let keys = bench.path("keys");
    let options = ["--ssl-key-log-file", keys.to_str().unwrap()];
    for times in 1..=2 {
        ask(&bench, &origin, &options, &["--tlsv1.3"]).check_success(ANSWER);
        let text = std::fs::read_to_string(&keys).unwrap();
        let secrets = text.lines().filter(|line| line.starts_with("CLIENT_TRAFFIC_SECRET_0 "));
        assert_eq!(secrets.count(), 2 * times, "{text}");
    }
    assert_eq!(std::fs::metadata(&keys).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn what_cannot_be_used_is_told_before_anything_runs() {
    let test = "what_cannot_be_used_is_told_before_anything_runs";
    if program(test, "curl").is_none() {
        return;
    }
    let bench = Bench::new();
    let origin = bench.https();
    let check = |options: &[&str], expected: &str| {
        let ran = ask(&bench, &origin, options, &[]);
        assert!(!ran.output.status.success());
        assert!(ran.stderr.contains(expected), "{}", ran.stderr);
    };
    bench.write("empty.pem", "");
    check(&["--client-certs", "absent.pem"], "cannot read absent.pem");
    check(&["--certs", "a.test=empty.pem"], "put the key and the certificates into one PEM file");
    check(&["--ciphers-server", "RC4-MD5"], "no cipher suite that is spoken here");
    check(&["--tls-version-server-min", "TLS1"], "use TLS1_2 or TLS1_3");
    let swapped = ["--tls-version-client-min", "1.3", "--tls-version-client-max", "1.2"];
    check(&swapped, "swap them");
    assert!(origin.requests().is_empty());
}
