//! What is captured before it is known whether it is chosen.

use std::process::{Child, Stdio};

use super::ground::on_ground;
use super::{Capturing, check_output, command, signal};
use crate::harness::{ANSWER, Bench, program};

/// How many connections have to be made before their program is decided about.
const WANTED: usize = 3;
/// How often that is tried: where all is slow, capturing pauses while the helper stands still.
const TRIES: usize = 30;

#[test]
fn what_turns_out_not_to_be_chosen_is_neither_decrypted_nor_recorded() {
    let test = "what_turns_out_not_to_be_chosen_is_neither_decrypted_nor_recorded";
    if !on_ground(module_path!(), test) {
        return;
    }
    let Some(curl) = program(test, "curl") else { return };
    let bench = Bench::new();
    let origin = bench.https();
    let root = bench.ca.pem_path();
    let url = format!("https://127.0.0.1:{}/", origin.port());
    // The kernel knows no units, so the helper has to say of each program.
    let capturing = Capturing::start(&bench, "unit:no-such.service", &["--ca-trusted"]);
    let helper = capturing.helper_pid();
    let mut captured = 0;
    for _ in 0..TRIES {
        signal("STOP", helper);
        let mut curl = command(&bench, &curl, ["-sS", "--cacert", root.to_str().unwrap(), &url]);
        let mut curl = curl.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        captured += usize::from(is_captured(&mut curl));
        signal("CONT", helper);
        // Had it been decrypted, it would have got a certificate of ours.
        check_output(&curl.wait_with_output().unwrap(), ANSWER);
        if captured == WANTED {
            break;
        }
    }
    assert_eq!(captured, WANTED, "too few were captured to tell");
    let lines = capturing.finish(&bench);
    assert!(lines.is_empty(), "{lines:#?}");
}

/// Waits until a client is connected to an address that stands for its server, out of
/// 127.64.0.0/10, or else until it has ended.
fn is_captured(client: &mut Child) -> bool {
    loop {
        if client.try_wait().unwrap().is_some() {
            return false;
        }
        let sockets = std::fs::read_to_string("/proc/self/net/tcp").unwrap();
        // The addresses' bytes stand in reverse, and 1 is an established connection.
        let is_ours = |line: &str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let server = words[2].get(4..8).filter(|_| words[3] == "01");
            server.is_some_and(|server| {
                server.ends_with("7F") && ("40".."80").contains(&&server[..2])
            })
        };
        if sockets.lines().skip(1).any(is_ours) {
            return true;
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}
