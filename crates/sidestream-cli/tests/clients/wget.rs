//! wget.

use crate::harness::{ANSWER, Bench, http, program};

#[test]
pub(crate) fn wget_http() {
    let Some(wget) = program("wget_http", "wget") else { return };
    let (bench, origin) = (Bench::new(), http());
    let url = format!("http://127.0.0.1:{}/", origin.port());
    let ran = bench.run([wget.to_str().unwrap(), "-q", "-O", "-", &url]);
    ran.check_success(ANSWER).check_http("GET", &url, 200, "wget");
    assert_eq!(origin.requests().len(), 1);
}

#[test]
pub(crate) fn wget_https() {
    let Some(wget) = program("wget_https", "wget") else { return };
    let bench = Bench::new();
    let origin = bench.https();
    let url = format!("https://localhost:{}/", origin.port());
    let ran = bench.run([wget.to_str().unwrap(), "-4", "-q", "-O", "-", &url]);
    ran.check_success(ANSWER).check_http("GET", &url, 200, "wget");
    assert_eq!(origin.requests().len(), 1);
}
