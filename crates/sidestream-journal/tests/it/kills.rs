//! A process is killed at each step, and what it leaves is repaired.

use std::env;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use sidestream_journal::{Journal, Plain, Standing};

use crate::machine::{Machine, everything};

const ROOT: &str = "SIDESTREAM_TEST_ROOT";
const STAGE: &str = "SIDESTREAM_TEST_STAGE";

/// More steps than there are.
const MANY: usize = 500;

/// Says each step and stays there until it is told to go on; not a test but what the tests start.
#[test]
fn child() {
    let (Some(root), Ok(stage)) = (env::var_os(ROOT).map(PathBuf::from), env::var(STAGE)) else {
        return;
    };
    let journal = Journal::open(&root.join("state")).unwrap().observed(|step| {
        println!("step {step}");
        std::io::stdin().read_line(&mut String::new()).unwrap();
    });
    match &*stage {
        "make" => drop(everything(&journal, &root).unwrap().keep().unwrap()),
        "undo" => drop(journal.undo(1, &Plain).unwrap()),
        _ => drop(journal.repair(&Plain).unwrap()),
    }
}

fn start(machine: &Machine, stage: &str) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "kills::child", "--nocapture"])
        .env(ROOT, machine.root())
        .env(STAGE, stage)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Kills the child at its step of that number; `false` if it has fewer.
fn kill_at(machine: &Machine, stage: &str, number: usize) -> bool {
    use std::io::Write as _;
    let mut child = start(machine, stage);
    let mut input = child.stdin.take().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    // The harness begins the first line with the test's name.
    for (at, _) in lines.filter(|line| line.contains("step ")).enumerate() {
        if at == number {
            child.kill().unwrap();
            child.wait().unwrap();
            return true;
        }
        input.write_all(b"\n").unwrap();
    }
    assert!(child.wait().unwrap().success());
    false
}

/// Kills at every step, repairs, and compares.
fn at_every_step(stage: &str, prepare: impl Fn(&Machine)) {
    for number in 0..MANY {
        let machine = Machine::new();
        let before = machine.tree();
        prepare(&machine);
        if !kill_at(&machine, stage, number) {
            assert!(number > 3, "only {number} steps");
            return;
        }
        let repaired = machine.journal().repair(&Plain).unwrap();
        assert!(repaired.failed.is_empty(), "{stage} {number}: {:?}", repaired.failed);
        let kept = machine.journal().entries().unwrap().0;
        if let [entry] = &kept[..] {
            assert_eq!(entry.standing, Standing::Kept);
            machine.journal().undo(entry.id, &Plain).unwrap();
        }
        assert_eq!(machine.tree(), before, "{stage} at step {number}");
        assert!(machine.journal().repair(&Plain).unwrap().undone.is_empty());
    }
    panic!("more than {MANY} steps");
}

#[test]
fn killed_while_it_changes() {
    at_every_step("make", |_| ());
}

#[test]
fn killed_while_it_undoes_what_was_kept() {
    at_every_step("undo", |machine| {
        everything(&machine.journal(), machine.root()).unwrap().keep().unwrap();
    });
}

#[test]
fn killed_while_it_repairs() {
    at_every_step("repair", |machine| {
        drop(everything(&machine.journal(), machine.root()).unwrap());
    });
}

#[test]
fn while_a_tool_outlives_its_process_nobody_replays() {
    let machine = Machine::new();
    let mut change = machine.journal().begin(crate::machine::subject()).unwrap();
    // What is in the background keeps the standard input, which is the log, by another number.
    let script = "exec 3<&0; (while [ ! -e \"$0/go\" ]; do sleep 0.02; done) >/dev/null 2>&1 &";
    let words = ["sh", "-c", script, machine.root().to_str().unwrap()].map(str::to_owned);
    change.run(&words).unwrap();
    drop(change);
    let is_live = || {
        let entries = machine.journal().entries().unwrap().0;
        matches!(entries.first().map(|entry| &entry.standing), Some(Standing::Live { .. }))
    };
    assert!(is_live());
    std::fs::write(machine.path("go"), "").unwrap();
    for _ in 0..500 {
        if !is_live() {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("it is still held");
}
