//! Ambiguous requests, read by servers that others wrote: none may take for one what we told as
//! another.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use sidestream_testkit::workspace_path;

use crate::go;
use crate::harness::{Bench, program};

const CLIENT: &str = include_str!("client.py");

/// A server, which is killed when it is dropped.
struct Server {
    child: Child,
    port: String,
    /// It reads bodies in chunks, as a server of HTTP/1.1 must.
    reads_chunks: bool,
}

impl Server {
    /// Starts a server that prints the port that it listens on.
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Self { child, port: port.trim().to_owned(), reads_chunks: true }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// What a server answered to each message: statuses, and what it says it read.
type Answers = BTreeMap<String, Vec<String>>;

fn answers(printed: &str) -> Answers {
    let lines = printed.lines().filter_map(|line| line.split_once('\t'));
    let split = |text: &str| text.split('|').map(|it| it.trim().to_owned()).collect();
    lines.map(|(name, text)| (name.to_owned(), split(text))).collect()
}

/// Returns the requests that a server took: method, path, and the body in hexadecimal digits
/// where it tells it.
fn taken(answers: &[String]) -> Vec<(String, String, Option<usize>)> {
    let taken = answers.iter().map_while(|answer| answer.strip_prefix("200 "));
    let request = |text: &str| {
        let mut words = text.split(' ');
        let (method, target) = (words.next().unwrap(), words.next().unwrap_or_default());
        (method.to_owned(), path(target), words.next().map(|digits| digits.len() / 2))
    };
    taken.map(request).collect()
}

/// Returns the path of a target, or of a URL.
fn path(target: &str) -> String {
    let rest = target.split_once("://").map_or(target, |(_, rest)| rest);
    let at = if rest.len() < target.len() { rest.find('/').unwrap_or(rest.len()) } else { 0 };
    rest[at..].to_owned()
}

/// A request that was told.
struct Told {
    method: String,
    path: String,
    body_bytes: usize,
    /// It was read to its end.
    sound: bool,
}

/// Returns the requests that were told of each flow, in the order of the flows.
fn told(lines: &[Value]) -> Vec<Vec<Told>> {
    let mut flows = BTreeMap::<u64, BTreeMap<u64, _>>::new();
    for line in lines {
        let flow = flows.entry(line["flow"].as_u64().unwrap()).or_default();
        if line["kind"] == "http" {
            let request = &line["request"];
            let told = Told {
                method: request["method"].as_str().unwrap().to_owned(),
                path: path(request["url"].as_str().unwrap()),
                body_bytes: request["body_bytes"].as_u64().unwrap() as usize,
                sound: line["error"].is_null(),
            };
            flow.insert(line["exchange"].as_u64().unwrap(), told);
        }
    }
    flows.into_values().map(|flow| flow.into_values().collect()).collect()
}

/// Returns the verdict on each request.
fn verdicts() -> BTreeMap<String, bool> {
    let table = workspace_path("crates/sidestream-proto/src/http1/cases.md");
    let table = std::fs::read_to_string(table).unwrap();
    let rows = table.lines().filter_map(|row| row.strip_prefix("| `request-"));
    rows.map(|row| {
        let (name, rest) = row.split_once("` | ").unwrap();
        (format!("request-{name}"), rest.split(" | ").nth(1).unwrap().starts_with("passes"))
    })
    .collect()
}

/// Checks what a server reads of every message, directly and through us.
fn check(python: &Path, bench: &Bench, server: &Server) {
    let client = bench.write("client.py", CLIENT);
    let folder = workspace_path("fixtures/http1");
    let words = [python, &client, Path::new(&server.port), &folder];
    let direct = Command::new(python).args(&words[1..]).output().unwrap();
    let direct = answers(&String::from_utf8_lossy(&direct.stdout));
    let ran = bench.run(words);
    let through = answers(&ran.stdout);
    let told = told(&ran.lines);
    let verdicts = verdicts();
    assert_eq!(direct.len(), verdicts.len());
    assert_eq!(told.len(), verdicts.len(), "one flow for each message: {}", ran.stderr);
    let mut mattered = 0;
    for ((name, passes), told) in verdicts.into_iter().zip(told) {
        let (direct, through) = (&direct[&name], &through[&name]);
        let message = std::fs::read(folder.join(&name).with_extension("http")).unwrap();
        let message = String::from_utf8_lossy(&message).to_ascii_lowercase();
        if !server.reads_chunks && message.contains("chunked") {
            continue;
        }
        if !passes {
            let refused = through[..] == ["400"];
            assert!(refused || through == direct, "{name}: {through:?}, directly {direct:?}");
            mattered += usize::from(refused && direct[0].starts_with("200"));
        } else if !name.contains("upgrade") && !name.contains("connect") {
            // What follows those is held back until it is clear what it is.
            assert_eq!(through, direct, "{name}");
        }
        let taken = taken(through);
        assert!(!passes || taken.len() <= told.len(), "{name}: {taken:?}");
        for (taken, told) in taken.into_iter().zip(&told).filter(|(_, told)| told.sound) {
            assert_eq!((&taken.0, &taken.1), (&told.method, &told.path), "{name}");
            assert_eq!(taken.2.unwrap_or(told.body_bytes), told.body_bytes, "{name}");
        }
    }
    assert!(mattered > 0, "this server reads nothing of what is refused");
}

#[test]
fn python_reads_no_request_that_was_not_told() {
    let test = "python_reads_no_request_that_was_not_told";
    let Some(python) = program(test, "python3") else { return };
    let bench = Bench::new();
    let script = bench.write("server.py", include_str!("server.py"));
    let mut server = Server::start(Command::new(&python).arg(script));
    server.reads_chunks = false;
    check(&python, &bench, &server);
}

#[test]
fn node_reads_no_request_that_was_not_told() {
    let test = "node_reads_no_request_that_was_not_told";
    let (Some(python), Some(node)) = (program(test, "python3"), program(test, "node")) else {
        return;
    };
    let bench = Bench::new();
    let script = bench.write("server.js", include_str!("server.js"));
    check(&python, &bench, &Server::start(Command::new(node).arg(script)));
}

#[test]
fn go_reads_no_request_that_was_not_told() {
    let test = "go_reads_no_request_that_was_not_told";
    let (Some(python), Some(go)) = (program(test, "python3"), program(test, "go")) else { return };
    let bench = Bench::new();
    let server = go::build(go.to_str().unwrap(), &bench, include_str!("server.go"));
    check(&python, &bench, &Server::start(&mut Command::new(server)));
}

#[test]
fn java_reads_no_request_that_was_not_told() {
    let test = "java_reads_no_request_that_was_not_told";
    let (Some(python), Some(java)) = (program(test, "python3"), program(test, "java")) else {
        return;
    };
    let bench = Bench::new();
    let source = bench.write("Server.java", include_str!("Server.java"));
    check(&python, &bench, &Server::start(Command::new(java).arg(source)));
}

#[test]
fn nginx_reads_no_request_that_was_not_told() {
    let test = "nginx_reads_no_request_that_was_not_told";
    let (Some(python), Some(nginx)) = (program(test, "python3"), program(test, "nginx")) else {
        return;
    };
    let bench = Bench::new();
    // It cannot say which port it chose.
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port().to_string();
    let config = bench.write("nginx.conf", &include_str!("nginx.conf").replace("PORT", &port));
    drop(free);
    let mut command = Command::new(nginx);
    command.args(["-e", "stderr", "-p"]).arg(bench.folder.path()).arg("-c").arg(config);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let server = Server { child, port, reads_chunks: true };
    let addr = format!("127.0.0.1:{}", server.port);
    while std::net::TcpStream::connect(&addr).is_err() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    check(&python, &bench, &server);
}
