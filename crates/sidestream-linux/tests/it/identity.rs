//! Whose a flow is, whatever the process does to be mistaken for another.

use std::sync::Arc;

use sidestream_capture::FlowInfo;
use sidestream_flow::Process;
use sidestream_testkit::{Origin, is_root, skip};

use crate::relay::{Outcome, PYTHON, able, python};

/// Connects, and says who did and from which port; the server's answer tells that it was seen.
const LIBRARY: &str = r#"
import os, socket, sys, threading, time
def connect(seen=True):
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20)
    print(os.getpid(), s.getsockname()[1], flush=True)
    if seen: s.sendall(b"x"); s.recv(1)
    s.close()
def name(name): open("/proc/self/comm", "w").write(name)
"#;

/// Runs a script, and returns for each of its connections the pid that it said, and who it was
/// taken for.
fn connections(body: &str) -> Vec<(u32, Option<Arc<Process>>)> {
    let origin = Origin::echo();
    let port = origin.port().to_string();
    let Outcome { output, flows, .. } = python(&format!("{LIBRARY}\n{body}"), &[&port]);
    let words = |line: &str| -> Option<(u32, u16)> {
        let (pid, port) = line.split_once(' ')?;
        Some((pid.parse().ok()?, port.parse().ok()?))
    };
    let of = |port: u16| {
        let is_it = |flow: &&FlowInfo| flow.key.client.port() == port;
        flows.iter().find(is_it).expect("every connection is a flow").process.clone()
    };
    let said: Option<Vec<_>> = output.lines().map(words).collect();
    let said = said.unwrap_or_else(|| panic!("{output}"));
    said.into_iter().map(|(pid, port)| (pid, of(port))).collect()
}

#[test]
pub(crate) fn a_thread_is_its_process_and_a_name_is_no_program() {
    if !able("a_thread_is_its_process_and_a_name_is_no_program") {
        return;
    }
    let body = "t = threading.Thread(target=connect); t.start(); t.join()\n\
                name('curl) S 1'); connect()";
    let [(pid, thread), (_, renamed)] = &connections(body)[..] else { panic!() };
    let (thread, renamed) = (thread.as_ref().unwrap(), renamed.as_ref().unwrap());
    assert_eq!((thread.pid, renamed.pid), (*pid, *pid));
    assert!(thread.name.starts_with("python"), "{}", thread.name);
    assert_eq!(renamed.name, "curl) S 1");
    assert_eq!(renamed.path, std::fs::canonicalize(PYTHON).ok());
    assert_eq!(renamed.started, thread.started);
}

#[test]
pub(crate) fn a_process_that_replaces_its_program_is_what_it_became() {
    if !able("a_process_that_replaces_its_program_is_what_it_became") {
        return;
    }
    let body = "if len(sys.argv) < 3:\n    connect()\n    \
                os.execv(sys.executable, sys.orig_argv + ['again'])\nconnect()";
    let [(pid, before), (_, after)] = &connections(body)[..] else { panic!() };
    let (before, after) = (before.as_ref().unwrap(), after.as_ref().unwrap());
    assert_eq!((before.pid, after.pid), (*pid, *pid));
    assert_eq!(before.args.len() + 1, after.args.len());
    assert_eq!(after.args.last().unwrap(), "again");
}

#[test]
pub(crate) fn an_orphan_is_known_with_who_took_it_up() {
    if !able("an_orphan_is_known_with_who_took_it_up") {
        return;
    }
    // The parent of the one that connects has ended; its own waits for the end of both.
    let body = "r, w = os.pipe()\n\
                parent = os.fork()\n\
                if parent == 0:\n    parent = os.getpid()\n    if os.fork() == 0:\n        \
                while os.getppid() == parent: time.sleep(0.001)\n        connect()\n    os._exit(0)\n\
                os.waitpid(parent, 0); os.close(w); os.read(r, 1); connect()";
    let [(pid, orphan), (grandparent, after)] = &connections(body)[..] else { panic!() };
    let (orphan, after) = (orphan.as_ref().unwrap(), after.as_ref().unwrap());
    assert_eq!((orphan.pid, after.pid), (*pid, *grandparent));
    let keeper = orphan.parent.as_ref().unwrap();
    assert!(after.parents().any(|parent| parent.pid == keeper.pid));
    assert_ne!(keeper.pid, *grandparent);
    assert!(orphan.parents().any(|parent| parent.pid == std::process::id()));
}

#[test]
pub(crate) fn who_has_gone_before_it_is_looked_for_is_unknown_and_never_another() {
    if !able("who_has_gone_before_it_is_looked_for_is_unknown_and_never_another") {
        return;
    }
    let body = "for _ in range(100):\n    child = os.fork()\n    \
                if child == 0: connect(seen=False); os._exit(0)\n    os.waitpid(child, 0)\n\
                connect()";
    let connections = connections(body);
    assert_eq!(connections.len(), 101);
    for (pid, process) in &connections {
        assert!(process.as_ref().is_none_or(|process| process.pid == *pid), "{process:?}");
    }
    assert!(connections.last().unwrap().1.is_some());
}

#[test]
pub(crate) fn a_reused_pid_is_another_process() {
    let test = "a_reused_pid_is_another_process";
    if !able(test) {
        return;
    }
    if !is_root() {
        return skip(test, "root alone can choose the next pid");
    }
    let body = "def child(called):\n    name(called); connect(); os._exit(0)\n\
                first = os.fork()\n\
                if first == 0: child('first')\n\
                os.waitpid(first, 0)\n\
                time.sleep(0.05)\n\
                for _ in range(1000):\n    \
                open('/proc/sys/kernel/ns_last_pid', 'w').write(str(first - 1))\n    \
                pid = os.fork()\n    \
                if pid == 0:\n        if os.getpid() == first: child('second')\n        os._exit(0)\n    \
                os.waitpid(pid, 0)\n    if pid == first: break";
    let connections = connections(body);
    let [(pid, first), (_, second)] = &connections[..] else {
        return skip(test, "other processes took the pid");
    };
    let (first, second) = (first.as_ref().unwrap(), second.as_ref().unwrap());
    assert_eq!((first.pid, second.pid), (*pid, *pid));
    assert_eq!((&*first.name, &*second.name), ("first", "second"));
    assert!(second.started > first.started);
}

#[test]
pub(crate) fn a_program_is_told_with_its_package() {
    let test = "a_program_is_told_with_its_package";
    if !able(test) {
        return;
    }
    let path = std::fs::canonicalize(PYTHON).unwrap();
    let Some(package) = sidestream_process::Packages::default().owner(&path) else {
        return skip(test, "no package manager that is known");
    };
    // It is looked up beside, so the first flows may go without.
    let body = "for _ in range(100): connect(); time.sleep(0.01)";
    let connections = connections(body);
    let (_, last) = connections.last().unwrap();
    assert_eq!(last.as_ref().unwrap().package, Some(package));
}
