//! A network namespace of the test's own.

use std::fs::{File, read_link};
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use sidestream_capture_test::Skip;
use sidestream_testkit::is_root;

/// The helper under test.
pub(crate) const HELPER: &str = env!("CARGO_BIN_EXE_sidestream-helper");

/// Where the servers are: not on 127.0.0.1, which is special.
pub(crate) const SERVER_V4: &str = "192.0.2.1";
pub(crate) const SERVER_V6: &str = "2001:db8::1";

/// Moves the calling thread, and what it starts, to a new network namespace.
pub(crate) fn enter() -> Result<(), Skip> {
    if !is_root() {
        return Err(Skip("only root can start the helper".to_owned()));
    }
    let checked = Command::new(HELPER).arg("check").output().unwrap();
    if !checked.status.success() {
        return Err(Skip("this machine cannot capture, see `sidestream-helper check`".to_owned()));
    }
    let namespace = unshare();
    move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
    ip("link set lo up");
    ip(&format!("addr add {SERVER_V4}/32 dev lo"));
    if sidestream_testkit::has_ipv6_loopback() {
        ip(&format!("-6 addr add {SERVER_V6}/128 dev lo nodad"));
    }
    Ok(())
}

/// Makes a network namespace by means of a program that holds it until it is open.
fn unshare() -> File {
    let mut program = Command::new("unshare")
        .args(["--net", "cat"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let (own, its) = (namespace_of("thread-self"), program.id().to_string());
    while namespace_of(&its) == own {
        std::thread::sleep(Duration::from_millis(1));
    }
    let namespace = File::open(format!("/proc/{its}/ns/net")).unwrap();
    drop(program.stdin.take());
    program.wait().unwrap();
    namespace
}

fn ip(args: &str) {
    assert!(Command::new("ip").args(args.split(' ')).status().unwrap().success(), "ip {args}");
}

fn namespace_of(process: &str) -> Option<PathBuf> {
    read_link(Path::new("/proc").join(process).join("ns/net")).ok()
}

/// Kills the helper of this namespace, and waits until it is dead.
pub(crate) async fn kill_helper() -> io::Result<()> {
    let pid = helper().ok_or(io::ErrorKind::NotFound)?;
    kill_process(pid, Signal::KILL)?;
    let stat = format!("/proc/{}/stat", pid.as_raw_pid());
    while std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}

fn helper() -> Option<Pid> {
    let own = namespace_of("thread-self");
    let exe = std::fs::canonicalize(HELPER).ok()?;
    let processes = std::fs::read_dir("/proc").ok()?.filter_map(Result::ok);
    let mut names = processes.filter_map(|entry| entry.file_name().into_string().ok());
    let name = names.find(|name| {
        name.bytes().all(|byte| byte.is_ascii_digit())
            && namespace_of(name) == own
            && read_link(format!("/proc/{name}/exe")).is_ok_and(|path| path == exe)
    })?;
    Pid::from_raw(name.parse().ok()?)
}
