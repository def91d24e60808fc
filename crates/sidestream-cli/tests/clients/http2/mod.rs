//! Programs that speak HTTP/2: what the origin gets is what it gets without us.

mod advice;
mod curl;
mod runtimes;

use std::ffi::OsStr;
use std::process::{Command, Output};

use serde_json::Value;

use crate::harness::{Bench, Ran, program};
use crate::modern::Modern;

/// A program, an origin, and what is asked of it.
struct Play {
    bench: Bench,
    origin: Modern,
    program: String,
    scheme: &'static str,
}

/// What the program and the origin saw without us and with us.
struct Seen {
    play: Play,
    direct: Output,
    ran: Ran,
    requests: Vec<Value>,
}

impl Play {
    fn https(test: &str, name: &str) -> Option<Self> {
        let bench = Bench::new();
        let program = program(test, name)?.to_str().unwrap().to_owned();
        let origin = Modern::https(test, &bench)?;
        Some(Self { bench, origin, program, scheme: "https" })
    }

    fn http(test: &str, name: &str) -> Option<Self> {
        let bench = Bench::new();
        let program = program(test, name)?.to_str().unwrap().to_owned();
        let origin = Modern::http(test, &bench)?;
        Some(Self { bench, origin, program, scheme: "http" })
    }

    fn url(&self, path: &str) -> String {
        self.origin.url(self.scheme, path)
    }

    /// Runs the program, first without us; it has to do the same, and the origin to get the same.
    #[track_caller]
    fn run<S: AsRef<OsStr>>(self, words: &[S]) -> Seen {
        let mut direct = Command::new(&self.program);
        direct.args(words).current_dir(self.bench.folder.path());
        for name in ["CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"] {
            direct.env(name, self.bench.ca.pem_path());
        }
        let direct = direct.env("HOME", self.bench.folder.path()).output().unwrap();
        let expected = self.origin.requests();
        let program = [OsStr::new(&self.program)].into_iter();
        let ran = self.bench.run(program.chain(words.iter().map(AsRef::as_ref)));
        assert_eq!(direct.status.code(), ran.output.status.code(), "{}", ran.stderr);
        let requests = self.origin.requests().split_off(expected.len());
        assert!(!requests.is_empty(), "{}", ran.stderr);
        assert_eq!(sorted(&requests), sorted(&expected));
        assert_eq!(self.bench.left_running(), Vec::<String>::new());
        Seen { play: self, direct, ran, requests }
    }
}

/// Requests that run beside each other have no order.
fn sorted(requests: &[Value]) -> Vec<String> {
    let mut lines: Vec<String> = requests.iter().map(ToString::to_string).collect();
    lines.sort();
    lines
}

impl Seen {
    /// Checks that it went well, and printed the same.
    #[track_caller]
    fn check_success(&self) -> &Self {
        self.ran.check_success(&String::from_utf8_lossy(&self.direct.stdout));
        self
    }

    /// Checks that one request was seen, by the same version of HTTP on both sides.
    #[track_caller]
    fn check(&self, method: &str, path: &str, version: &str) -> &Value {
        let name = self.play.program.rsplit('/').next().unwrap();
        let line = self.ran.check_http(method, &self.play.url(path), 200, name);
        check_version(line, version);
        line
    }
}

#[track_caller]
fn check_version(line: &Value, version: &str) {
    assert_eq!(line["request"]["version"], version, "{line:#}");
    assert_eq!(line["response"]["version"], version, "{line:#}");
    if line["tls"].is_object() && version == "HTTP/2" {
        assert_eq!(line["tls"]["alpn"], "h2", "{line:#}");
    }
}
