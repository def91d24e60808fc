//! Rules for WebSocket messages, as clients and origins of other makes see them.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::harness::{Bench, Ran, program};
use crate::websocket::{Echo, python};

const UP: &str = "|~websocket & ~q|secret|[hidden]";
const DOWN: &str = "|~websocket & ~s|hidden|taken out";

fn run(bench: &Bench, options: &[&str], words: &[&str]) -> Ran {
    let mut command = bench.sidestream(["run", "--json"]);
    command.arg(bench.path("flows.json")).args(options).arg("--").args(words);
    bench.finish(&mut command)
}

/// The messages as they came, and what rules put in their place: who sent it, and how it begins.
fn told(ran: &Ran) -> (Vec<String>, Vec<String>) {
    let (mut came, mut edits) = (Vec::new(), Vec::new());
    let texts = ran.lines.iter().filter(|line| line["message"]["type"] == "text");
    for message in texts.map(|line| &line["message"]) {
        let [from, text] = ["from", "beginning"].map(|name| message[name].as_str().unwrap());
        let edit = &message["edit"];
        if edit.is_null() {
            came.push(format!("{from} {text}"));
            continue;
        }
        assert_eq!(edit["what"], "replaced");
        let original = ran.lines.iter().find(|line| line["message"]["id"] == edit["of"]).unwrap();
        let original = original["message"]["beginning"].as_str().unwrap();
        edits.push(format!("{from} {original} -> {text} by {}", edit["by"].as_str().unwrap()));
    }
    (came, edits)
}

#[test]
fn python_websockets_get_other_messages() {
    let test = "python_websockets_get_other_messages";
    let Some(python) = python(test) else { return };
    for compression in ["none", "alone", "all"] {
        let bench = Bench::new();
        let Some(echo) = Echo::start(test, &bench, true) else { return };
        let script = bench.write("client.py", include_str!("websocket_rules.py"));
        let words = [python.to_str().unwrap(), script.to_str().unwrap(), &echo.url, compression];
        let ran = run(&bench, &["--modify-body", UP, "--modify-body", DOWN], &words);
        let two = "two words and more";
        let heard = format!("one [taken out] and more\n{two}\n{two}\na [taken out]\n{two}\n");
        ran.check_success(&heard.repeat(3));
        let (came, edits) = told(&ran);
        assert_eq!(came.len(), 30, "{came:#?}");
        assert_eq!(came[0], "client one secret and more");
        assert_eq!(came[1], "server one [hidden] and more");
        let expected = [
            format!("client one secret and more -> one [hidden] and more by modify-body {UP}"),
            format!(
                "server one [hidden] and more -> one [taken out] and more by modify-body {DOWN}"
            ),
            format!("client a secret -> a [hidden] by modify-body {UP}"),
            format!("server a [hidden] -> a [taken out] by modify-body {DOWN}"),
        ];
        assert_eq!(edits, [&expected[..], &expected, &expected].concat());
    }
}

/// An origin, or a client, of HTTP/2 that compresses with a context.
struct Origin {
    child: Child,
    port: String,
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[test]
fn node_gets_other_messages_over_http2() {
    let test = "node_gets_other_messages_over_http2";
    let Some(node) = program(test, "node") else { return };
    for deflates in ["false", "true"] {
        let bench = Bench::new();
        let script = bench.write("socket.js", include_str!("websocket_deflate.js"));
        let mut command = Command::new(&node);
        command.arg(&script).arg("origin").stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        let origin = Origin { child, port: port.trim().to_owned() };
        let url = format!("http://127.0.0.1:{}/chat", origin.port);
        let words = [node.to_str().unwrap(), script.to_str().unwrap(), "client", &url, deflates];
        let ran = run(&bench, &["--modify-body", UP, "--modify-body", DOWN], &words);
        let two = "heard two words and more words";
        ran.check_success(&format!(
            "heard one [taken out] and more words\n{two}\n{two}\nheard a [taken out]\n{two}\n5 pongs\n"
        ));
        let (came, edits) = told(&ran);
        assert_eq!((came.len(), edits.len()), (10, 4), "{came:#?} {edits:#?}");
        assert_eq!(came[0], "client one secret and more words");
    }
}

#[test]
fn rules_for_messages_hold_where_versions_are_translated() {
    let test = "rules_for_messages_hold_where_versions_are_translated";
    let (Some(python), Some(node)) = (python(test), program(test, "node")) else { return };
    let rules = ["--modify-body", "|~websocket ~q|hello|good day"];
    let heard = "good day there, good day there, good day there";
    // A client of HTTP/2 and an origin of HTTP/1.
    let bench = Bench::new();
    let Some(echo) = Echo::start(test, &bench, true) else { return };
    let script = bench.write("socket.js", include_str!("websocket_deflate.js"));
    let url = format!("{}/echo", echo.http_url);
    let words = [node.to_str().unwrap(), script.to_str().unwrap(), "client", &url, "true"];
    let options = ["--modify-body", UP, "--server-http", "1", "--client-http", "2"];
    let two = "two words and more words";
    run(&bench, &options, &words).check_success(&format!(
        "one [hidden] and more words\n{two}\n{two}\na [hidden]\n{two}\n5 pongs\n"
    ));
    // A client of HTTP/1 and an origin of HTTP/2.
    let bench = Bench::new();
    let script = bench.write("origin.js", include_str!("websocket_h2_origin.js"));
    let mut command = Command::new(&node);
    command.arg(&script).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut port = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
    let origin = Origin { child, port: port.trim().to_owned() };
    let url = format!("ws://127.0.0.1:{}/chat", origin.port);
    let words = [python.to_str().unwrap(), "-c", crate::websocket::PYTHON, &url];
    let options = [&rules[..], &["--server-http", "2"]].concat();
    run(&bench, &options, &words).check_success(heard);
}
