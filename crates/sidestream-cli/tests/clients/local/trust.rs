//! What is decrypted, and that no program breaks for it.

use super::{Capturing, can_capture, check_output, command, copy, line_to, unique};
use crate::harness::{ANSWER, Bench};
use crate::modern::Modern;

#[test]
fn what_trusts_the_root_is_read_in_both_versions_of_http() {
    let test = "what_trusts_the_root_is_read_in_both_versions_of_http";
    if !can_capture(test) {
        return;
    }
    let (bench, name) = (Bench::new(), unique("trusts"));
    let Some(curl) = copy(test, &bench, "curl", &name) else { return };
    let Some(origin) = Modern::https(test, &bench) else { return };
    let capturing = Capturing::start(&bench, &name, &["--ca-trusted"]);
    let root = bench.path("conf/root-cert.pem");
    let url = origin.url("https", "x");
    for (option, version) in [("--http1.1", "1.1"), ("--http2", "2")] {
        let words = ["-sS4", option, "-o", "/dev/null", "-w", "%{http_version}", "--cacert"];
        let fetch = command(&bench, &curl, words).arg(&root).arg(&url).output().unwrap();
        check_output(&fetch, version);
    }
    let (code, told) = capturing.interrupt();
    assert_eq!(code, Some(0), "{told}");
    assert!(!told.contains("not decrypting"), "{told}");
    let lines = bench.lines();
    let versions: Vec<_> = lines.iter().map(|line| line["request"]["version"].as_str()).collect();
    assert_eq!(versions, [Some("HTTP/1.1"), Some("HTTP/2")], "{lines:#?}");
    assert!(lines.iter().all(|line| line["request"]["url"] == url.as_str()), "{lines:#?}");
}

#[test]
fn without_trust_tls_passes_unread_and_that_is_said_once() {
    let test = "without_trust_tls_passes_unread_and_that_is_said_once";
    if !can_capture(test) {
        return;
    }
    let (bench, name) = (Bench::new(), unique("unread"));
    let Some(curl) = copy(test, &bench, "curl", &name) else { return };
    let (origin, plain) = (bench.https(), crate::harness::http());
    let capturing = Capturing::start(&bench, &name, &[]);
    let url = format!("https://localhost:{}/", origin.port());
    for _ in 0..2 {
        let words = ["-sS4", "--cacert", bench.ca.pem_path().to_str().unwrap(), &url];
        check_output(&command(&bench, &curl, words).output().unwrap(), ANSWER);
    }
    let plain_url = format!("http://{}/", plain.addr());
    check_output(&command(&bench, &curl, ["-sS", &plain_url]).output().unwrap(), ANSWER);

    let (code, told) = capturing.interrupt();
    assert_eq!(code, Some(0), "{told}");
    let root = bench.path("conf/root-cert.pem");
    let said = format!(
        "sidestream: not decrypting: this machine does not trust the root at {}; TLS passes \
         unread. Add it to the machine's store or give --ca-trusted\n",
        root.display()
    );
    assert_eq!(told.matches(&said).count(), 1, "{told}");
    let lines = bench.lines();
    // What is not encrypted is read as ever.
    line_to(&lines, "http", &plain.addr().to_string());
    let unread: Vec<_> = lines.iter().filter(|line| line["kind"] == "tcp").collect();
    assert_eq!(unread.len(), 2, "{lines:#?}");
    for line in unread {
        assert_eq!(line["server"], origin.addr().to_string(), "{line:#}");
        assert_eq!(line["host"], "localhost", "{line:#}");
        check_well(line);
        assert_eq!(line["process"]["path"], curl.to_str().unwrap(), "{line:#}");
    }
}

#[test]
fn what_refuses_the_root_is_passed_from_then_on() {
    let test = "what_refuses_the_root_is_passed_from_then_on";
    if !can_capture(test) {
        return;
    }
    let (bench, name) = (Bench::new(), unique("refuses"));
    let Some(curl) = copy(test, &bench, "curl", &name) else { return };
    let origin = bench.https();
    let capturing = Capturing::start(&bench, &name, &["--ca-trusted"]);
    let url = format!("https://localhost:{}/", origin.port());
    // It trusts the server's authority, and not ours.
    let fetch = || {
        let words = ["-sS4", "--cacert", bench.ca.pem_path().to_str().unwrap(), &url];
        command(&bench, &curl, words).output().unwrap()
    };
    let first = fetch();
    assert!(!first.status.success(), "{first:?}");
    check_output(&fetch(), ANSWER);
    check_output(&fetch(), ANSWER);
    let lines = capturing.finish(&bench);
    let [refused, passed @ ..] = &lines[..] else { panic!("no line") };
    let message = refused["error"]["message"].as_str().unwrap();
    assert!(message.contains("refused our certificate for localhost"), "{refused:#}");
    passed.iter().for_each(check_well);
    assert_eq!((passed.len(), origin.requests().len()), (2, 2), "{lines:#?}");
}

/// Checks that a flow that was passed ended well. A client that does not wait for the server's
/// farewell resets the connection as that arrives, as it would without us.
#[track_caller]
fn check_well(line: &serde_json::Value) {
    let message = line["error"]["message"].as_str();
    assert!(message.is_none_or(|message| message == "reset by the client"), "{line:#}");
}
