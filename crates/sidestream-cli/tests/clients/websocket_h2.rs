//! WebSocket over HTTP/2 (RFC 8441) on one side or on both: clients and origins of other makes.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use sidestream_testkit::Validity;

use crate::harness::{Bench, Ran, program};
use crate::websocket::{Echo, PYTHON, check_no_defects, messages, python};

const TEXT: &str = "hello there, hello there, hello there";

/// An origin of HTTP/2, written in Node, until it is dropped.
struct Origin {
    child: Child,
    port: String,
}

impl Origin {
    fn start(test: &str, bench: &Bench, secure: bool) -> Option<Self> {
        let mut command = Command::new(program(test, "node")?);
        command.arg(bench.write("origin.js", include_str!("websocket_h2_origin.js")));
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
        Some(Self { child, port: port.trim().to_owned() })
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Runs a program with those options of ours.
fn run(bench: &Bench, options: &[&str], words: &[&str]) -> Ran {
    let mut command = bench.sidestream(["run", "--json"]);
    command.arg(bench.path("flows.json")).args(options).arg("--").args(words);
    bench.finish(&mut command)
}

/// Checks that the conversation was had, and that all of it was seen, of an exchange like that.
#[track_caller]
fn check_conversation(ran: &Ran, url: &str, method: &str, status: u16) {
    ran.check_success(TEXT);
    assert_eq!(
        messages(&ran.lines),
        [
            format!("client text 37 \"{TEXT}\""),
            format!("server text 37 \"{TEXT}\""),
            "client close 3001 4 \"done\"".into(),
            "server close 3001 4 \"done\"".into(),
        ],
        "{}",
        ran.stderr
    );
    let opening = ran.lines.iter().find(|line| line["kind"] == "http").unwrap();
    assert_eq!(opening["request"]["method"], method, "{opening:#}");
    assert_eq!(opening["request"]["url"], url, "{opening:#}");
    assert_eq!(opening["response"]["status"], status, "{opening:#}");
    for message in ran.lines.iter().filter(|line| line["kind"] == "websocket") {
        assert_eq!(message["exchange"], opening["exchange"]);
        assert_eq!(message["message"]["url"], url.replacen("http", "ws", 1));
    }
    check_no_defects(ran);
}

#[test]
pub(crate) fn websocket_over_http2_passes() {
    let test = "websocket_over_http2_passes";
    let Some(node) = program(test, "node") else { return };
    let bench = Bench::new();
    let Some(origin) = Origin::start(test, &bench, true) else { return };
    let script = bench.write("client.js", include_str!("websocket_h2_client.js"));
    let url = format!("https://localhost:{}/chat", origin.port);
    let words = [node.to_str().unwrap(), script.to_str().unwrap(), &url];
    let ran = run(&bench, &[], &words);
    check_conversation(&ran, &url, "CONNECT", 200);
}

#[test]
pub(crate) fn websocket_over_http2_reaches_a_server_of_http1() {
    let test = "websocket_over_http2_reaches_a_server_of_http1";
    let Some(node) = program(test, "node") else { return };
    let bench = Bench::new();
    let Some(echo) = Echo::start(test, &bench, true) else { return };
    let script = bench.write("client.js", include_str!("websocket_h2_client.js"));
    let url = format!("{}/echo", echo.http_url);
    let words = [node.to_str().unwrap(), script.to_str().unwrap(), &url];
    let ran = run(&bench, &["--server-http", "1", "--client-http", "2"], &words);
    check_conversation(&ran, &url, "CONNECT", 101);
}

#[test]
pub(crate) fn websocket_over_http1_reaches_a_server_of_http2() {
    let test = "websocket_over_http1_reaches_a_server_of_http2";
    let Some(python) = python(test) else { return };
    let bench = Bench::new();
    let Some(origin) = Origin::start(test, &bench, false) else { return };
    let at = format!("127.0.0.1:{}/chat", origin.port);
    let words = [python.to_str().unwrap(), "-c", PYTHON, &format!("ws://{at}")];
    let ran = run(&bench, &["--server-http", "2"], &words);
    check_conversation(&ran, &format!("http://{at}"), "GET", 200);
}
