//! Filters, on what clients do: live, in a session, and by both ways the same.

use std::collections::BTreeSet;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use sidestream_testkit::{Origin, Request, Wire};

use crate::harness::{Bench, Ran, Running, program};

/// "a gzipped secret page", compressed.
const GZIPPED: [u8; 41] = [
    31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 75, 84, 72, 175, 202, 44, 40, 72, 77, 81, 40, 78, 77, 46, 74,
    45, 81, 40, 72, 76, 79, 5, 0, 114, 180, 31, 46, 21, 0, 0, 0,
];

/// Asks for all that the origin has, one after the other.
const CLIENT: &str = "import sys, urllib.parse, http.client
u = urllib.parse.urlparse(sys.argv[1])
def ask(method, path, body=None, headers={}):
    c = http.client.HTTPConnection(u.hostname, u.port)
    c.request(method, path, body, headers)
    c.getresponse().read()
    c.close()
ask('GET', '/text')
ask('GET', '/missing')
ask('GET', '/image')
ask('GET', '/zipped', None, {'X-Mark': 'This One'})
ask('POST', '/form', 'name=needle', {'Content-Type': 'application/x-www-form-urlencoded'})
ask('GET', '/large')";

fn answer(request: &Request, wire: &mut Wire) -> io::Result<()> {
    let large = vec![b'x'; 300_000];
    let (status, kind, coding, body): (_, _, _, &[u8]) = match request.target() {
        "/missing" => ("404 Not Found", "text/plain", "", b"nothing"),
        "/image" => ("200 OK", "image/png", "", b"\x89PNG"),
        "/zipped" => ("200 OK", "text/html", "Content-Encoding: gzip\r\n", &GZIPPED),
        "/form" => ("201 Created", "application/json", "", b"{\"ok\":true}"),
        "/large" => ("200 OK", "text/plain", "", &large),
        _ => ("200 OK", "text/plain", "", b"plain text"),
    };
    let len = body.len();
    write!(
        wire,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n{coding}Content-Length: {len}\r\n\r\n"
    )?;
    wire.write_all(body)
}

/// A filter, and the paths that it selects.
const SELECTED: [(&str, &str); 27] = [
    ("~all", "/form /image /large /missing /text /zipped"),
    ("~http !~dns !~tcp", "/form /image /large /missing /text /zipped"),
    ("~c 404", "/missing"),
    ("~m post", "/form"),
    ("!~m GET", "/form"),
    ("~m GET & !~c 200", "/missing"),
    ("missing | image", "/image /missing"),
    ("~u /(text|form)$", "/form /text"),
    ("~a", "/image"),
    ("~t plain", "/large /missing /text"),
    ("~tq urlencoded", "/form"),
    ("~ts json", "/form"),
    ("~h 'x-mark: this one'", "/zipped"),
    ("~hs x-mark", ""),
    ("~bs 'secret page'", "/zipped"),
    ("~bq needle", "/form"),
    ("~bs needle", ""),
    ("~b 'needle|plain text'", "/form /text"),
    ("~size>100K", "/large"),
    ("~size<5", "/image"),
    ("~process python", "/form /image /large /missing /text /zipped"),
    ("~tree sidestream & ~c 201", "/form"),
    ("~process curl", ""),
    ("~since 1h ~c 404", "/missing"),
    ("~since 2999-01-01T00:00:00Z", ""),
    ("~time>1h", ""),
    ("~q", ""),
];

/// Runs the client, with everything recorded and what the filter selects told.
fn run(bench: &Bench, python: &Path, filter: &str) -> (Ran, PathBuf) {
    let origin = Origin::http(answer);
    let url = format!("http://127.0.0.1:{}", origin.port());
    let file = bench.path("a.session");
    let mut command = bench.sidestream(["run", "--filter", filter, "--json"]);
    command.arg(bench.path("flows.json")).arg("--session").arg(&file);
    command.arg("--").arg(python).args(["-c", CLIENT, &url]);
    let ran = bench.finish(&mut command);
    ran.check_success("");
    (ran, file)
}

fn path_of(url: &Value) -> String {
    let url = url.as_str().unwrap_or_default();
    url.rsplit_once('/').map_or_else(String::new, |(_, path)| format!("/{path}"))
}

fn joined(paths: impl Iterator<Item = String>) -> String {
    // In any order, but each once.
    let paths: Vec<_> = paths.collect();
    let set: BTreeSet<_> = paths.iter().cloned().collect();
    assert_eq!(set.len(), paths.len(), "{paths:?}");
    set.into_iter().collect::<Vec<_>>().join(" ")
}

fn lines(bench: &Bench, what: &str, file: &Path, filter: &str) -> Vec<Value> {
    let mut command = bench.sidestream(["session", what, "--json"]);
    let output = command.arg(file).arg(filter).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_filter_selects_from_a_session_what_it_says() {
    let test = "a_filter_selects_from_a_session_what_it_says";
    let Some(python) = program(test, "python3") else { return };
    let bench = Bench::new();
    let (_, file) = run(&bench, &python, "~c 999");
    for (filter, expected) in SELECTED {
        let shown = lines(&bench, "show", &file, filter);
        let shown = joined(shown.iter().map(|line| path_of(&line["request"]["url"])));
        assert_eq!(shown, expected, "show {filter}");
        let listed = lines(&bench, "list", &file, filter);
        let listed = joined(listed.iter().map(|line| path_of(&line["url"])));
        assert_eq!(listed, expected, "list {filter}");
    }
}

#[test]
fn a_filter_selects_what_is_told_live_and_everything_is_recorded() {
    let test = "a_filter_selects_what_is_told_live_and_everything_is_recorded";
    let Some(python) = program(test, "python3") else { return };
    let bench = Bench::new();
    let (ran, file) = run(&bench, &python, "~c 404 | ~bs 'secret page' | ~bq needle");
    let told = joined(ran.lines.iter().map(|line| path_of(&line["request"]["url"])));
    assert_eq!(told, "/form /missing /zipped");
    let has = |path: &str| ran.stderr.lines().any(|line| line.contains(&format!("{path}  ")));
    for (path, expected) in [
        ("/text", false),
        ("/missing", true),
        ("/image", false),
        ("/zipped", true),
        ("/form", true),
        ("/large", false),
    ] {
        assert_eq!(has(path), expected, "{path}: {}", ran.stderr);
    }
    assert_eq!(lines(&bench, "list", &file, "~all").len(), 6);
    // A line each, for people.
    let output = bench.sidestream(["session", "list"]).arg(&file).arg("~c 404").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.contains("GET") && text.contains("/missing  404  7 B"), "{text}");
}

#[test]
fn a_word_behind_a_mode_is_a_filter() {
    let Some(curl) = program("a_word_behind_a_mode_is_a_filter", "curl") else { return };
    let bench = Bench::new();
    let origin = Origin::http(answer);
    let mut command = bench.sidestream(["--mode", "regular@127.0.0.1:0", "--json"]);
    command.arg(bench.path("flows.json")).arg("~c 404 | ~m HEAD").stderr(Stdio::piped());
    let mut child = Running(command.spawn().unwrap());
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    stderr.read_line(&mut line).unwrap();
    let addr = line.strip_prefix("sidestream: listening on ").unwrap_or_else(|| panic!("{line}"));
    let proxy = format!("http://{}", addr.split([',', '\n']).next().unwrap());
    for path in ["text", "missing", "image"] {
        let url = format!("http://127.0.0.1:{}/{path}", origin.port());
        let mut command = Command::new(&curl);
        command.args(["-sS", "-o", "/dev/null", "--noproxy", "", "--proxy", &proxy, &url]);
        assert!(command.status().unwrap().success());
    }
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let mut printed = String::new();
    stderr.read_to_string(&mut printed).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{printed}");
    let told = joined(bench.lines().iter().map(|line| path_of(&line["request"]["url"])));
    assert_eq!(told, "/missing");
    assert!(printed.contains("/missing") && !printed.contains("/text"), "{printed}");
}
