//! Running a program under `sidestream run`, and asking what was seen.

use std::cell::Cell;
use std::ffi::OsStr;
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use sidestream_testkit::{
    Origin, Request, Service, TestCa, Wire, can_make_user_namespaces, is_root, sidestream_binary,
    skip,
};
use tempfile::TempDir;

thread_local! {
    /// Whether this test has its programs captured by seccomp.
    static BY_SECCOMP: Cell<bool> = const { Cell::new(false) };
}

/// Runs a test with its programs captured by seccomp.
pub(crate) fn under_seccomp(test: fn()) {
    BY_SECCOMP.set(true);
    test();
}

/// What every origin says.
pub(crate) const ANSWER: &str = "hello from the origin\n";

/// Finds a program, or skips the test.
pub(crate) fn program(test: &str, name: &str) -> Option<PathBuf> {
    if !(BY_SECCOMP.get() || is_root() || can_make_user_namespaces()) {
        skip(test, "neither root nor user namespaces");
        return None;
    }
    // A path is taken as it is: programs of one user's own are of no use to another.
    let folders = ["/usr/bin", "/usr/local/bin", "/bin", "/usr/sbin", "/sbin"];
    let found = folders.iter().map(|folder| Path::new(folder).join(name));
    let found = found.into_iter().find(|path| path.is_file());
    if found.is_none() {
        skip(test, &format!("no {name} here"));
    }
    found
}

/// A process that ends no later than this value, however the test does.
pub(crate) struct Running(pub(crate) Child);

impl Deref for Running {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.0
    }
}

impl DerefMut for Running {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.0
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            _ = self.0.kill();
            _ = self.0.wait();
        }
    }
}

/// A folder with what a run of the command needs and makes.
pub(crate) struct Bench {
    pub(crate) folder: TempDir,
    pub(crate) ca: TestCa,
}

/// What became of a run.
pub(crate) struct Ran {
    pub(crate) output: Output,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) lines: Vec<Value>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), ca: TestCa::new() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file into the folder.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The command with what every test gives: folders of its own, and the test's authority.
    pub(crate) fn sidestream<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(sidestream_binary());
        command.args(args);
        command.env("SIDESTREAM_CONFDIR", self.path("conf"));
        command.env("SIDESTREAM_CA", self.ca.pem_path());
        for name in ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
            command.env_remove(name);
        }
        // A home that can be written to, whoever runs the test.
        command.env("HOME", self.folder.path()).current_dir(self.folder.path());
        command.stdin(Stdio::null());
        command
    }

    /// The command with `run`, to which the words are still to be added.
    pub(crate) fn command(&self) -> Command {
        let mut command = self.sidestream(["run", "--json"]);
        command.arg(self.path("flows.json"));
        if BY_SECCOMP.get() {
            command.args(["--driver", "seccomp"]);
        }
        command.arg("--");
        command
    }

    /// Runs a program to its end.
    pub(crate) fn run<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Ran {
        let mut command = self.command();
        command.args(words);
        self.finish(&mut command)
    }

    pub(crate) fn finish(&self, command: &mut Command) -> Ran {
        let output = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        Ran { output, stdout, stderr, lines: self.lines() }
    }

    /// Reads the lines that were written.
    pub(crate) fn lines(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.path("flows.json")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Lists what still runs with our folder as its home.
    pub(crate) fn left_running(&self) -> Vec<String> {
        let home = format!("HOME={}", self.folder.path().display());
        let is_ours = |environment: Vec<u8>| {
            environment.split(|byte| *byte == 0).any(|variable| variable == home.as_bytes())
        };
        let processes = std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
        let ours = processes.filter(|path| std::fs::read(path.join("environ")).is_ok_and(is_ours));
        ours.map(|path| std::fs::read_to_string(path.join("comm")).unwrap_or_default()).collect()
    }

    /// Starts an HTTPS origin on loopback.
    pub(crate) fn https(&self) -> Origin {
        let config = self.ca.server_config(&["localhost", "127.0.0.1", "::1"]);
        Origin::https(config, answer)
    }
}

/// Runs a command of ours to its end.
pub(crate) fn ours(bench: &Bench, args: &[&str]) -> Output {
    bench.sidestream(args).output().unwrap()
}

/// Runs a command of ours that must succeed, and returns what it printed.
#[track_caller]
pub(crate) fn succeeds(bench: &Bench, args: &[&str]) -> String {
    let output = ours(bench, args);
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {err}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Starts an HTTP origin on loopback.
pub(crate) fn http() -> Origin {
    Origin::http(answer)
}

/// Starts an HTTP origin on another address of loopback.
pub(crate) fn http_on(ip: impl Into<IpAddr>) -> Origin {
    Origin::listen(SocketAddr::new(ip.into(), 0), Service::http(answer)).unwrap()
}

/// Answers every request alike.
pub(crate) fn answer(request: &Request, wire: &mut Wire) -> io::Result<()> {
    write!(wire, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nX-Odd:  a\r\n\r\n", ANSWER.len())?;
    if request.method() != "HEAD" {
        wire.write_all(ANSWER.as_bytes())?;
    }
    Ok(())
}

impl Ran {
    /// Checks that the program came to its end as it does without us.
    #[track_caller]
    pub(crate) fn check_success(&self, stdout: &str) -> &Self {
        assert!(self.output.status.success(), "{:?}\n{}", self.output.status, self.stderr);
        assert_eq!(self.stdout, stdout, "{}", self.stderr);
        self
    }

    /// Finds the one line of a request, and checks that it was read, inside of TLS for `https`,
    /// with the process that made it.
    #[track_caller]
    pub(crate) fn check_http(&self, method: &str, url: &str, status: u16, process: &str) -> &Value {
        let is_it =
            |line: &&Value| line["request"]["method"] == method && line["request"]["url"] == url;
        let found: Vec<_> = self.lines.iter().filter(is_it).collect();
        let [line] = found[..] else {
            panic!("{} lines of {method} {url}: {:#?}\n{}", found.len(), self.lines, self.stderr)
        };
        check_line(line, status, process);
        line
    }
}

#[track_caller]
pub(crate) fn check_line(line: &Value, status: u16, process: &str) {
    assert_eq!(line["kind"], "http", "{line:#}");
    assert_eq!(line["response"]["status"], status, "{line:#}");
    assert!(line["error"].is_null(), "{line:#}");
    assert!(line["timing"]["end_us"].is_u64(), "{line:#}");
    let url = line["request"]["url"].as_str().unwrap();
    assert_eq!(line["tls"].is_object(), url.starts_with("https:"), "{line:#}");
    let path = Path::new(line["process"]["path"].as_str().unwrap_or_default());
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    assert!(name.starts_with(process), "{name} is not {process}: {line:#}");
    let parents = line["process"]["parents"].as_array().unwrap();
    assert!(parents.iter().any(|parent| parent["name"] == "sidestream"), "{line:#}");
}
