//! `--mode local`: programs of the whole machine that nobody started under us.

mod clients;
mod ends;
mod faults;
pub(crate) mod ground;
mod identity;
mod live;
mod machine;
mod rights;
mod sockets;
mod trust;
mod tun;
mod undecided;

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use sidestream_testkit::{is_root, sidestream_binary, skip};

use crate::harness::{Bench, program};

/// How long is waited for what takes a moment; only a failing test waits so long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The kernel's account of its own types, without which nothing can be captured.
pub(crate) const BTF: &str = "/sys/kernel/btf/vmlinux";

/// Returns whether this machine and user can capture, or skips the test.
pub(crate) fn can_capture(test: &str) -> bool {
    if !is_root() {
        skip(test, "only root captures the whole machine");
    } else if !Path::new(BTF).exists() {
        skip(test, "the kernel has no BTF");
    } else {
        let helper = sidestream_binary().with_file_name("sidestream-helper");
        assert!(helper.is_file(), "no {}: cargo build -p sidestream-helper", helper.display());
        return true;
    }
    false
}

/// Waits until something holds.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < PATIENCE, "{what}: not after {PATIENCE:?}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Sends a signal to a process of ours.
pub(crate) fn signal(name: &str, pid: u32) {
    let sent = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status();
    assert!(sent.unwrap().success());
}

/// Capturing, until it is dropped. Nobody else does meanwhile: what a capture has not decided on
/// yet is taken by it for a moment, and so lost to another.
pub(crate) struct Capturing {
    child: Child,
    _alone: File,
    told: Arc<Mutex<String>>,
}

impl Capturing {
    /// Starts to capture what the spec chooses.
    pub(crate) fn start(bench: &Bench, spec: &str, args: &[&str]) -> Self {
        let mode = format!("local:{spec}");
        Self::with(bench, &[&["--mode", &mode], args].concat())
    }

    /// Starts to capture with these options.
    pub(crate) fn with(bench: &Bench, args: &[&str]) -> Self {
        let mut command = bench.sidestream(args);
        command.arg("--json").arg(bench.path("flows.json"));
        Self::spawn(&mut command)
    }

    /// Waits until the command captures.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        // A file that is there wherever one can capture.
        let alone = File::open(BTF).unwrap();
        alone.lock().unwrap();
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let told = Arc::<Mutex<String>>::default();
        let hears = Arc::clone(&told);
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let mut told = hears.lock().unwrap();
                told.push_str(&line);
                told.push('\n');
            }
        });
        let mut capturing = Self { child, _alone: alone, told };
        capturing.wait_for("sidestream: intercepting ");
        capturing
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Finds the helper's pid.
    pub(crate) fn helper_pid(&self) -> u32 {
        let path = format!("/proc/{0}/task/{0}/children", self.pid());
        let children = || std::fs::read_to_string(&path).unwrap_or_default();
        let helper = |pid: &&str| {
            let exe = std::fs::read_link(format!("/proc/{pid}/exe"));
            exe.is_ok_and(|exe| exe.ends_with("sidestream-helper"))
        };
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.pid())).unwrap();
        let of_tasks = tasks
            .flatten()
            .map(|task| std::fs::read_to_string(task.path().join("children")).unwrap_or_default());
        let all = of_tasks.chain([children()]).collect::<String>();
        all.split_whitespace().find(helper).expect("a helper").parse().unwrap()
    }

    /// Returns what was told so far.
    pub(crate) fn told(&self) -> String {
        self.told.lock().unwrap().clone()
    }

    /// Waits until it has told that, or has ended.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, words: &str) {
        let started = Instant::now();
        while !self.told().contains(words) {
            let ended = self.child.try_wait().unwrap();
            // What it said last is still on its way.
            thread::sleep(Duration::from_millis(10));
            let told = self.told();
            let over = ended.is_some() || started.elapsed() > PATIENCE;
            assert!(!over || told.contains(words), "no {words:?} ({ended:?}) in:\n{told}");
        }
    }

    /// Ends it as Ctrl-C does, and returns how it ended and what was told.
    pub(crate) fn interrupt(mut self) -> (Option<i32>, String) {
        signal("INT", self.pid());
        let code = self.wait().code();
        (code, self.told())
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let mut ended = None;
        wait_until("sidestream ends", || {
            ended = self.child.try_wait().unwrap();
            ended.is_some()
        });
        ended.unwrap()
    }

    /// Ends it gracefully, checks that all went well, and returns the lines that were written.
    #[track_caller]
    pub(crate) fn finish(self, bench: &Bench) -> Vec<Value> {
        let (code, told) = self.interrupt();
        assert_eq!(code, Some(0), "{told}");
        bench.lines()
    }
}

impl Drop for Capturing {
    fn drop(&mut self) {
        // It has ended already, save in a test that fails.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// Copies a program under a name that no other has, or skips the test.
pub(crate) fn copy(test: &str, bench: &Bench, name: &str, as_name: &str) -> Option<PathBuf> {
    let original = program(test, name)?;
    let copy = bench.path(as_name);
    std::fs::copy(original, &copy).unwrap();
    Some(copy)
}

/// A name that begins so and is nobody else's.
pub(crate) fn unique(name: &str) -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{name}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A command of the folder's, without proxy variables.
pub(crate) fn command<S: AsRef<OsStr>>(
    bench: &Bench,
    program: impl AsRef<OsStr>,
    args: impl IntoIterator<Item = S>,
) -> Command {
    let mut command = Command::new(program);
    command.args(args).env("HOME", bench.folder.path()).current_dir(bench.folder.path());
    for name in ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    command
}

/// A program whose process is there already and waits for a word before it becomes it.
pub(crate) struct Waiting(Child);

impl Waiting {
    pub(crate) fn new(mut command: Command) -> Self {
        let mut waiting = Command::new("/bin/sh");
        waiting.args(["-c", "read -r word; exec \"$@\" </dev/null", "waiting"]);
        waiting.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => waiting.env(name, value),
                None => waiting.env_remove(name),
            };
        }
        if let Some(folder) = command.get_current_dir() {
            waiting.current_dir(folder);
        }
        command.stdin(Stdio::null());
        waiting.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self(waiting.spawn().unwrap())
    }

    /// The spec that chooses it and what it starts.
    pub(crate) fn spec(&self) -> String {
        format!("tree:pid:{}", self.0.id())
    }

    /// Gives the word, and waits for the program's end.
    pub(crate) fn run(mut self) -> Output {
        self.0.stdin.take().unwrap().write_all(b"go\n").unwrap();
        self.0.wait_with_output().unwrap()
    }
}

/// Checks that a program got this on standard output.
#[track_caller]
pub(crate) fn check_output(output: &Output, expected: &str) {
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{:?} {err}", output.status);
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "{err}");
}

/// Finds the one line of that kind that is for a server.
#[track_caller]
pub(crate) fn line_to<'a>(lines: &'a [Value], kind: &str, server: &str) -> &'a Value {
    let is_it = |line: &&Value| line["kind"] == kind && line["server"] == server;
    let found: Vec<_> = lines.iter().filter(is_it).collect();
    let [line] = found[..] else { panic!("{} {kind} to {server}: {lines:#?}", found.len()) };
    line
}
