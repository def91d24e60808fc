//! A network namespace of the test's own.

use std::fs::{File, Permissions, read_link};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
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

/// Joins the network namespace of a process to this one, which is its way to everywhere.
pub(crate) fn join(pid: u32) {
    ip(&format!("link add out type veth peer name in netns {pid}"));
    ip("addr add 10.77.0.1/24 dev out");
    ip("link set out up");
    let inside = |args: &str| {
        let args = format!("--net=/proc/{pid}/ns/net ip {args}");
        let status = Command::new("nsenter").args(args.split(' ')).status().unwrap();
        assert!(status.success(), "nsenter {args}");
    };
    inside("link set lo up");
    inside("addr add 10.77.0.2/24 dev in");
    inside("link set in up");
    inside("route add default via 10.77.0.1");
    if sidestream_testkit::has_ipv6_loopback() {
        ip("-6 addr add fd00:77::1/64 dev out nodad");
        inside("-6 addr add fd00:77::2/64 dev in nodad");
        inside("-6 route add default via fd00:77::1");
    }
}

/// Writes a helper for which this network namespace is that of process 1: then it captures in
/// others, too.
pub(crate) fn helper_of_a_machine(folder: &Path) -> PathBuf {
    let path = folder.join("helper");
    let script = format!(
        "#!/bin/sh\n\
         exec unshare --mount sh -ec 'mount --bind /proc/$$ /proc/1; exec \"$0\" \"$@\"' \
         {HELPER} \"$@\"\n"
    );
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    path
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
