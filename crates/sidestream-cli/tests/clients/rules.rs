//! Rules, as the programs and the servers see them.

use std::io::{self, Write};

use serde_json::Value;
use sidestream_testkit::{Origin, Request, Wire};

use crate::harness::{ANSWER, Bench, Ran, http, program};
use crate::modern::Modern;

/// "a gzipped secret page", compressed.
const GZIPPED: [u8; 41] = [
    31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 75, 84, 72, 175, 202, 44, 40, 72, 77, 81, 40, 78, 77, 46, 74,
    45, 81, 40, 72, 76, 79, 5, 0, 114, 180, 31, 46, 21, 0, 0, 0,
];

fn run(bench: &Bench, rules: &[&str], words: &[&str]) -> Ran {
    let mut command = bench.sidestream(["run", "--json"]);
    command.arg(bench.path("flows.json")).args(rules).arg("--").args(words);
    bench.finish(&mut command)
}

fn curl(test: &str) -> Option<String> {
    Some(program(test, "curl")?.to_str().unwrap().to_owned())
}

/// Returns what the one line of a URL says that rules did.
#[track_caller]
fn edits(ran: &Ran, url: &str) -> Vec<String> {
    let line = ran.lines.iter().find(|line| line["request"]["url"] == url);
    let Some(line) = line else { panic!("no {url}: {:#?}\n{}", ran.lines, ran.stderr) };
    let all = line["alterations"].as_array().cloned().unwrap_or_default();
    let edited = all.iter().filter(|one| one["what"] == "edited");
    edited.map(|one| one["text"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn curl_gets_a_local_file() {
    let Some(curl) = curl("curl_gets_a_local_file") else { return };
    let (bench, origin) = (Bench::new(), http());
    std::fs::create_dir_all(bench.path("site/sub")).unwrap();
    bench.write("site/page.html", "a local page\n");
    bench.write("site/sub/index.html", "an index\n");
    bench.write("outside", "not for you\n");
    std::os::unix::fs::symlink(bench.path("outside"), bench.path("site/link")).unwrap();
    let rule = format!("|127.0.0.1:{}/static|{}", origin.port(), bench.path("site").display());
    let url = |path: &str| format!("http://127.0.0.1:{}/{path}", origin.port());
    let check = |path: &str, stdout: &str| {
        let words =
            [&*curl, "-sS", "--path-as-is", "-w", " %{http_code} %{content_type}", &url(path)];
        let ran = run(&bench, &["--map-local", &rule], &words);
        assert_eq!(ran.stdout, stdout, "{path}: {}", ran.stderr);
        ran
    };
    let ran = check("static/page.html?q", "a local page\n 200 text/html");
    let by = format!("answered 200 with 13 bytes by map-local {rule}");
    assert_eq!(edits(&ran, &url("static/page.html?q")), [by]);
    check("static/sub", "an index\n 200 text/html");
    for missing in ["static/none", "static/link", "static/../outside", "static/%2e%2e/outside"] {
        check(missing, " 404 ");
    }
    assert_eq!(origin.requests().len(), 0);
    check("other", &format!("{ANSWER} 200 "));
    assert_eq!(origin.requests().len(), 1);
}

#[test]
fn curl_is_sent_to_another_server() {
    let Some(curl) = curl("curl_is_sent_to_another_server") else { return };
    let bench = Bench::new();
    let (plain, tls) = (http(), bench.https());
    let url = |path: &str| format!("http://127.0.0.1:{}/{path}", plain.port());
    let rule = format!("|^http://[^/]*/moved/|https://localhost:{}/new/", tls.port());
    let words = [&*curl, "-sS", &url("1"), &url("moved/2?x"), &url("3")];
    let ran = run(&bench, &["--map-remote", &rule], &words);
    ran.check_success(&ANSWER.repeat(3));
    let asked: Vec<_> = plain.requests().iter().map(|it| it.target().to_owned()).collect();
    assert_eq!(asked, ["/1", "/3"]);
    let moved = tls.requests();
    assert_eq!(moved[0].target(), "/new/2?x");
    assert_eq!(moved[0].header("Host"), Some(&*format!("localhost:{}", tls.port())));
    let told = edits(&ran, &url("moved/2?x"));
    assert!(told[0].starts_with("request sent on to https://localhost:"), "{told:?}");
}

#[test]
fn curl_is_sent_to_another_server_over_http2() {
    let Some(curl) = curl("curl_is_sent_to_another_server_over_http2") else { return };
    let bench = Bench::new();
    let Some(origin) = Modern::https("curl_is_sent_to_another_server_over_http2", &bench) else {
        return;
    };
    let other = bench.https();
    let rule = format!("|~u /moved|https://[^/]*/|https://localhost:{}/new/", other.port());
    let (moved, stays) = (origin.url("https", "moved"), origin.url("https", "stays"));
    let ran = run(&bench, &["--map-remote", &rule], &[&curl, "-sS", "--http2", &moved, &stays]);
    ran.check_success(&format!("{ANSWER}GET /stays by HTTP/2.0, 0 bytes\n"));
    assert_eq!(other.requests()[0].target(), "/new/moved");
    assert_eq!(origin.requests().len(), 1);
    ran.check_http("GET", &stays, 200, "curl");
}

fn gzipped(_: &Request, wire: &mut Wire) -> io::Result<()> {
    let length = GZIPPED.len();
    write!(wire, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {length}\r\n\r\n")?;
    wire.write_all(&GZIPPED)
}

#[test]
fn curl_gets_another_body_whatever_its_coding() {
    let Some(curl) = curl("curl_gets_another_body_whatever_its_coding") else { return };
    let (bench, origin) = (Bench::new(), Origin::http(gzipped));
    let url = |path: &str| format!("http://127.0.0.1:{}/{path}", origin.port());
    let rules = ["--modify-body", "|~s & ~u changed|s(e)cret|public \\1"];
    let words = [&*curl, "-sS", "--compressed", &url("changed"), &url("kept")];
    run(&bench, &rules, &words).check_success("a gzipped public e pagea gzipped secret page");
    let ran = run(&bench, &rules, &[&curl, "-sSi", &url("changed")]);
    ran.check_success("HTTP/1.1 200 OK\r\nContent-Length: 23\r\n\r\na gzipped public e page");
}

#[test]
fn servers_get_other_fields_and_bodies() {
    let test = "servers_get_other_fields_and_bodies";
    let (Some(curl), Some(python)) = (curl(test), program(test, "python3")) else { return };
    let (bench, origin) = (Bench::new(), http());
    let value = bench.write("value", "from a file\n");
    let from_file = format!("/~q/X-File/@{}", value.display());
    let rules = [
        "--modify-headers",
        "/~q/X-New/one",
        "--modify-headers",
        "/~q/User-Agent/",
        "--modify-headers",
        "/~s/x-odd/even",
        "--modify-headers",
        &from_file,
        "--modify-body",
        "/~q/dear/cheap and cheerful",
    ];
    let url = format!("http://127.0.0.1:{}/", origin.port());
    let ran = run(&bench, &rules, &[&curl, "-sSi", "-d", "very dear", &url]);
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nX-Odd: even\r\n\r\n", ANSWER.len());
    ran.check_success(&format!("{head}{ANSWER}"));
    let script = "import sys, urllib.request as r
sys.stdout.write(r.urlopen(sys.argv[1], b'dear me').read().decode())";
    let python = python.to_str().unwrap();
    run(&bench, &rules, &[python, "-c", script, &url]).check_success(ANSWER);
    for (request, body) in
        origin.requests().iter().zip(["very cheap and cheerful", "cheap and cheerful me"])
    {
        assert_eq!(request.header("X-New"), Some("one"));
        assert_eq!(request.header("X-File"), Some("from a file"));
        assert_eq!(request.header("User-Agent"), None);
        assert_eq!(request.header("Content-Length"), Some(&*body.len().to_string()));
        assert_eq!(request.body(), body.as_bytes());
    }
}

#[test]
fn servers_get_other_fields_and_bodies_over_http2() {
    let test = "servers_get_other_fields_and_bodies_over_http2";
    let (Some(curl), bench) = (curl(test), Bench::new()) else { return };
    let Some(origin) = Modern::https(test, &bench) else { return };
    let file = bench.write("body", &"dear ".repeat(200_000));
    let url = origin.url("https", "up");
    let rules = ["--modify-headers", "/~q/X-New/one", "--modify-body", "/~q/dear/cheap"];
    let ran = run(&bench, &rules, &[&curl, "-sS", "--http2", "-T", file.to_str().unwrap(), &url]);
    ran.check_success("PUT /up by HTTP/2.0, 1200000 bytes\n");
    let requests: Vec<Value> = origin.requests();
    assert!(requests[0].to_string().contains("x-new"), "{requests:#?}");
}

#[test]
fn curl_is_blocked() {
    let Some(curl) = curl("curl_is_blocked") else { return };
    let bench = Bench::new();
    let Some(modern) = Modern::https("curl_is_blocked", &bench) else { return };
    let (plain, tls) = (http(), bench.https());
    let rules = ["--block-list", "/~u hang-up/444", "--block-list", "/~u blocked/451"];
    for (base, version) in [
        (format!("http://127.0.0.1:{}", plain.port()), "--http1.1"),
        (format!("https://localhost:{}", tls.port()), "--http1.1"),
        (modern.url("https", "x"), "--http2"),
    ] {
        let words = [&*curl, "-sS4", version, "-w", "%{http_code}", &format!("{base}/blocked")];
        run(&bench, &rules, &words).check_success("451");
        let url = format!("{base}/hang-up");
        let ran = run(&bench, &rules, &[&curl, "-sS4", version, &url]);
        assert!(!ran.output.status.success() && ran.stdout.is_empty(), "{base}: {}", ran.stdout);
        let line = ran.lines.iter().find(|line| line["request"]["url"] == url).unwrap();
        assert_eq!(line["error"]["message"], "blocked by block-list /~u hang-up/444", "{line:#}");
    }
    assert_eq!((plain.requests().len(), tls.requests().len()), (0, 0));
    assert_eq!(modern.requests(), Vec::<Value>::new());
}

#[test]
fn what_is_no_rule_is_told_at_the_start() {
    let bench = Bench::new();
    let check = |rules: &[&str], expected: &str| {
        let ran = run(&bench, rules, &["/bin/true"]);
        assert!(!ran.output.status.success());
        assert!(ran.stderr.contains(expected), "{}", ran.stderr);
    };
    check(&["--map-remote", "|~bq x|a|b"], "~bq is not known to rules");
    check(&["--modify-body", "/[/b"], "not a regular expression");
    check(&["--map-local", "|a|/nowhere/at/all"], "cannot read /nowhere/at/all");
    let config = bench.write("rules.toml", "block-list = ['/~q/999']\n");
    check(&["--config", config.to_str().unwrap()], "a status from 200 to 599 is expected");
}

#[test]
fn rules_hold_for_a_client_of_http2_and_a_server_of_http1() {
    let test = "rules_hold_for_a_client_of_http2_and_a_server_of_http1";
    let Some(curl) = curl(test) else { return };
    let (bench, other) = (Bench::new(), http());
    let origin = bench.https();
    let moved = format!("|~u moved|^https://[^/]*|http://127.0.0.1:{}", other.port());
    check_translated(&bench, &origin, &other, &moved, &[&curl, "--http2"], &["--server-http", "1"]);
}

/// All kinds of rules, in one run for each, of a client whose server speaks another version.
#[track_caller]
fn check_translated(
    bench: &Bench,
    origin: &Origin,
    other: &Origin,
    moved: &str,
    client: &[&str],
    options: &[&str],
) {
    let base = format!("https://localhost:{}", origin.port());
    let rules = [
        "--block-list",
        "/~u blocked/451",
        "--map-remote",
        moved,
        "--modify-headers",
        "/~q/X-New/one",
        "--modify-body",
        "/~q/dear/cheap and cheerful",
        "--modify-body",
        "/~s & ~u body/.+/another body",
    ];
    let rules = [options, &rules].concat();
    let url = |path: &str| format!("{base}/{path}");
    let words = |more: &[&str]| -> Vec<String> {
        let words = [client, &["-sS4"], more].concat();
        words.into_iter().map(str::to_owned).collect()
    };
    let run = |more: &[&str]| {
        let words = words(more);
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        run(bench, &rules, &words)
    };
    run(&["-w", "%{http_code}", &url("blocked")]).check_success("451");
    run(&["-d", "very dear", &url("body")]).check_success("another body");
    run(&[&url("moved")]).check_success(ANSWER);
    let asked = origin.requests();
    assert_eq!(asked.len(), 1, "neither what is blocked nor what is moved");
    assert_eq!(asked[0].header("X-New"), Some("one"));
    assert_eq!(asked[0].body(), b"very cheap and cheerful");
    assert_eq!(other.requests()[0].header("X-New"), Some("one"));
}

#[test]
fn rules_hold_for_a_client_of_http1_and_a_server_of_http2() {
    let test = "rules_hold_for_a_client_of_http1_and_a_server_of_http2";
    let Some(curl) = curl(test) else { return };
    let (bench, other) = (Bench::new(), http());
    let Some(origin) = Modern::https(test, &bench) else { return };
    let moved = format!("|~u moved|^https://[^/]*|http://127.0.0.1:{}", other.port());
    let rules = [
        "--client-http",
        "1",
        "--server-http",
        "2",
        "--block-list",
        "/~u blocked/451",
        "--map-remote",
        &moved,
        "--modify-headers",
        "/~q/X-New/one",
        "--modify-body",
        "/~q/dear/cheap",
        "--modify-body",
        "/~s & ~u body/by HTTP/over HTTP",
    ];
    let run = |more: &[&str]| {
        let words = [&[&*curl, "-sS4"], more].concat();
        run(&bench, &rules, &words)
    };
    let url = |path: &str| origin.url("https", path);
    run(&["-w", "%{http_code}", &url("blocked")]).check_success("451");
    run(&["-d", "dear", &url("body")]).check_success("POST /body over HTTP/2.0, 5 bytes\n");
    run(&["-d", "dear", &url("moved")]).check_success(ANSWER);
    // One connection for all of it, in their order.
    let ran = run(&[&url("one"), &url("blocked"), &url("moved"), &url("two")]);
    let expected =
        format!("GET /one by HTTP/2.0, 0 bytes\n{ANSWER}GET /two by HTTP/2.0, 0 bytes\n");
    ran.check_success(&expected);
    let asked = origin.requests();
    assert_eq!(asked.len(), 3, "{asked:#?}");
    assert!(asked[0].to_string().contains("x-new"), "{asked:#?}");
    assert_eq!(other.requests()[0].header("X-New"), Some("one"));
    assert_eq!(other.requests()[0].body(), b"cheap");
}
