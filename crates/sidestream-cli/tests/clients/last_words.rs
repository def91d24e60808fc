//! What a server says before it resets its connection reaches its client, and then the reset does.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use crate::harness::{Bench, Running, program};
use crate::reverse::start;

/// Enough that the bytes are relayed by the kernel, and too little for that.
const BEFORE: [&str; 2] = ["300000", "0"];

#[track_caller]
fn check(test: &str, how: &str, expected: &str) {
    let Some(python) = program(test, "python3") else { return };
    let bench = Bench::new();
    let script = bench.write("last_words.py", include_str!("last_words.py"));
    for before in BEFORE {
        let mut command = Command::new(&python);
        command.arg(&script).args([how, before]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut peers = Running(command.spawn().unwrap());
        let mut stdout = BufReader::new(peers.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let ours = start(&bench, &format!("tcp://127.0.0.1:{}", line.trim()), &[]);
        let told = format!("{} {}\n", ours.port, ours.pid());
        peers.stdin.take().unwrap().write_all(told.as_bytes()).unwrap();
        line.clear();
        stdout.read_line(&mut line).unwrap();
        assert_eq!(line.trim(), expected, "after {before} bytes");
        assert!(peers.wait().unwrap().success());
        ours.interrupt();
    }
}

#[test]
fn last_words_reach_a_client_that_is_slow() {
    check("last_words_reach_a_client_that_is_slow", "slow", "60000 reset");
}

#[test]
fn last_words_reach_a_client_that_was_still_sending() {
    check("last_words_reach_a_client_that_was_still_sending", "upload", "10 reset");
}
