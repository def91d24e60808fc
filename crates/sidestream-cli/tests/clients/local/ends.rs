//! How capturing ends, and whose rights it has.

use std::io::Write;
use std::os::unix::fs::{MetadataExt, chown};
use std::time::Duration;

use sidestream_testkit::Origin;

use super::machine::Held;
use super::{
    Capturing, can_capture, check_output, command, copy, line_to, signal, unique, wait_until,
};
use crate::harness::{ANSWER, Bench, http};

#[test]
fn what_is_under_way_may_end_and_what_is_new_is_left_alone() {
    let test = "what_is_under_way_may_end_and_what_is_new_is_left_alone";
    if !can_capture(test) {
        return;
    }
    let (bench, name) = (Bench::new(), unique("ends"));
    let Some(curl) = copy(test, &bench, "curl", &name) else { return };
    let (go_on, may_go_on) = std::sync::mpsc::channel::<()>();
    let may_go_on = std::sync::Mutex::new(may_go_on);
    let slow = Origin::http(move |_, wire| {
        wire.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n")?;
        // Whoever gives up waiting fails by what is checked then.
        _ = may_go_on.lock().unwrap().recv_timeout(Duration::from_secs(20));
        wire.write_all(b"hi")
    });
    let other = http();
    let mut capturing = Capturing::start(&bench, &name, &[]);
    let held = Held::by(capturing.helper_pid());
    let url = format!("http://{}/", slow.addr());
    let mut under_way = command(&bench, &curl, ["-sS", &url]);
    let under_way = under_way.stdout(std::process::Stdio::piped()).spawn().unwrap();
    wait_until("the request is there", || !slow.requests().is_empty());

    signal("INT", capturing.pid());
    let direct = || {
        let url = format!("http://{}/", other.addr());
        command(&bench, &curl, ["-sS", "--max-time", "5", &url]).output().unwrap()
    };
    wait_until("a new connection is answered", || direct().status.success());
    go_on.send(()).unwrap();
    check_output(&under_way.wait_with_output().unwrap(), "hi");
    assert_eq!(capturing.wait().code(), Some(0), "{}", capturing.told());
    wait_until("nothing is left", || held.left().is_empty());
    let lines = bench.lines();
    let line = line_to(&lines, "http", &slow.addr().to_string());
    assert!(line["error"].is_null(), "{line:#}");
}

#[test]
fn the_second_signal_ends_all_at_once() {
    let test = "the_second_signal_ends_all_at_once";
    if !can_capture(test) {
        return;
    }
    let (bench, name) = (Bench::new(), unique("at-once"));
    let Some(curl) = copy(test, &bench, "curl", &name) else { return };
    let silent = Origin::tcp(|wire| std::io::copy(wire, &mut std::io::sink()).map(drop));
    let mut capturing = Capturing::start(&bench, &name, &[]);
    let url = format!("http://{}/", silent.addr());
    let mut waits = command(&bench, &curl, ["-sS", "--max-time", "60", &url]);
    let waits = waits.stderr(std::process::Stdio::null()).spawn().unwrap();
    wait_until("the request is there", || {
        silent.received().first().is_some_and(|received| !received.is_empty())
    });
    for _ in 0..2 {
        signal("INT", capturing.pid());
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(capturing.wait().code(), Some(0), "{}", capturing.told());
    assert!(!waits.wait_with_output().unwrap().status.success());
    let lines = bench.lines();
    assert_eq!(lines[0]["error"]["message"], "the proxy was stopped", "{lines:#?}");
}

#[test]
fn started_by_sudo_it_is_the_user_who_called() {
    let test = "started_by_sudo_it_is_the_user_who_called";
    if !can_capture(test) {
        return;
    }
    const NOBODY: u32 = 65534;
    let (bench, name) = (Bench::new(), unique("sudo"));
    let Some(curl) = copy(test, &bench, "curl", &name) else { return };
    chown(bench.folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    let mode = format!("local:{name}");
    let mut command_line = bench.sidestream(["--mode", &mode, "--json"]);
    command_line.arg(bench.path("flows.json")).arg("--session").arg(bench.path("session"));
    // The authority of the test is root's alone.
    command_line.env_remove("SIDESTREAM_CA");
    // As sudo would have it.
    let nobody = NOBODY.to_string();
    command_line.env("SUDO_UID", &nobody).env("SUDO_GID", &nobody).env("SUDO_USER", "nobody");
    let capturing = Capturing::spawn(&mut command_line);
    let status = std::fs::read_to_string(format!("/proc/{}/status", capturing.pid())).unwrap();
    let row = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().skip(1).collect::<Vec<_>>()
    };
    assert_eq!(row("Uid:"), [&nobody[..]; 4], "{status}");
    assert_eq!(row("Gid:"), [&nobody[..]; 4], "{status}");
    for right in ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"] {
        assert_eq!(row(right), ["0000000000000000"], "{status}");
    }
    let origin = http();
    let url = format!("http://{}/", origin.addr());
    // Root's process: who starts the helper as root may choose any.
    check_output(&command(&bench, &curl, ["-sS", &url]).output().unwrap(), ANSWER);
    line_to(&capturing.finish(&bench), "http", &origin.addr().to_string());
    for made in ["flows.json", "session", "conf", "conf/root.pem"] {
        assert_eq!(std::fs::metadata(bench.path(made)).unwrap().uid(), NOBODY, "{made}");
    }
}
