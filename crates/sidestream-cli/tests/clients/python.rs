//! Python: urllib, http.client, and requests with the roots that it carries.

use std::process::Command;

use sidestream_testkit::skip;

use crate::harness::{ANSWER, Bench, program};

/// Runs a script that prints what it got from its first argument.
fn check(test: &str, script: &str) {
    let Some(python) = program(test, "python3") else { return };
    let bench = Bench::new();
    let origin = bench.https();
    let url = format!("https://localhost:{}/py", origin.port());
    let ran = bench.run([python.to_str().unwrap(), "-c", script, &url]);
    ran.check_success(ANSWER).check_http("GET", &url, 200, "python3");
    assert_eq!(origin.requests()[0].target(), "/py");
}

#[test]
pub(crate) fn python_urllib() {
    check(
        "python_urllib",
        "import sys, urllib.request as r; sys.stdout.write(r.urlopen(sys.argv[1]).read().decode())",
    );
}

#[test]
pub(crate) fn python_http_client() {
    check(
        "python_http_client",
        "import sys, http.client, urllib.parse as p
u = p.urlparse(sys.argv[1])
c = http.client.HTTPSConnection(u.hostname, u.port)
c.request('GET', u.path)
sys.stdout.write(c.getresponse().read().decode())",
    );
}

#[test]
pub(crate) fn python_requests() {
    let Some(python) = program("python_requests", "python3") else { return };
    let has = Command::new(python).args(["-c", "import requests"]).output().unwrap();
    if !has.status.success() {
        return skip("python_requests", "no requests for python3 here");
    }
    check(
        "python_requests",
        "import sys, requests; sys.stdout.write(requests.get(sys.argv[1]).text)",
    );
}
