//! How a command ends, and what is left: nothing.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sidestream_linux::{Driver, LaunchError, Notice, Options, Sandbox};

use crate::relay::{able, driver, eventually, run};

fn shell(script: &str) -> Options {
    Options::new(["sh", "-c", script])
}

fn sleep() -> Options {
    Options { driver: driver(), ..Options::new(["sleep", "1000"]) }
}

#[test]
pub(crate) fn the_exit_status_is_the_command_s() {
    if !able("the_exit_status_is_the_command_s") {
        return;
    }
    assert_eq!(run(shell("exit 0")).status.code(), Some(0));
    assert_eq!(run(shell("exit 42")).status.code(), Some(42));
    assert_eq!(run(shell("kill -TERM $$")).status.signal(), Some(15));
    assert_eq!(run(shell("kill -KILL $$")).status.signal(), Some(9));
}

#[track_caller]
fn check_launch(command: &[&str], code: Option<u8>, message: &str) {
    let options = Options { driver: driver(), ..Options::new(command.iter().copied()) };
    let error = Sandbox::launch(options).unwrap_err();
    assert_eq!((error.exit_code(), error.to_string().as_str()), (code, message));
}

#[test]
pub(crate) fn a_command_that_cannot_be_run_says_why() {
    if !able("a_command_that_cannot_be_run_says_why") {
        return;
    }
    check_launch(&["no-such-program"], Some(127), "command not found: no-such-program");
    check_launch(&["/no/such/program"], Some(127), "command not found: /no/such/program");
    check_launch(&["/"], Some(126), "cannot run /");
    check_launch(&["a\0b"], None, "\"a\\0b\" holds a zero byte, which no system call takes");
    let nothing: [&str; 0] = [];
    let options = Options { driver: driver(), ..Options::new(nothing) };
    assert!(matches!(Sandbox::launch(options), Err(LaunchError::Empty)));
}

#[test]
pub(crate) fn what_outlives_the_command_is_named_and_ended() {
    if !able("what_outlives_the_command_is_named_and_ended") {
        return;
    }
    // One that would end at once, and one that will not hear.
    let script = "sleep 1000 & (trap '' TERM; exec sleep 2000) & sleep 0.2; exit 3";
    let outcome = run(Options { grace: Duration::from_millis(300), ..shell(script) });
    assert_eq!(outcome.status.code(), Some(3));
    let [Notice::Descendants(processes)] = &outcome.notices[..] else {
        panic!("{:?}", outcome.notices)
    };
    let mut args: Vec<_> = processes.iter().map(|process| process.args.join(" ")).collect();
    args.sort();
    assert_eq!(args, ["sleep 1000", "sleep 2000"]);
    for process in processes {
        assert!(!fs::exists(format!("/proc/{}", process.pid)).unwrap());
    }
}

#[test]
pub(crate) fn what_outlives_the_command_is_waited_for_on_demand() {
    if !able("what_outlives_the_command_is_waited_for_on_demand") {
        return;
    }
    let script = "(sleep 0.5; echo late) & exit 3";
    let outcome = run(Options { wait: true, ..shell(script) });
    assert_eq!((outcome.status.code(), outcome.output.as_str()), (Some(3), "late\n"));
    assert!(outcome.notices.is_empty());
}

#[test]
pub(crate) fn a_signal_is_forwarded_to_the_command() {
    if !able("a_signal_is_forwarded_to_the_command") {
        return;
    }
    let sandbox = Sandbox::launch(sleep()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let status = runtime.block_on(async {
        let mut parts = sandbox.start().unwrap();
        parts.running.forward(15).unwrap();
        parts.running.wait().await.unwrap()
    });
    assert_eq!(status.signal(), Some(15));
}

#[test]
pub(crate) fn a_dropped_sandbox_ends_its_command() {
    if !able("a_dropped_sandbox_ends_its_command") {
        return;
    }
    let sandbox = Sandbox::launch(sleep()).unwrap();
    let pid = sandbox.pid();
    drop(sandbox);
    eventually("the end of the command", || !fs::exists(format!("/proc/{pid}")).unwrap());
}

/// The example program as a proxy of its own, with a shell and two more processes inside.
struct Proxy {
    child: Child,
    command: u32,
    keeper: u32,
    namespaces: Vec<PathBuf>,
    /// A variable by which its descendants are known.
    mark: String,
}

const MARK: &str = "SIDESTREAM_TEST_MARK";
const INSIDE: &str = "sleep 1001 & (setsid sleep 1002 &) ; echo $$ $PPID; exec sleep 1003";

/// The example program.
pub(crate) fn example() -> PathBuf {
    // Tests lie in target/PROFILE/deps, examples in target/PROFILE/examples.
    let exe = std::env::current_exe().unwrap();
    let flows = exe.ancestors().nth(2).unwrap().join("examples/flows");
    assert!(flows.is_file(), "build it: cargo build -p sidestream-linux --examples");
    flows
}

impl Proxy {
    fn start() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let mark = format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let mut child = Command::new(example())
            .args((driver() == Driver::Seccomp).then_some("--seccomp"))
            .args(["--", "sh", "-c", INSIDE])
            .env(MARK, &mark)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let mut pids = line.split_whitespace().map(|pid| pid.parse().unwrap());
        let (command, keeper) = (pids.next().unwrap(), pids.next().unwrap());
        let namespaces = ["net", "mnt"].map(|kind| namespace(command, kind).unwrap());
        let mark = format!("{MARK}={mark}");
        let this = Self { child, command, keeper, namespaces: namespaces.into(), mark };
        eventually("four processes", || this.inside().len() == 4);
        this
    }

    /// The processes in either namespace, or below the proxy.
    fn inside(&self) -> Vec<u32> {
        let pids = fs::read_dir("/proc").unwrap();
        let pids = pids.filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
        let inside = |pid: &u32| {
            if driver() == Driver::Seccomp {
                let variables = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
                let mut variables = variables.split(|byte| *byte == 0);
                return *pid != self.child.id() && variables.any(|one| one == self.mark.as_bytes());
            }
            let found = ["net", "mnt"].map(|kind| namespace(*pid, kind));
            found.into_iter().flatten().any(|found| self.namespaces.contains(&found))
        };
        pids.filter(inside).collect()
    }

    #[track_caller]
    fn check_nothing_is_left(mut self) {
        let inside = self.inside();
        eventually("an empty namespace", || self.inside().is_empty());
        for pid in inside.into_iter().chain([self.command, self.keeper]) {
            // As zombies some would have no namespace.
            eventually("no process", || !fs::exists(format!("/proc/{pid}/exe")).unwrap());
        }
        self.child.wait().unwrap();
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        assert!(!mounts.contains("sidestream"), "{mounts}");
    }
}

fn namespace(pid: u32, kind: &str) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/ns/{kind}")).ok()
}

fn kill(pid: u32) {
    let killed = Command::new("kill").args(["-9", &pid.to_string()]).status();
    assert!(killed.unwrap().success());
}

#[test]
pub(crate) fn killing_the_proxy_leaves_nothing() {
    if able("killing_the_proxy_leaves_nothing") {
        let proxy = Proxy::start();
        kill(proxy.child.id());
        proxy.check_nothing_is_left();
    }
}

#[test]
pub(crate) fn killing_the_keeper_leaves_nothing() {
    if able("killing_the_keeper_leaves_nothing") {
        let proxy = Proxy::start();
        kill(proxy.keeper);
        proxy.check_nothing_is_left();
    }
}

#[test]
pub(crate) fn killing_the_command_leaves_nothing() {
    if able("killing_the_command_leaves_nothing") {
        let proxy = Proxy::start();
        kill(proxy.command);
        proxy.check_nothing_is_left();
    }
}
