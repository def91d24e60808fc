//! An agent does what it is asked for, and ends with all that it started.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sidestream_lab::agent::{Exec, MAX_SAID, ProcessEnd, Remote};
use sidestream_testkit::{can_make_user_namespaces, is_root, skip};

const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_sidestream-lab"))
}

fn agent() -> Remote {
    Remote::spawn(Command::new(program()).arg("agent")).unwrap()
}

fn shell(script: &str) -> Exec {
    Exec::new(["sh", "-c", script])
}

#[test]
fn a_program_gets_what_it_is_given_and_its_words_and_end_come_back() {
    let agent = agent();
    let check = |exec: &Exec, out: &str, err: &str, end: ProcessEnd| {
        let said = agent.run(exec, PATIENCE).unwrap();
        assert_eq!((said.out().as_str(), said.err().as_str(), said.ended), (out, err, Some(end)));
    };
    check(&shell("echo a; echo b >&2; exit 3"), "a\n", "b\n", ProcessEnd::Code(3));
    check(&shell("echo $WORD").env("WORD", "x y"), "x y\n", "", ProcessEnd::Code(0));
    check(&shell("kill -9 $$"), "", "", ProcessEnd::Signal(9));
    let mut reads = shell("cat; pwd");
    reads.stdin.0 = b"given ".to_vec();
    reads.cwd = Some("/".into());
    check(&reads, "given /\n", "", ProcessEnd::Code(0));
    let mut without = shell("echo ${HOME-none}");
    without.without.push("HOME".into());
    check(&without, "none\n", "", ProcessEnd::Code(0));
    let own = agent.run(&Exec::new(["@lab", "list"]), PATIENCE).unwrap();
    assert!(own.is_success() && own.out().contains("net::http1/get::run::v4"), "{own:?}");
}

#[test]
fn programs_run_at_the_same_time_and_are_waited_for_by_their_words() {
    let agent = agent();
    let sleeps = agent.start(&shell("echo ready >&2; read word; echo done")).unwrap();
    // It has no input, so it ends at once; another goes on.
    let goes_on = agent.start(&shell("echo I am ready >&2; exec sleep 1000")).unwrap();
    let said = agent.wait(goes_on, Some("ready"), PATIENCE).unwrap();
    assert_eq!((said.err().as_str(), said.ended), ("I am ready\n", None));
    assert!(agent.wait(sleeps, None, PATIENCE).unwrap().ended.is_some());
    assert!(agent.wait(goes_on, None, Duration::ZERO).unwrap().ended.is_none());
    // The shell says that it is ready before it becomes the other program.
    agent.signal(goes_on, None, 0).unwrap();
    while let Err(error) = agent.signal(goes_on, Some("sleep"), 15) {
        assert_eq!(error.to_string(), "nothing of the process runs sleep");
    }
    assert_eq!(agent.wait(goes_on, None, PATIENCE).unwrap().ended, Some(ProcessEnd::Signal(15)));
    let gone = agent.signal(goes_on, None, 15).unwrap_err();
    assert_eq!(gone.to_string(), "the process has ended");
}

#[test]
fn a_missing_program_is_named() {
    let error = agent().start(&Exec::new(["no-such-program"])).unwrap_err();
    assert_eq!(error.missing(), Some("no-such-program"));
}

#[test]
fn what_a_program_says_is_bounded() {
    let exec = shell(&format!("head -c {} /dev/zero", 2 * MAX_SAID));
    let said = agent().run(&exec, PATIENCE).unwrap();
    assert_eq!((said.stdout.0.len(), said.is_success()), (MAX_SAID, true));
}

#[test]
fn files_are_put_and_got_whole() {
    let agent = agent();
    let path = agent.hello().folder.join("a/b");
    assert_eq!(agent.get(&path).unwrap(), None);
    for len in [0, 1, 3 << 20] {
        let bytes: Vec<u8> = (0..len).map(|at: u32| (at % 251) as u8).collect();
        agent.put(&path, &bytes, 0o600).unwrap();
        assert!(agent.get(&path).unwrap() == Some(bytes), "{len}");
    }
    let error = agent.put("/proc/no/such".as_ref(), b"", 0o600).unwrap_err().to_string();
    assert!(error.starts_with("writing /proc/no/such: "), "{error}");
}

/// Tells whether a process with that word among its arguments is there.
fn is_there(word: &str) -> bool {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let mut lines = all.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines.any(|line| line.split(|byte| *byte == 0).any(|found| found == word.as_bytes()))
}

#[test]
fn all_that_it_started_ends_with_it() {
    // Nobody else sleeps so long.
    let word = format!("98765.{}", std::process::id());
    let agent = agent();
    let folder = agent.hello().folder.clone();
    // One of them has left its session, and another its parent.
    let script = format!("setsid sleep {word} & (sleep {word} &); echo on >&2; exec sleep {word}");
    let process = agent.start(&shell(&script)).unwrap();
    agent.wait(process, Some("on"), PATIENCE).unwrap();
    assert!(is_there(&word));
    drop(agent);
    let until = Instant::now() + PATIENCE;
    while is_there(&word) {
        assert!(Instant::now() < until, "a process is left");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(!folder.exists());
}

#[test]
fn what_is_no_request_ends_it() {
    for garbage in [&b"\0\0\0\x02{}"[..], b"\xff\xff\xff\xff", b"\0\0"] {
        let mut command = Command::new(program());
        command.arg("agent").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut agent = command.spawn().unwrap();
        agent.stdin.take().unwrap().write_all(garbage).unwrap();
        let output = agent.wait_with_output().unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(words.starts_with("sidestream-lab: ") && words.contains("frame"), "{words}");
        assert_eq!(output.status.code(), Some(1));
    }
}

#[test]
fn a_program_that_is_no_agent_is_noticed() {
    for script in ["true", "echo hello world", "exec sleep 0"] {
        let error = Remote::spawn(Command::new("sh").args(["-c", script])).unwrap_err();
        assert!(error.to_string().starts_with("the agent is gone"), "{error}");
    }
}

#[test]
fn two_lists_of_the_same_state_are_equal_and_a_process_is_a_difference() {
    if !is_root() && !can_make_user_namespaces() {
        let test = "two_lists_of_the_same_state_are_equal_and_a_process_is_a_difference";
        return skip(test, "neither root nor user namespaces");
    }
    // Elsewhere others come and go.
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("own-namespaces.sh");
    let mut command = Command::new(script);
    let agent = Remote::spawn(command.arg(program()).args(["agent", "--own-network"])).unwrap();
    let before = agent.traces(&[]).unwrap();
    assert!(before.contains("mount / ") && before.contains("link lo "), "{before}");
    assert_eq!(agent.traces(&[]).unwrap(), before);
    let process = agent.start(&Exec::new(["sleep", "1000"])).unwrap();
    let during = agent.traces(&[]).unwrap();
    let more: Vec<_> = during.lines().filter(|line| !before.contains(line)).collect();
    assert_eq!(more, ["process sleep"]);
    agent.signal(process, None, 9).unwrap();
    agent.wait(process, None, PATIENCE).unwrap();
    assert_eq!(agent.traces(&[]).unwrap(), before);
}
