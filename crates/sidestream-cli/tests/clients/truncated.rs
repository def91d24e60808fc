//! A server that goes away too soon: curl sees through us what it sees without us.

use std::io::{self, Write};
use std::process::{Command, Output};

use sidestream_testkit::{Origin, Request, Wire};

use crate::harness::{Bench, program};

/// Says something and goes away, as the target wants it.
fn leave(request: &Request, wire: &mut Wire) -> io::Result<()> {
    let (how, said) = match request.target() {
        "/length" => ("close", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"),
        "/chunks" => {
            ("close", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
        }
        "/chunk" => ("close", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf"),
        "/trailer" => ("close", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"),
        "/hints" => ("close", "HTTP/1.1 103 Early Hints\r\nLink: </s>\r\n\r\n"),
        "/head" => ("close", "HTTP/1.1 200 OK\r\nContent-Le"),
        "/nothing" => ("close", ""),
        "/end" => ("close", "HTTP/1.1 200 OK\r\n\r\nwhole"),
        "/cut" => ("cut", "HTTP/1.1 200 OK\r\n\r\nhalf"),
        _ => ("reset", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"),
    };
    wire.write_all(said.as_bytes())?;
    match how {
        "cut" => wire.cut(),
        "reset" => wire.reset(),
        _ => wire.close(),
    }
}

/// What curl made of it. How much of what came before a reset is still read is left to chance.
fn seen(path: &str, output: &Output) -> (Option<i32>, Vec<u8>) {
    let said = if path == "reset" { Vec::new() } else { output.stdout.clone() };
    (output.status.code(), said)
}

fn check(test: &str, scheme: &str, paths: &[&str]) {
    let Some(curl) = program(test, "curl") else { return };
    let bench = Bench::new();
    let origin = match scheme {
        "http" => Origin::http(leave),
        _ => Origin::https(bench.ca.server_config(&["localhost"]), leave),
    };
    for path in paths {
        let url = format!("{scheme}://localhost:{}/{path}", origin.port());
        let words = ["-sSi4", &url];
        let mut direct = Command::new(&curl);
        direct.args(words).arg("--cacert").arg(bench.ca.pem_path());
        let direct = direct.output().unwrap();
        let ran = bench.run([&[curl.to_str().unwrap()], &words[..]].concat());
        assert_eq!(seen(path, &ran.output), seen(path, &direct), "{path}: {}", ran.stderr);
        let line = ran.lines.iter().find(|line| line["request"]["url"] == url.as_str());
        let line = line.unwrap_or_else(|| panic!("{path}: {:#?}", ran.lines));
        // What lasts until the connection ends is whole with it, if TLS said that it ends.
        assert_eq!(line["error"].is_null(), *path == "end", "{line:#}");
    }
}

#[test]
fn curl_sees_the_same_truncation() {
    let paths =
        ["length", "chunks", "chunk", "trailer", "hints", "head", "nothing", "end", "reset"];
    check("curl_sees_the_same_truncation", "http", &paths);
}

#[test]
fn curl_sees_the_same_truncation_inside_tls() {
    let paths = ["length", "chunks", "hints", "head", "nothing", "end", "cut"];
    check("curl_sees_the_same_truncation_inside_tls", "https", &paths);
}

/// Reads until TLS ends, and prints what came and whether it ended well.
const READER: &str = "import socket, ssl, sys
url = sys.argv[1].split('/')
host, port = url[2].split(':')
context = ssl.create_default_context(cafile=sys.argv[2])
context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
plain = socket.create_connection((host, int(port)))
tls = context.wrap_socket(plain, server_hostname=host, suppress_ragged_eofs=False)
tls.sendall(b'GET /' + url[3].encode() + b' HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n')
said, end = b'', 'whole'
try:
    while got := tls.recv(1000): said += got
except ssl.SSLError: end = 'cut'
print(said.split(b'\\r\\n\\r\\n')[1].decode(), end)";

#[test]
fn python_sees_whether_tls_ended_well() {
    let Some(python) = program("python_sees_whether_tls_ended_well", "python3") else { return };
    let bench = Bench::new();
    let origin = Origin::https(bench.ca.server_config(&["localhost"]), leave);
    for (path, seen) in [("end", "whole whole\n"), ("cut", "half cut\n")] {
        let url = format!("https://localhost:{}/{path}", origin.port());
        let mut direct = Command::new(&python);
        direct.args(["-c", READER, &url]).arg(bench.ca.pem_path());
        assert_eq!(String::from_utf8_lossy(&direct.output().unwrap().stdout), seen);
        let root = bench.path("conf/root-cert.pem");
        let words = [python.to_str().unwrap(), "-c", READER, &url, root.to_str().unwrap()];
        let ran = bench.run(words);
        assert_eq!(ran.stdout, seen, "{}", ran.stderr);
        let error = &ran.lines[0]["error"];
        assert_eq!(error.is_null(), path == "end", "{error:#}");
    }
}
