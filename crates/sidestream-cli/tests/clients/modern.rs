//! An origin that speaks HTTP/2, written in Node, and what came to it.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use sidestream_testkit::Validity;

use crate::harness::{Bench, program};

/// An origin that runs until it is dropped.
pub(crate) struct Modern {
    child: Child,
    port: u16,
    log: PathBuf,
}

impl Modern {
    /// Starts one on 127.0.0.1 that speaks HTTP/2 and HTTP/1.1 over TLS, or skips the test.
    pub(crate) fn https(test: &str, bench: &Bench) -> Option<Self> {
        let files = Self::files(bench, &["localhost", "127.0.0.1", "::1"]);
        Self::start(test, bench, "127.0.0.1", &files)
    }

    /// Starts one on another address that speaks HTTP/2 and HTTP/1.1 over TLS, or skips the test.
    pub(crate) fn https_at(test: &str, bench: &Bench, ip: &str) -> Option<Self> {
        let files = Self::files(bench, &[ip]);
        Self::start(test, bench, ip, &files)
    }

    /// Starts one on 127.0.0.1 that speaks HTTP/2 without TLS, or skips the test.
    pub(crate) fn http(test: &str, bench: &Bench) -> Option<Self> {
        Self::start(test, bench, "127.0.0.1", &[])
    }

    /// Writes a key, and a certificate of these names.
    fn files(bench: &Bench, names: &[&str]) -> [PathBuf; 2] {
        let leaf = bench.ca.leaf(names, Validity::Current);
        let (key, cert) = (bench.path("origin.key"), bench.path("origin.crt"));
        std::fs::write(&key, leaf.key.secret_der()).unwrap();
        std::fs::write(&cert, &leaf.chain[0]).unwrap();
        [key, cert]
    }

    fn start(test: &str, bench: &Bench, ip: &str, files: &[PathBuf]) -> Option<Self> {
        let node = program(test, "node")?;
        let (script, log) =
            (bench.write("origin.js", include_str!("origin.js")), bench.path("origin.log"));
        let mut command = Command::new(node);
        command.arg(script).arg(&log).args(files).env("ORIGIN_IP", ip);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Some(Self { child, port: line.trim().parse().unwrap(), log })
    }

    /// Names something there: by name over TLS, else by address.
    pub(crate) fn url(&self, scheme: &str, path: &str) -> String {
        let host = if scheme == "https" { "localhost" } else { "127.0.0.1" };
        format!("{scheme}://{host}:{}/{path}", self.port)
    }

    /// Names something there over TLS, by address.
    pub(crate) fn url_at(&self, ip: &str, path: &str) -> String {
        format!("https://{ip}:{}/{path}", self.port)
    }

    /// Gives the requests that came, in their order.
    pub(crate) fn requests(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Drop for Modern {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}
