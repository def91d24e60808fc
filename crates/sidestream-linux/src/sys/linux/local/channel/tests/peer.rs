//! Who is at the other end.

use std::fs;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

use rustix::process::{getgid, getuid};

use super::super::Peer;

#[test]
fn the_peer_is_who_connected() {
    let (one, _other) = UnixStream::pair().unwrap();
    let expected =
        Peer { pid: Some(std::process::id()), uid: getuid().as_raw(), gid: getgid().as_raw() };
    assert_eq!(Peer::of(&one).unwrap(), expected);

    let pidfd = Peer::pidfd(&one).unwrap();
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd())).unwrap();
    let pid = format!("Pid:\t{}", std::process::id());
    assert!(info.lines().any(|line| line == pid), "{info}");
}
