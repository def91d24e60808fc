//! Guests are booted, and whatever way they end is noticed, told and cleaned up after.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sidestream_lab::closure::Closure;
use sidestream_lab::ground::Unavailable;
use sidestream_lab::ground::kernel::{Boot, BootOutcome, End, Initramfs, Kernel, Qemu};
use sidestream_testkit::skip;

/// The kernel that the tests boot.
const VERSION: &str = "6.1";

/// Set in the process of a test that is to be killed while its guest runs.
const VICTIM: &str = "LAB_TEST_VICTIM";

/// How long the parts of a test may take on a machine with much else to do.
const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn what_a_command_says_and_its_status_arrive() {
    let script = "uname -r; echo $(id -u) $$ >&2; exit 7";
    let Some((lines, outcome)) = boot("what_a_command_says_and_its_status_arrive", script, |_| {})
    else {
        return;
    };
    assert_eq!(outcome.end, End::Exited(7), "{outcome:?}");
    assert!(lines.len() == 1 && lines[0].starts_with(VERSION), "{lines:?}");
    assert!(outcome.err.starts_with("0 "), "{outcome:?}");
}

#[test]
fn a_command_that_is_killed_ends_with_its_signal() {
    let name = "a_command_that_is_killed_ends_with_its_signal";
    let Some((_, outcome)) = boot(name, "kill -9 $$", |_| {}) else { return };
    assert_eq!(outcome.end, End::Exited(128 + 9), "{outcome:?}");
}

#[test]
fn a_panic_ends_the_guest_with_its_words() {
    let name = "a_panic_ends_the_guest_with_its_words";
    // More than a pipe holds: when all of it is written, what came before it is at the host.
    let script = "echo on its way; printf '%100000s\\n' full; \
                  echo c > /proc/sysrq-trigger; sleep 1000";
    let Some((lines, outcome)) = boot(name, script, |_| {}) else { return };
    assert_eq!(lines.first().map(String::as_str), Some("on its way"), "{outcome:?}");
    let End::Panicked(words) = &outcome.end else { panic!("{outcome:?}") };
    assert!(words.contains("sysrq triggered crash"), "{words}");
    let log = fs::read_to_string(&outcome.console).unwrap();
    assert!(log.contains("Call Trace"), "{log}");
}

#[test]
fn a_guest_that_says_nothing_any_longer_is_ended() {
    let name = "a_guest_that_says_nothing_any_longer_is_ended";
    let silence = Duration::from_secs(30);
    let script = "echo the last word; sleep 1000";
    let ended = boot(name, script, |boot| {
        boot.silence = silence;
        boot.beat = Duration::from_secs(1000);
    });
    let Some((lines, outcome)) = ended else { return };
    assert_eq!(lines, ["the last word"]);
    assert_eq!(outcome.end, End::Silent(silence), "{outcome:?}");
}

#[test]
fn a_guest_ends_with_whoever_booted_it() {
    let name = "a_guest_ends_with_whoever_booted_it";
    if std::env::var_os(VICTIM).is_some() {
        boot(name, "echo here; sleep 1000", |_| {});
        return;
    }
    if made(name).is_none() {
        return;
    }
    let mut victim = Command::new(std::env::current_exe().unwrap());
    victim.args(["--exact", &format!("kernel::{name}"), "--nocapture"]).env(VICTIM, "1");
    let mut victim = victim.stdout(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(victim.stdout.take().unwrap()).lines();
    assert!(said.any(|line| line.unwrap().contains("the guest says: here")));
    let guests = children(victim.id());
    assert_eq!(guests.len(), 1, "{guests:?}");
    victim.kill().unwrap();
    victim.wait().unwrap();
    let started = Instant::now();
    while guests.iter().any(|guest| Path::new(&format!("/proc/{guest}/exe")).exists()) {
        assert!(started.elapsed() < PATIENCE, "the guest goes on");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Boots a script in the smallest of guests.
#[expect(clippy::print_stdout, reason = "another process waits for what the guest says")]
fn boot(
    name: &str,
    script: &str,
    with: impl FnOnce(&mut Boot<'_>),
) -> Option<(Vec<String>, BootOutcome)> {
    let (qemu, kernel) = made(name)?;
    let lab = lab();
    let userland = Closure::of(&["sh", "id", "sleep", "uname"]).unwrap();
    let init = Path::new(env!("CARGO_BIN_EXE_sidestream-lab"));
    let initramfs = Initramfs::new(&kernel, userland, init, &[], &lab).unwrap();
    let console = lab.join("results").join(format!("{name}.console"));
    let mut boot = Boot::new(&qemu, &kernel, &initramfs, &console);
    with(&mut boot);
    let mut lines = Vec::new();
    let outcome = boot.run(&["sh", "-c", script], |line| {
        println!("the guest says: {line}");
        lines.push(line.to_owned());
    });
    Some((lines, outcome.unwrap()))
}

/// Finds QEMU and the kernel, or skips.
fn made(name: &str) -> Option<(Qemu, Kernel)> {
    let found = Qemu::find().and_then(|qemu| Ok((qemu, Kernel::find(VERSION, &lab())?)));
    match found {
        Ok(found) => Some(found),
        Err(error) if error.is::<Unavailable>() => {
            skip(name, &error.to_string());
            None
        }
        Err(error) => panic!("{error:#}"),
    }
}

/// Where the lab keeps its things: `LAB_FOLDER`, else `target/lab`.
fn lab() -> PathBuf {
    let target = || PathBuf::from(env!("CARGO_TARGET_TMPDIR")).with_file_name("lab");
    std::env::var_os("LAB_FOLDER").map_or_else(target, PathBuf::from)
}

fn children(pid: u32) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let children = tasks.map(|task| fs::read_to_string(task.unwrap().path().join("children")));
    let children: Vec<String> = children.map(Result::unwrap).collect();
    children.iter().flat_map(|list| list.split_whitespace()).map(str::to_owned).collect()
}
