//! A process without descriptors, in a process of its own: the limit is the whole process's.

use std::process::Command;
use std::time::Duration;

use sidestream_capture::next_incoming;
use tokio::net::TcpStream;

use super::{Explicit, any_port, next};

const INSIDE: &str = "SIDESTREAM_EXPLICIT_WITHOUT_DESCRIPTORS";

#[tokio::test]
async fn it_waits_for_descriptors_and_goes_on() {
    if std::env::var_os(INSIDE).is_none() {
        return rerun("exhaustion::it_waits_for_descriptors_and_goes_on");
    }
    let mut driver = Explicit::bind(&[any_port()]).unwrap();
    let proxy = driver.local_addrs()[0];
    let mut hoard = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        hoard.push(file);
    }
    hoard.pop();
    let client = TcpStream::connect(proxy).await.unwrap();
    let waited = tokio::time::timeout(Duration::from_millis(300), next_incoming(&mut driver));
    assert!(waited.await.is_err(), "there was no descriptor to accept with");
    hoard.truncate(hoard.len() / 2);
    assert_eq!(next(&mut driver).await.info.key.client, client.local_addr().unwrap());
}

/// Runs one test again in a shell that allows few descriptors.
fn rerun(test: &str) {
    if !cfg!(unix) {
        return sidestream_testkit::skip(test, "no ulimit on this system");
    }
    let output = Command::new("sh")
        .args(["-c", "ulimit -n 64; exec \"$@\"", "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
