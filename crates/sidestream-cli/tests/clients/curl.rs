//! curl.

use std::net::Ipv6Addr;

use serde_json::json;
use sidestream_testkit::{has_ipv6_loopback, skip};

use crate::harness::{ANSWER, Bench, answer, http, http_on, program};

#[test]
pub(crate) fn curl_http() {
    let Some(curl) = program("curl_http", "curl") else { return };
    let (bench, origin) = (Bench::new(), http());
    let url = format!("http://127.0.0.1:{}/a?b=c", origin.port());
    let ran = bench.run([curl.as_os_str(), "-sS".as_ref(), url.as_ref()]);
    let line = ran.check_success(ANSWER).check_http("GET", &url, 200, "curl");
    assert_eq!(line["server"], origin.addr().to_string());
    assert_eq!(line["response"]["body_bytes"], ANSWER.len());
    assert_eq!(line["response"]["headers"][1], json!(["X-Odd", "a"]));
    assert_eq!(origin.requests()[0].target(), "/a?b=c");
}

#[test]
pub(crate) fn curl_https() {
    let Some(curl) = program("curl_https", "curl") else { return };
    let bench = Bench::new();
    let origin = bench.https();
    let url = format!("https://localhost:{}/", origin.port());
    let ran = bench.run([curl.as_os_str(), "-sS4".as_ref(), url.as_ref()]);
    let line = ran.check_success(ANSWER).check_http("GET", &url, 200, "curl");
    assert_eq!(line["tls"]["sni"], "localhost");
    assert!(line["tls"]["ja4"].as_str().unwrap().starts_with("t13"), "{line:#}");
    assert_eq!(origin.requests().len(), 1);
}

#[test]
pub(crate) fn curl_https_to_an_address() {
    let Some(curl) = program("curl_https_to_an_address", "curl") else { return };
    let bench = Bench::new();
    let origin = bench.https();
    let url = format!("https://127.0.0.1:{}/", origin.port());
    let ran = bench.run([curl.as_os_str(), "-sS".as_ref(), url.as_ref()]);
    ran.check_success(ANSWER).check_http("GET", &url, 200, "curl");
}

#[test]
pub(crate) fn curl_uploads() {
    let Some(curl) = program("curl_uploads", "curl") else { return };
    let bench = Bench::new();
    let origin = bench.https();
    let url = format!("https://localhost:{}/", origin.port());
    let body = "x".repeat(200_000);
    let file = bench.write("body", &body);
    let data = format!("@{}", file.display());
    let words = ["-sS4", "-H", "Expect:", "--data-binary", &data, &url];
    let ran = bench.run([&[curl.to_str().unwrap()], &words[..]].concat());
    let line = ran.check_success(ANSWER).check_http("POST", &url, 200, "curl");
    assert_eq!(line["request"]["body_bytes"], body.len());
    assert_eq!(origin.requests()[0].body(), body.as_bytes());
}

#[test]
pub(crate) fn curl_uploads_in_chunks_after_continue() {
    let Some(curl) = program("curl_uploads_in_chunks_after_continue", "curl") else { return };
    let (bench, origin) = (Bench::new(), http());
    let url = format!("http://127.0.0.1:{}/up", origin.port());
    let file = bench.write("body", &"y".repeat(50_000));
    let words = ["-sS", "-T", file.to_str().unwrap(), "-H", "Transfer-Encoding: chunked", &url];
    let ran = bench.run([&[curl.to_str().unwrap()], &words[..]].concat());
    let line = ran.check_success(ANSWER).check_http("PUT", &url, 200, "curl");
    assert_eq!(line["request"]["body_bytes"], 50_000);
    assert_eq!(origin.requests()[0].header("Transfer-Encoding"), Some("chunked"));
}

#[test]
pub(crate) fn curl_asks_for_heads() {
    let Some(curl) = program("curl_asks_for_heads", "curl") else { return };
    let (bench, origin) = (Bench::new(), http());
    let url = format!("http://127.0.0.1:{}/", origin.port());
    let ran = bench.run([curl.as_os_str(), "-sSI".as_ref(), url.as_ref()]);
    assert!(ran.stdout.contains("X-Odd:  a\r\n"), "{}", ran.stdout);
    let line = ran.check_http("HEAD", &url, 200, "curl");
    assert_eq!(line["response"]["body_bytes"], 0);
}

#[test]
pub(crate) fn curl_keeps_its_connection() {
    let Some(curl) = program("curl_keeps_its_connection", "curl") else { return };
    let bench = Bench::new();
    let origin = bench.https();
    let url = |path: &str| format!("https://localhost:{}/{path}", origin.port());
    let ran = bench.run([curl.to_str().unwrap(), "-sS4", &url("1"), &url("2")]);
    ran.check_success(&ANSWER.repeat(2));
    let first = ran.check_http("GET", &url("1"), 200, "curl");
    let second = ran.check_http("GET", &url("2"), 200, "curl");
    assert_eq!(first["flow"], second["flow"]);
    assert_ne!(first["exchange"], second["exchange"]);
    assert_eq!(origin.received().len(), 1);
}

#[test]
pub(crate) fn curl_speaks_ipv6() {
    let Some(curl) = program("curl_speaks_ipv6", "curl") else { return };
    if !has_ipv6_loopback() {
        return skip("curl_speaks_ipv6", "no ::1 here");
    }
    let (bench, origin) = (Bench::new(), http_on(Ipv6Addr::LOCALHOST));
    let url = format!("http://[::1]:{}/", origin.port());
    let ran = bench.run([curl.as_os_str(), "-sS6".as_ref(), url.as_ref()]);
    let line = ran.check_success(ANSWER).check_http("GET", &url, 200, "curl");
    assert_eq!(line["server"], origin.addr().to_string());
}

#[test]
pub(crate) fn curl_sees_that_a_server_refuses() {
    let Some(curl) = program("curl_sees_that_a_server_refuses", "curl") else { return };
    let bench = Bench::new();
    let addr = http().addr();
    let url = format!("http://{addr}/");
    let ran = bench.run([curl.as_os_str(), "-sS".as_ref(), url.as_ref()]);
    assert!(!ran.output.status.success());
    let line = ran.lines.iter().find(|line| line["server"] == addr.to_string()).unwrap();
    let message = line["error"]["message"].as_str().unwrap();
    assert!(message.contains("refused"), "{line:#}");
}

#[test]
pub(crate) fn curl_is_not_lied_to_about_a_certificate() {
    let Some(curl) = program("curl_is_not_lied_to_about_a_certificate", "curl") else { return };
    let bench = Bench::new();
    let stranger = sidestream_testkit::TestCa::new();
    let origin = sidestream_testkit::Origin::https(stranger.server_config(&["localhost"]), answer);
    let url = format!("https://localhost:{}/", origin.port());
    let ran = bench.run([curl.as_os_str(), "-sS4".as_ref(), url.as_ref()]);
    assert!(!ran.output.status.success(), "{}", ran.stdout);
    assert!(origin.requests().is_empty());
    let line = &ran.lines[0];
    assert_eq!(line["error"]["blame"], "server", "{line:#}");
}
