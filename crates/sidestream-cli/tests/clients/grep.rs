//! Text in bodies of real clients: looked up, and found where it stands.

use std::io::{self, Write};
use std::process::Output;

use sidestream_testkit::{Origin, Request, Wire};

use crate::harness::{Bench, ours, program};

/// `a line\nhere is the Needle\n`, by gzip, stored.
const GZIP: [u8; 49] = [
    31, 139, 8, 0, 0, 0, 0, 0, 0, 3, 1, 26, 0, 229, 255, 97, 32, 108, 105, 110, 101, 10, 104, 101,
    114, 101, 32, 105, 115, 32, 116, 104, 101, 32, 78, 101, 101, 100, 108, 101, 10, 19, 51, 197,
    40, 26, 0, 0, 0,
];

fn answer(request: &Request, wire: &mut Wire) -> io::Result<()> {
    let (coding, body) = match request.target() {
        "/packed" => ("gzip", GZIP.to_vec()),
        "/plain" => ("identity", b"nothing\nhere\n".to_vec()),
        _ => ("identity", format!("asked for {}\n", request.target()).into_bytes()),
    };
    let length = body.len();
    write!(wire, "HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\n")?;
    write!(wire, "Content-Length: {length}\r\n\r\n")?;
    wire.write_all(&body)
}

#[track_caller]
fn prints(output: &Output, code: i32, expected: &str) {
    let out = String::from_utf8_lossy(&output.stdout);
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), &*out), (Some(code), expected), "{err}");
}

#[test]
fn text_is_found_in_what_curl_sent_and_got_with_and_without_an_index() {
    let test = "text_is_found_in_what_curl_sent_and_got_with_and_without_an_index";
    let Some(_curl) = program(test, "curl") else { return };
    let (bench, origin) = (Bench::new(), Origin::http(answer));
    let url = |path: &str| format!("http://localhost:{}{path}", origin.port());
    let mut command = bench.sidestream(["run", "--session", "a.session", "--", "curl", "-sS"]);
    command.args([url("/packed"), url("/plain"), url("/later")]);
    let output = command.args(["--data", "a needle sent"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let line = |number: u32, path: &str| format!("{number} POST {}\n", url(path));
    let sent = "    request:1: a needle sent\n";
    let all = [
        line(1, "/packed"),
        sent.into(),
        "    response:2: here is the Needle\n".into(),
        line(2, "/plain"),
        sent.into(),
        line(3, "/later"),
        sent.into(),
    ]
    .concat();
    let looks = |expected: &str| {
        prints(&ours(&bench, &["session", "grep", "a.session", "needle"]), 0, expected);
        let got = ["session", "grep", "-l", "a.session", "the needle"];
        prints(&ours(&bench, &got), 0, &line(1, "/packed"));
        let got = ["session", "grep", "a.session", "^here$", "~bs nothing"];
        prints(&ours(&bench, &got), 0, &format!("{}    response:2: here\n", line(2, "/plain")));
        let got = ["session", "grep", "a.session", "(?-i)needle", "~u later"];
        prints(&ours(&bench, &got), 0, &format!("{}{sent}", line(3, "/later")));
        prints(&ours(&bench, &["session", "grep", "a.session", "(?-i)NEEDLE"]), 1, "");
    };
    looks(&all);
    prints(&ours(&bench, &["session", "index", "a.session"]), 0, "");
    looks(&all);
    prints(&ours(&bench, &["session", "compact", "a.session"]), 0, "");
    looks(&all);
    prints(&ours(&bench, &["session", "trim", "a.session", "--drop", "~u plain"]), 0, "");
    prints(&ours(&bench, &["session", "grep", "a.session", "nothing"]), 1, "");
    let wrong = ours(&bench, &["session", "grep", "a.session", "("]);
    prints(&wrong, 2, "");
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("unclosed group"));
}
