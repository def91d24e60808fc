//! curl over HTTP/2.

use serde_json::{Value, json};

use super::{Play, check_version};
use crate::harness::{ANSWER, Bench, http, program};
use crate::modern::Modern;

#[test]
fn curl_http2() {
    let Some(play) = Play::https("curl_http2", "curl") else { return };
    let url = play.url("a?b=c");
    let seen = play.run(&["-sS", "--http2", "-H", "X-Odd:  a ", "-H", "X-Even;", &url]);
    let line = seen.check_success().check("GET", "a?b=c", "HTTP/2");
    assert_eq!(seen.ran.stdout, "GET /a?b=c by HTTP/2.0, 0 bytes\n");
    assert_eq!(line["tls"]["sni"], "localhost");
    assert!(line["alterations"].is_null(), "{line:#}");
}

#[test]
fn curl_http2_with_prior_knowledge() {
    let Some(play) = Play::http("curl_http2_with_prior_knowledge", "curl") else { return };
    let url = play.url("plain");
    let seen = play.run(&["-sS", "--http2-prior-knowledge", &url]);
    seen.check_success().check("GET", "plain", "HTTP/2");
    assert_eq!(seen.ran.stdout, "GET /plain by HTTP/2.0, 0 bytes\n");
}

#[test]
fn curl_offers_to_upgrade_to_http2() {
    let Some(curl) = program("curl_offers_to_upgrade_to_http2", "curl") else { return };
    let (bench, origin) = (Bench::new(), http());
    let url = format!("http://127.0.0.1:{}/", origin.port());
    let ran = bench.run([curl.to_str().unwrap(), "-sS", "--http2", &url]);
    check_version(ran.check_success(ANSWER).check_http("GET", &url, 200, "curl"), "HTTP/1.1");
}

#[test]
fn curl_keeps_to_http1_where_it_wants_it() {
    let Some(play) = Play::https("curl_keeps_to_http1_where_it_wants_it", "curl") else { return };
    let url = play.url("old");
    let seen = play.run(&["-sS", "--http1.1", &url]);
    seen.check_success().check("GET", "old", "HTTP/1.1");
    assert_eq!(seen.ran.stdout, "GET /old by HTTP/1.1, 0 bytes\n");
}

#[test]
fn curl_uploads_over_http2() {
    let Some(play) = Play::https("curl_uploads_over_http2", "curl") else { return };
    let text: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    let file = play.bench.path("upload");
    std::fs::write(&file, text).unwrap();
    let url = play.url("up");
    let seen = play.run(&["-sS", "--http2", "-T", file.to_str().unwrap(), &url]);
    let line = seen.check_success().check("PUT", "up", "HTTP/2");
    assert_eq!(line["request"]["body_bytes"], 3_000_000);
}

#[test]
fn curl_downloads_over_http2() {
    let Some(play) = Play::https("curl_downloads_over_http2", "curl") else { return };
    let url = play.url("big");
    let seen = play.run(&["-sS", "--http2", &url]);
    let line = seen.check_success().check("GET", "big", "HTTP/2");
    assert_eq!(line["response"]["body_bytes"], 8 << 20);
}

#[test]
fn curl_multiplexes() {
    let Some(play) = Play::https("curl_multiplexes", "curl") else { return };
    let paths: Vec<String> = (0..60).map(|n| format!("many/{n}")).collect();
    let urls: Vec<String> = paths.iter().map(|path| play.url(path)).collect();
    let words = ["-sS", "--http2", "-Z", "--parallel-max", "60"].map(str::to_owned);
    let seen = play.run(&[&words[..], &urls].concat());
    assert!(seen.ran.output.status.success(), "{}", seen.ran.stderr);
    let flows = paths.iter().map(|path| &seen.check("GET", path, "HTTP/2")["flow"]);
    let flows: Vec<&Value> = flows.collect();
    assert!(flows.iter().all(|flow| *flow == flows[0]), "{flows:?}");
    assert_eq!(seen.ran.stdout.lines().count(), 60);
}

#[test]
fn curl_gets_hints_and_trailers() {
    let Some(play) = Play::https("curl_gets_hints_and_trailers", "curl") else { return };
    let url = play.url("rich");
    let seen = play.run(&["-sS", "--http2", "-D", "-", &url]);
    let line = seen.check_success().check("GET", "rich", "HTTP/2");
    assert_eq!(line["interim"][0]["status"], 103);
    let fields = json!([[":status", "200"], ["x-odd", "a"]]);
    assert_eq!(line["response"]["headers"], fields);
    assert_eq!(line["response"]["trailers"], json!([["x-sum", "b"]]));
}

#[test]
fn curl_sees_that_a_stream_is_reset() {
    let Some(play) = Play::https("curl_sees_that_a_stream_is_reset", "curl") else { return };
    let url = play.url("reset");
    // With curl's own word for the end, of which the reset's code is a part.
    let seen = play.run(&["-s", "--http2", "-w", "%{errormsg}", &url]);
    assert_eq!(seen.ran.stdout, String::from_utf8_lossy(&seen.direct.stdout));
    assert!(seen.ran.stdout.contains("ENHANCE_YOUR_CALM"), "{}", seen.ran.stdout);
    let line = seen.ran.lines.iter().find(|line| line["request"]["url"] == *url).unwrap();
    assert_eq!(line["error"]["blame"], "server", "{line:#}");
}

#[test]
fn curl_http2_to_a_server_that_is_to_get_http1() {
    let test = "curl_http2_to_a_server_that_is_to_get_http1";
    let options = ["--client-http", "2", "--server-http", "1"];
    let Some(seen) = translated(test, &options) else { return };
    assert_eq!(seen, ("2".into(), "1.1".into(), "HTTP/2".into()));
}

#[test]
fn curl_http1_to_a_server_that_speaks_http2() {
    let test = "curl_http1_to_a_server_that_speaks_http2";
    let Some(seen) = translated(test, &["--client-http", "1"]) else { return };
    assert_eq!(seen, ("1.1".into(), "2.0".into(), "HTTP/1.1".into()));
}

/// Uploads while the two sides are to speak different versions, and returns those that curl, the
/// origin and the record tell.
fn translated(test: &str, options: &[&str]) -> Option<(String, String, String)> {
    let curl = program(test, "curl")?;
    let bench = Bench::new();
    let origin = Modern::https(test, &bench)?;
    let file = bench.write("upload", &"0123456789".repeat(50_000));
    let url = origin.url("https", "up");
    let mut command = bench.sidestream(["run", "--quiet", "--json"]);
    command.arg(bench.path("flows.json")).args(options).arg("--").arg(curl);
    command.args(["-sS", "--http2", "-T"]).arg(file);
    command.args(["-o", "/dev/null", "-w", "%{http_version}", &url]);
    let ran = bench.finish(&mut command);
    assert!(ran.output.status.success(), "{}", ran.stderr);
    let [line] = &ran.lines[..] else { panic!("{:#?}", ran.lines) };
    assert_eq!(line["request"]["body_bytes"], 500_000, "{line:#}");
    assert_eq!(line["alterations"][0]["what"], "translated", "{line:#}");
    let [request] = &origin.requests()[..] else { panic!("{:?}", origin.requests()) };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Some((ran.stdout, text(&request["version"]), text(&line["request"]["version"])))
}
