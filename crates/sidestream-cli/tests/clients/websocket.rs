//! WebSocket: clients and an origin of other makes, and what was seen of their messages.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use sidestream_testkit::{Validity, skip};

use crate::harness::{Bench, Ran, program};

/// An origin that answers each message with the same, until it is dropped.
pub(crate) struct Echo {
    child: Child,
    pub(crate) url: String,
    pub(crate) http_url: String,
}

impl Echo {
    /// Starts one with Python's `websockets`, or skips the test.
    pub(crate) fn start(test: &str, bench: &Bench, secure: bool) -> Option<Self> {
        let mut command = Command::new(python(test)?);
        command.arg(bench.write("origin.py", include_str!("websocket_origin.py")));
        if secure {
            let leaf = bench.ca.leaf(&["localhost"], Validity::Current);
            let (key, certificate) = (bench.path("origin.key"), bench.path("origin.crt"));
            std::fs::write(&key, leaf.key.secret_der()).unwrap();
            std::fs::write(&certificate, &leaf.chain[0]).unwrap();
            command.args([key, certificate]);
        }
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        let (secure, host) = if secure { ("s", "localhost") } else { ("", "127.0.0.1") };
        let at = format!("{secure}://{host}:{}", port.trim());
        Some(Self { child, url: format!("ws{at}"), http_url: format!("http{at}") })
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Finds a Python that has `websockets`, or skips the test.
pub(crate) fn python(test: &str) -> Option<PathBuf> {
    let python = program(test, "python3")?;
    let has = Command::new(&python).args(["-c", "import websockets"]).output().unwrap();
    if !has.status.success() {
        skip(test, "no websockets for python3 here");
        return None;
    }
    Some(python)
}

/// The lines of WebSocket messages, each as who sent it, its type, its size and how it begins.
pub(crate) fn messages(lines: &[Value]) -> Vec<String> {
    let messages = lines.iter().filter(|line| line["kind"] == "websocket");
    let words = |line: &Value| {
        let message = &line["message"];
        assert_eq!(message["ended"], true, "{line:#}");
        assert_eq!(message["encoded"], false, "{line:#}");
        assert!(line["exchange"].is_u64(), "{line:#}");
        let code = message["code"].as_u64().map(|code| format!(" {code}")).unwrap_or_default();
        let [from, kind] = ["from", "type"].map(|name| message[name].as_str().unwrap());
        format!("{from} {kind}{code} {} {}", message["bytes"], message["beginning"])
    };
    messages.map(words).collect()
}

#[track_caller]
pub(crate) fn check_no_defects(ran: &Ran) {
    let odd = |line: &&Value| !line["defects"].is_null() || !line["error"].is_null();
    let odd: Vec<_> = ran.lines.iter().filter(odd).collect();
    assert!(odd.is_empty(), "{odd:#?}");
}

/// A program that opens a WebSocket, and sends and receives one message.
struct Client<'a> {
    words: &'a [&'a str],
    process: &'a str,
    compresses: bool,
}

/// One message of a client, recorded in every way there is.
fn check_conversation(test: &str, client: &Client<'_>, secure: bool) {
    let bench = Bench::new();
    let Some(echo) = Echo::start(test, &bench, secure) else { return };
    let (file, json) = (bench.path("a.session"), bench.path("flows.json"));
    let mut command = bench.sidestream(["run", "--session"]);
    command.arg(&file).arg("--json").arg(&json).arg("--").args(client.words);
    let ran = bench.finish(command.arg(format!("{}/echo", echo.url)));
    let text = "hello there, hello there, hello there";
    ran.check_success(text);
    let url = format!("{}/echo", echo.http_url);
    let upgrade = ran.check_http("GET", &url, 101, client.process);
    assert_eq!(
        messages(&ran.lines),
        [
            format!("client text 37 \"{text}\""),
            format!("server text 37 \"{text}\""),
            "client close 3001 4 \"done\"".into(),
            "server close 3001 4 \"done\"".into(),
        ]
    );
    let first = ran.lines.iter().find(|line| line["kind"] == "websocket").unwrap();
    assert_eq!(first["exchange"], upgrade["exchange"]);
    assert_eq!(first["flow"], upgrade["flow"]);
    assert_eq!(first["message"]["compressed"], client.compresses, "{first:#}");
    assert_eq!(first["message"]["url"], format!("{}/echo", echo.url));
    assert_eq!(first["process"], upgrade["process"]);
    check_no_defects(&ran);

    let show = |args: &[&str]| {
        let output = bench.sidestream(["session", "show"]).arg(&file).args(args).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(show(&["--json"]), std::fs::read_to_string(&json).unwrap());
    let lines = show(&[]);
    let unnumbered: Vec<_> = lines.lines().map(|line| &line[7..]).collect();
    assert!(ran.stderr.contains(&unnumbered.join("\n")), "{} {lines}", ran.stderr);
    let parts = [format!("WS ↑  {}/echo ", echo.url), format!(" text \"{text}\"  37 B\n")];
    let is_it = |line: &str| parts.iter().all(|part| line.contains(part));
    assert!(lines.split_inclusive('\n').any(is_it), "{parts:?} is not in {lines}");
    assert!(lines.contains("close 3001 \"done\""), "{lines}");
    assert!(show(&["-vv"]).contains(&format!("    | {text}")));
}

pub(crate) const PYTHON: &str = "
import asyncio, sys, websockets
async def main():
    async with websockets.connect(sys.argv[1], ping_interval=None) as socket:
        await socket.send('hello there, hello there, hello there')
        sys.stdout.write(await socket.recv())
        await socket.close(3001, 'done')
asyncio.run(main())";

const NODE: &str = "
const socket = new WebSocket(process.argv[1]);
socket.onopen = () => socket.send('hello there, hello there, hello there');
socket.onmessage = event => { process.stdout.write(event.data); socket.close(3001, 'done'); };
socket.onerror = event => { console.error(event); process.exitCode = 1; };";

#[test]
pub(crate) fn python_websockets() {
    let test = "python_websockets";
    let Some(python) = python(test) else { return };
    let words = [python.to_str().unwrap(), "-c", PYTHON];
    let client = Client { words: &words, process: "python3", compresses: true };
    check_conversation(test, &client, false);
}

#[test]
pub(crate) fn python_websockets_over_tls() {
    let test = "python_websockets_over_tls";
    let Some(python) = python(test) else { return };
    let words = [python.to_str().unwrap(), "-c", PYTHON];
    let client = Client { words: &words, process: "python3", compresses: true };
    check_conversation(test, &client, true);
}

#[test]
pub(crate) fn node_websocket_over_tls() {
    let test = "node_websocket_over_tls";
    let Some(node) = program(test, "node") else { return };
    let words = [node.to_str().unwrap(), "--experimental-websocket", "-e", NODE];
    let has = Command::new(&node).args([words[1], "-e", "WebSocket"]).output().unwrap();
    if !has.status.success() {
        return skip(test, "no WebSocket in this node");
    }
    let client = Client { words: &words, process: "node", compresses: false };
    check_conversation(test, &client, true);
}

/// All kinds and sizes of frames, there and back, compressed and not.
fn check_matrix(test: &str, secure: bool) {
    let Some(python) = python(test) else { return };
    let bench = Bench::new();
    let Some(echo) = Echo::start(test, &bench, secure) else { return };
    let script = bench.write("client.py", include_str!("websocket_client.py"));
    let ran = bench.run([python.as_os_str(), script.as_os_str(), echo.url.as_ref()]);
    // Three ways to compress, two paths, nine sizes, four messages each; and the pinged one.
    ran.check_success("217\n");
    check_no_defects(&ran);

    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for message in messages(&ran.lines) {
        let kind: Vec<_> = message.split(' ').take(2).collect();
        *counts.entry(kind.join(" ")).or_default() += 1;
    }
    let codes = 16;
    let connections = 2 * 3 + 1;
    let expected = [
        ("client binary", 108),
        ("client close", connections + 2 * codes),
        ("client ping", 5),
        ("client pong", 2),
        ("client text", 109),
        ("server binary", 108),
        ("server close", connections + 2 * codes),
        ("server ping", 1),
        ("server pong", 5),
        ("server text", 109),
    ];
    let expected = expected.map(|(kind, count)| (kind.to_owned(), count));
    assert_eq!(counts, expected.into());
}

#[test]
pub(crate) fn all_kinds_and_sizes_of_frames() {
    check_matrix("all_kinds_and_sizes_of_frames", false);
}

#[test]
pub(crate) fn all_kinds_and_sizes_of_frames_over_tls() {
    check_matrix("all_kinds_and_sizes_of_frames_over_tls", true);
}
