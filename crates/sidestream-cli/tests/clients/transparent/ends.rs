//! How gateways end, and what is left of them.

use std::fs;
use std::io::Write;
use std::net::IpAddr;
use std::os::unix::fs::chown;
use std::process::Command;
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use sidestream_testkit::{Origin, Service};

use super::place::{
    HOST, HOST_V6, ROUTER, SERVER, SERVER_V6, Servers, begin, check_seen, curl, is_ready,
    on_router, sidestream, start, state, within,
};
use super::{ALL_CAME_BACK, LARGE, PYTHON, UP};
use crate::harness::Bench;
use crate::local::{Capturing, PATIENCE, check_output, signal, wait_until};

/// The user `nobody`.
const NOBODY: u32 = 65_534;

/// Finds the process that keeps a gateway's rights.
fn keeper(gateway: &Capturing) -> u32 {
    let of = |task: fs::DirEntry| fs::read_to_string(task.path().join("children")).ok();
    let tasks = fs::read_dir(format!("/proc/{}/task", gateway.pid())).unwrap();
    let children: String = tasks.flatten().filter_map(of).collect();
    let name = |pid: &str| fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    let keeper = children.split_whitespace().find(|pid| name(pid) == "sidestream-gate\n");
    keeper.unwrap_or_else(|| panic!("no keeper in {children:?}")).parse().unwrap()
}

/// Checks that hosts reach the servers by themselves.
#[track_caller]
fn check_direct(bench: &Bench) {
    check_seen(bench, "client", &format!("http://{SERVER}/"), HOST);
    check_seen(bench, "client", &format!("https://[{SERVER_V6}]/"), HOST_V6);
    let udp = within(bench, "client", &[PYTHON, "-c", LARGE, SERVER]).output().unwrap();
    check_output(&udp, ALL_CAME_BACK);
}

/// Checks that everything is as it was, in a moment at most.
#[track_caller]
fn check_state(bench: &Bench, before: &str) {
    let mut now = String::new();
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        now = state(bench);
        if now == before {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    let of = |one: &str, other: &str| {
        let other: Vec<_> = other.lines().collect();
        let lines = one.lines().filter(|line| !other.contains(line));
        lines.map(|line| format!("  {line}\n")).collect::<String>()
    };
    panic!("there is more:\n{}and less:\n{}", of(&now, before), of(before, &now));
}

#[track_caller]
fn check_taken(bench: &Bench) {
    check_seen(bench, "client", &format!("http://{SERVER}/"), ROUTER);
}

/// Runs the program on the router to its end: its status, and what it said.
fn ask(bench: &Bench, args: &[&str]) -> (Option<i32>, String) {
    let output = sidestream(bench, args).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout) + &text(&output.stderr))
}

#[test]
fn of_a_gateway_that_is_killed_nothing_is_left_and_hosts_go_on() {
    let test = "of_a_gateway_that_is_killed_nothing_is_left_and_hosts_go_on";
    if !is_ready(module_path!(), test, &["curl", "python3", "nft"]) {
        return;
    }
    let bench = Bench::new();
    let _servers = Servers::start(&bench);
    check_direct(&bench);
    let before = state(&bench);
    for _ in 0..3 {
        let mut gateway = start(&bench, &UP);
        check_taken(&bench);
        assert_ne!(state(&bench), before);
        signal("KILL", gateway.pid());
        gateway.wait();
        check_direct(&bench);
        check_state(&bench, &before);
    }
    assert_eq!(bench.left_running(), Vec::<String>::new());
}

#[test]
fn of_a_gateway_killed_with_its_keeper_only_rules_without_effect_are_left() {
    let test = "of_a_gateway_killed_with_its_keeper_only_rules_without_effect_are_left";
    if !is_ready(module_path!(), test, &["curl", "python3", "nft"]) {
        return;
    }
    let bench = Bench::new();
    let _servers = Servers::start(&bench);
    check_direct(&bench);
    let before = state(&bench);
    let kill_both = || {
        let mut gateway = start(&bench, &UP);
        check_taken(&bench);
        let keeper = keeper(&gateway).to_string();
        let pids = [&keeper, &gateway.pid().to_string()];
        assert!(Command::new("kill").arg("-KILL").args(pids).status().unwrap().success());
        gateway.wait();
        check_direct(&bench);
        assert_ne!(state(&bench), before, "rules are left");
        assert_eq!(on_router(&bench, "nft list ruleset"), "", "the table goes with its process");
    };
    let left = "routing rules of a gateway, which no packet matches";
    kill_both();
    let (_, told) = ask(&bench, &["doctor", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(report["leftovers"], serde_json::json!([left]));
    assert_eq!(report["transparent"], "tproxy", "{report:#}");
    let (code, told) = ask(&bench, &["gateway", "status"]);
    assert_eq!(
        (code, told),
        (Some(1), format!("down; 4 {left}, are left: sidestream gateway down\n"))
    );
    assert_eq!(ask(&bench, &["repair"]), (Some(0), format!("{left}\n")));
    assert_eq!(state(&bench), before);

    kill_both();
    let told = ask(&bench, &["gateway", "down"]);
    assert_eq!(told, (Some(0), format!("removed 4 {left}\n")));
    assert_eq!(state(&bench), before);

    kill_both();
    let gateway = start(&bench, &UP);
    check_taken(&bench);
    let (code, told) = gateway.interrupt();
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains(&format!("undid what a killed process left: {left}")), "{told}");
    assert_eq!(state(&bench), before);
}

#[test]
fn a_gateway_whose_keeper_is_killed_ends() {
    let test = "a_gateway_whose_keeper_is_killed_ends";
    if !is_ready(module_path!(), test, &["curl", "python3", "nft"]) {
        return;
    }
    let bench = Bench::new();
    let _servers = Servers::start(&bench);
    let mut gateway = start(&bench, &UP);
    signal("KILL", keeper(&gateway));
    assert_eq!(gateway.wait().code(), Some(1));
    assert!(gateway.told().contains("the process that keeps"), "{}", gateway.told());
    check_direct(&bench);
}

#[test]
fn a_second_gateway_is_told_of_the_first_which_ends_when_asked() {
    let test = "a_second_gateway_is_told_of_the_first_which_ends_when_asked";
    if !is_ready(module_path!(), test, &["curl", "python3", "nft"]) {
        return;
    }
    let bench = Bench::new();
    let _servers = Servers::start(&bench);
    let before = state(&bench);
    assert_eq!(ask(&bench, &["gateway", "status"]), (Some(1), "down\n".into()));
    assert_eq!(ask(&bench, &["gateway", "down"]), (Some(0), "there was none\n".into()));
    let mut gateway = start(&bench, &UP);
    let up = state(&bench);
    let holder = format!("pid {} on lan", gateway.pid());
    let second = ask(&bench, &["--mode", "transparent@8081", "--gateway", "lan2"]);
    let told = format!(
        "sidestream: there is a gateway here already, of {holder}; end that first: sidestream \
         gateway down\n"
    );
    assert_eq!(second, (Some(1), told));
    let (code, told) = ask(&bench, &UP);
    assert_eq!(code, Some(1));
    assert!(told.contains("cannot listen on 0.0.0.0:8080"), "{told}");
    assert_eq!(state(&bench), up, "nothing of the first is changed");
    assert_eq!(ask(&bench, &["gateway", "status"]), (Some(0), format!("up: {holder}\n")));
    check_taken(&bench);

    assert_eq!(ask(&bench, &["gateway", "down"]), (Some(0), "down\n".into()));
    assert_eq!(gateway.wait().code(), Some(0));
    assert_eq!(state(&bench), before);
    check_direct(&bench);
}

#[test]
fn what_is_under_way_when_a_gateway_ends_goes_on() {
    let test = "what_is_under_way_when_a_gateway_ends_goes_on";
    if !is_ready(module_path!(), test, &["curl", "python3", "nft"]) {
        return;
    }
    let bench = Bench::new();
    let _servers = Servers::start(&bench);
    check_direct(&bench);
    let before = state(&bench);
    let addr = (SERVER.parse::<IpAddr>().unwrap(), 8000).into();
    let (half_sent, is_half_sent) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let may_go_on = Mutex::new(may_go_on);
    let slow = Service::http(move |_, wire| {
        write!(wire, "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\none ")?;
        half_sent.send(()).unwrap();
        may_go_on.lock().unwrap().recv().unwrap();
        writeln!(wire, "two")
    });
    let _slow = Origin::listen(addr, slow).unwrap();
    let mut gateway = start(&bench, &UP);
    let slow_url = format!("http://{SERVER}:8000/");
    thread::scope(|scope| {
        let client = scope.spawn(|| curl(&bench, "client", &[&slow_url]));
        is_half_sent.recv().unwrap();
        signal("INT", gateway.pid());
        // Whoever comes now goes by himself.
        let (url, seen) = (format!("http://{SERVER}/"), format!("{HOST}\n"));
        wait_until("others go directly", || {
            String::from_utf8_lossy(&curl(&bench, "client", &[&url]).stdout) == *seen
        });
        go_on.send(()).unwrap();
        check_output(&client.join().unwrap(), "one two\n");
    });
    assert_eq!(gateway.wait().code(), Some(0), "{}", gateway.told());
    check_state(&bench, &before);
}

#[test]
fn a_gateway_started_by_sudo_works_as_the_user() {
    let test = "a_gateway_started_by_sudo_works_as_the_user";
    if !is_ready(module_path!(), test, &["curl", "python3", "nft"]) {
        return;
    }
    let bench = Bench::new();
    let _servers = Servers::start(&bench);
    check_direct(&bench);
    let before = state(&bench);
    chown(bench.folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    let mut command = sidestream(&bench, &UP);
    command.env("SUDO_UID", NOBODY.to_string()).env("SUDO_GID", NOBODY.to_string());
    // The authority of the test is root's.
    command.env_remove("SIDESTREAM_CA");
    let mut gateway = begin(&bench, &mut command);
    let status = fs::read_to_string(format!("/proc/{}/status", gateway.pid())).unwrap();
    assert!(status.contains("Uid:\t65534\t65534\t65534\t65534\n"), "{status}");
    assert!(status.contains("CapEff:\t0000000000000000\n"), "{status}");
    let status = fs::read_to_string(format!("/proc/{}/status", keeper(&gateway))).unwrap();
    assert!(status.contains("CapEff:\t0000000000001400\n"), "bind, and networks: {status}");
    check_taken(&bench);
    for ip in [SERVER, SERVER_V6] {
        let udp = within(&bench, "client", &[PYTHON, "-c", LARGE, ip]).output().unwrap();
        check_output(&udp, ALL_CAME_BACK);
    }
    signal("KILL", gateway.pid());
    gateway.wait();
    check_direct(&bench);
    check_state(&bench, &before);
}

#[test]
fn a_gateway_says_what_it_lacks() {
    let test = "a_gateway_says_what_it_lacks";
    if !is_ready(module_path!(), test, &["python3", "nft"]) {
        return;
    }
    let bench = Bench::new();
    let before = state(&bench);
    let (code, told) = ask(&bench, &["gateway", "up", "--interface", "lan,lna"]);
    let words = "sidestream: there is no interface \"lna\", `ip link` lists them\n";
    assert_eq!((code, told.as_str()), (Some(1), words));
    let plain = sidestream(&bench, &UP);
    let words = [plain.get_program()].into_iter().chain(plain.get_args());
    let mut command = Command::new("setpriv");
    command.args(["--bounding-set=-net_admin,-net_raw", "--"]).args(words);
    for (name, value) in plain.get_envs().filter_map(|(name, value)| Some((name, value?))) {
        command.env(name, value);
    }
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    let words = "sidestream: a gateway takes CAP_NET_ADMIN: run this as root";
    assert!(told.starts_with(words), "{told}");
    assert_eq!(state(&bench), before);
}
