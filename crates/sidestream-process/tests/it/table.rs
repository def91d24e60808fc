//! Processes: that the right one is told, whatever it does meanwhile.

use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use sidestream_process::{Table, scan, tree};

use crate::child::{Child, eventually, is_root};

#[test]
fn this_process_is_known_with_its_parents_up_to_init() {
    let table = Table::open().unwrap();
    let me = table.process(std::process::id()).unwrap();
    assert_eq!(me.path.as_deref(), std::env::current_exe().ok().as_deref());
    assert_eq!(me.cwd.as_deref(), std::env::current_dir().ok().as_deref());
    assert_eq!(me.args, std::env::args().collect::<Vec<_>>());
    assert!(me.user.is_some());
    let age = SystemTime::now().duration_since(me.started.unwrap()).unwrap_or_default();
    assert!(age < Duration::from_secs(24 * 3600), "started {age:?} ago");
    assert_eq!(me.parents().last().unwrap().pid, 1);
}

#[test]
fn what_was_read_is_shared_and_a_missing_pid_is_none() {
    let table = Table::open().unwrap();
    let (one, two) = (table.process(std::process::id()), table.process(std::process::id()));
    assert!(std::sync::Arc::ptr_eq(&one.unwrap(), &two.unwrap()));
    assert!(table.process(0).is_none());
    assert!(table.process(u32::MAX).is_none());
}

#[test]
fn a_program_that_replaces_itself_is_read_anew() {
    let table = Table::open().unwrap();
    // The shell answers its first line, and becomes `cat` after the second.
    let mut child = Command::new("sh")
        .args(["-c", "echo here; read line; exec cat"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut out, &mut String::new()).unwrap();
    let before = table.process(child.id()).unwrap();
    let mut input = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut input, b"go\nback\n").unwrap();
    std::io::BufRead::read_line(&mut out, &mut String::new()).unwrap();
    let after = table.process(child.id()).unwrap();
    drop(input);
    child.wait().unwrap();
    assert_eq!(before.args[0], "sh");
    assert_eq!(after.args, ["cat"]);
    assert_eq!(after.started, before.started);
    assert_eq!(after.parent.as_ref().unwrap().pid, std::process::id());
}

#[test]
fn the_tree_holds_children() {
    let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
    assert!(tree(std::process::id()).contains(&child.id()));
    assert!(tree(child.id()).is_empty());
    drop(child.stdin.take());
    child.wait().unwrap();
}

#[test]
fn a_thread_stands_for_its_process() {
    let program = "import threading, sys
def run():
    print(threading.get_native_id(), flush=True)
    sys.stdin.readline()
threading.Thread(target=run).start()";
    let Some(mut child) = Child::start("a_thread_stands_for_its_process", program) else { return };
    let thread = child.line().parse().unwrap();
    assert_ne!(thread, child.pid());
    let table = Table::open().unwrap();
    let by_thread = table.process(thread).unwrap();
    assert_eq!(by_thread.pid, child.pid());
    assert!(std::sync::Arc::ptr_eq(&by_thread, &table.process(child.pid()).unwrap()));
}

#[test]
fn a_process_that_renames_itself_keeps_its_executable() {
    let program = "import sys
print('here', flush=True); sys.stdin.readline()
open('/proc/self/comm', 'w').write('iou-wrk-7) S 1')
print('renamed', flush=True); sys.stdin.readline()";
    let name = "a_process_that_renames_itself_keeps_its_executable";
    let Some(mut child) = Child::start(name, program) else { return };
    let table = Table::open().unwrap();
    child.line();
    let before = table.process(child.pid()).unwrap();
    child.tell("rename");
    child.line();
    let after = table.process(child.pid()).unwrap();
    assert_eq!(after.name, "iou-wrk-7) S 1");
    assert_eq!((&after.path, after.started), (&before.path, before.started));
    assert_eq!(after.parent.as_ref().unwrap().pid, std::process::id());
}

#[test]
fn an_orphan_has_the_parent_that_took_it_up() {
    let program = "import os, sys
if os.fork() == 0:
    print(os.getpid(), flush=True)
    sys.stdin.readline()
else:
    os.read(int(sys.argv[1]), 1)";
    let (wait, leave) = std::io::pipe().unwrap();
    let fd = std::os::fd::AsRawFd::as_raw_fd(&wait);
    let script = format!("exec python3 -c \"$0\" 9 9<&{fd}");
    // Descriptors are closed on exec, so the shell reopens this one by its path.
    let script =
        script.replace(&format!("<&{fd}"), &format!("</proc/{}/fd/{fd}", std::process::id()));
    let mut command = Command::new("sh");
    let command = command.args(["-c", &script, program]);
    let name = "an_orphan_has_the_parent_that_took_it_up";
    let Some(mut parent) = Child::start_by(name, command) else { return };
    let orphan: u32 = parent.line().parse().unwrap();
    let table = Table::open().unwrap();
    let before = table.process(orphan).unwrap();
    assert_eq!(before.parent.as_ref().unwrap().pid, parent.pid());
    drop(leave);
    let after = eventually(|| {
        table.process(orphan).filter(|now| now.parent.as_ref().unwrap().pid != parent.pid())
    });
    assert_eq!(after.started, before.started);
    assert!(after.parents().all(|process| process.pid != parent.pid()));
    // What was handed out before stays as it was.
    assert_eq!(before.parents().next().unwrap().pid, parent.pid());
}

#[test]
fn a_reused_pid_is_another_process() {
    const LAST_PID: &str = "/proc/sys/kernel/ns_last_pid";
    let name = "a_reused_pid_is_another_process";
    let sleeper = || Command::new("sleep").arg("600").stdin(Stdio::null()).spawn().unwrap();
    let end = |mut child: std::process::Child| {
        child.kill().unwrap();
        child.wait().unwrap();
    };
    let table = Table::open().unwrap();
    let first = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
    let pid = first.id();
    let before = eventually(|| table.process(pid).filter(|process| process.args == ["cat"]));
    let started = scan().find(|seen| seen.pid == pid).unwrap().started_ticks;
    end(first);
    assert_eq!(table.process(pid), None);
    if std::fs::write(LAST_PID, (pid - 1).to_string()).is_err() {
        return sidestream_testkit::skip(name, "the next pid cannot be chosen");
    }
    let end_at = std::time::Instant::now() + Duration::from_secs(20);
    loop {
        std::fs::write(LAST_PID, (pid - 1).to_string()).unwrap();
        let child = sleeper();
        let seen = scan().find(|seen| seen.pid == child.id()).unwrap();
        if child.id() == pid && seen.started_ticks != started {
            let after = eventually(|| table.process(pid).filter(|it| it.args == ["sleep", "600"]));
            let tick_ns = 10_000_000;
            assert_eq!(table.process_at(pid, seen.started_ticks * tick_ns), Some(after.clone()));
            assert_eq!(table.process_at(pid, started * tick_ns), None);
            end(child);
            assert_ne!(after.started, before.started);
            return;
        }
        end(child);
        if std::time::Instant::now() > end_at {
            return sidestream_testkit::skip(name, "other processes took the pid");
        }
    }
}

#[test]
fn a_process_that_has_gone_is_none_and_one_that_has_ended_is_not_listed() {
    let table = Table::open().unwrap();
    let mut child = Command::new("true").spawn().unwrap();
    let pid = child.id();
    eventually(|| scan().find(|seen| seen.pid == pid).filter(|seen| seen.has_ended));
    assert!(table.list().iter().all(|process| process.pid != pid));
    child.wait().unwrap();
    assert_eq!(table.process(pid), None);
    assert_eq!(table.process_at(pid, 0), None);
}

#[test]
fn the_list_has_every_program_once_by_pid() {
    let list = Table::open().unwrap().list();
    assert!(list.is_sorted_by(|left, right| left.pid < right.pid));
    assert!(list.iter().any(|process| process.pid == std::process::id()));
    let threads: Vec<u32> = scan().filter(|seen| seen.is_kernel).map(|seen| seen.pid).collect();
    assert!(list.iter().all(|process| !threads.contains(&process.pid)));
}

#[test]
fn a_change_of_rights_is_seen_without_a_new_program() {
    let program = "import os, sys
print('here', flush=True); sys.stdin.readline()
os.seteuid(65534)
print('changed', flush=True); sys.stdin.readline()";
    let name = "a_change_of_rights_is_seen_without_a_new_program";
    if !is_root() {
        return sidestream_testkit::skip(name, "root alone can change its user");
    }
    let Some(mut child) = Child::start(name, program) else { return };
    let table = Table::open().unwrap();
    child.line();
    let before = table.process(child.pid()).unwrap();
    assert_eq!((before.user.as_ref().unwrap().uid, &before.effective_user), (0, &None));
    child.tell("change");
    child.line();
    let changed = || table.process(child.pid()).filter(|now| now.effective_user.is_some());
    let after = eventually(changed);
    assert_eq!(after.user, before.user);
    assert_eq!(after.effective_user.as_ref().unwrap().uid, 65534);
    // At once, if one knows that something has changed.
    table.forget(child.pid());
    assert_eq!(table.process(child.pid()).unwrap(), after);
}
