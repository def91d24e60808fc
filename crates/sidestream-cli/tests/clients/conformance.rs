//! The conformance suite of HTTP/2 against the end of a connection that is ours.

use crate::harness::{Bench, http, program};

/// Where the server speaks only HTTP/1.1, what the suite tests is no server of somebody else that
/// is passed on, but our own framing, field compression, states and flow control.
#[test]
fn httpwg_finds_nothing_wrong_with_a_connection_that_ends_here() {
    let test = "httpwg_finds_nothing_wrong_with_a_connection_that_ends_here";
    let Some(httpwg) = program(test, "httpwg") else { return };
    let (bench, origin) = (Bench::new(), http());
    let address = format!("127.0.0.1:{}", origin.port());
    let mut command = bench.sidestream(["run", "--quiet", "--server-http", "1", "--json"]);
    command.arg(bench.path("flows.json")).arg("--").arg(httpwg);
    // Its buffers are of 256 MiB unless it is told otherwise; the time is for a busy machine.
    command.env("BUFFET_NUM_BUFS", "4096").args(["--frame-timeout", "5000", "-a", &address]);
    let ran = bench.finish(&mut command);
    let said = format!("{}{}", ran.stdout, ran.stderr);
    let said = without_colors(&said);
    // What does not begin with the preface is not HTTP/2 to us: it passes to the server, which is
    // to say what it thinks of it.
    let is_ours = |line: &&str| !line.ends_with("sends invalid connection preface");
    let failed = said.lines().filter(|line| line.contains("Test failed"));
    let failed: Vec<_> = failed.filter(is_ours).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    let passed = said.lines().filter(|line| line.contains("Test passed")).count();
    assert!(passed > 100, "{passed} passed: {said}");
    let asked = |version| move |line: &&serde_json::Value| line["request"]["version"] == version;
    let http2 = ran.lines.iter().filter(asked("HTTP/2")).count();
    assert!(http2 > 50, "{http2} exchanges over HTTP/2");
    assert_eq!(ran.lines.iter().filter(asked("HTTP/1.1")).count(), 0);
    assert!(origin.requests().len() > 5, "{} requests came", origin.requests().len());
}

/// Takes out what colors a terminal: ESC, `[`, parameters, a letter.
fn without_colors(text: &str) -> String {
    let mut pieces = text.split("\x1b[");
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let end = piece.find(|c: char| c.is_ascii_alphabetic()).map_or(0, |at| at + 1);
        plain.push_str(&piece[end..]);
    }
    plain
}
