//! The same tests with the commands under a filter, as where namespaces cannot be had.

use std::fs;
use std::net::{IpAddr, UdpSocket};
use std::process::Command;

use sidestream_linux::{Entry, EntryKind, Notice, Options, Overlay, OverlayKind};
use sidestream_testkit::{Origin, UdpOrigin, has_ipv6_loopback};
use tempfile::tempdir;

use crate::relay::{Outcome, PYTHON, python, run, under_seccomp};
use crate::{ends, files, identity, loopback, traffic};

macro_rules! under {
    ($($module:ident: $($test:ident)+;)+) => {
        $($(
            #[test]
            fn $test() {
                under_seccomp($module::$test);
            }
        )+)+
    };
}

under! {
    ends:
        the_exit_status_is_the_command_s
        a_command_that_cannot_be_run_says_why
        what_outlives_the_command_is_named_and_ended
        what_outlives_the_command_is_waited_for_on_demand
        a_signal_is_forwarded_to_the_command
        a_dropped_sandbox_ends_its_command
        killing_the_proxy_leaves_nothing
        killing_the_keeper_leaves_nothing
        killing_the_command_leaves_nothing;
    files:
        what_cannot_be_covered_is_an_error_that_names_it
        the_command_keeps_its_surroundings;
    identity:
        a_thread_is_its_process_and_a_name_is_no_program
        a_process_that_replaces_its_program_is_what_it_became
        an_orphan_is_known_with_who_took_it_up
        who_has_gone_before_it_is_looked_for_is_unknown_and_never_another
        a_reused_pid_is_another_process
        a_program_is_told_with_its_package;
    loopback:
        what_the_host_serves_on_ipv4_only_is_refused_on_ipv6
        what_the_host_serves_on_ipv6_only_is_refused_on_ipv4
        what_the_host_serves_on_neither_address_is_taken_aside
        what_comes_and_goes_on_the_host_is_followed
        what_the_tree_serves_is_reached_whatever_the_host_serves;
    traffic:
        a_connection_is_taken_aside_and_knows_its_process
        curl_fetches_from_the_host
        a_mebibyte_goes_each_way_and_half_closes
        five_hundred_connections_at_once_all_arrive
        a_server_that_refuses_is_seen_as_a_reset
        datagrams_are_taken_aside_connected_and_not
        one_socket_that_speaks_to_two_servers_is_two_flows
        another_host_is_reached_and_reaches_back;
}

#[test]
fn a_file_is_covered_by_whatever_path_it_is_opened() {
    let folder = tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("folder")).unwrap();
    fs::write(path("folder/bundle.pem"), "host").unwrap();
    fs::write(path("folder/other.pem"), "other").unwrap();
    std::os::unix::fs::symlink("folder/bundle.pem", path("link.pem")).unwrap();
    let file = |text: &str| EntryKind::File { contents: text.as_bytes().to_vec(), mode: 0o444 };
    let entry = |path: &str, kind| Entry { path: path.into(), kind };
    let entries = vec![
        entry("0123abcd.0", EntryKind::Symlink { target: "root.pem".into() }),
        entry("bundle.pem", file("inside")),
        entry("other.pem", file("other")),
        entry("root.pem", file("root")),
    ];
    let kind = OverlayKind::Directory { mode: 0o755, entries };
    let overlays = vec![Overlay { path: path("folder"), kind }];
    let script = r#"
import os, sys
os.chdir(sys.argv[1])
def read(path, **more): return os.read(os.open(path, os.O_RDONLY, **more), 99).decode()
print(read(sys.argv[1] + "/folder/bundle.pem"), read("folder/bundle.pem"), read("link.pem"))
print(read("./folder/../folder/bundle.pem"), read("bundle.pem", dir_fd=os.open("folder", 0)))
print(read("folder/other.pem"), read("folder/root.pem"), read("folder/0123abcd.0"))
print(open(os.environ["NAMED"]).read(), os.path.isfile(os.environ["NAMED"]))
one, two = open("folder/bundle.pem"), open("folder/bundle.pem"); one.read(3)
print(two.read(), one.read(), os.fstat(one.fileno()).st_size, os.get_inheritable(one.fileno()))
os.write(os.open("folder/bundle.pem", os.O_WRONLY), b"HOST")
try: os.open("folder/none.pem", 0)
except FileNotFoundError: print("none")
"#;
    let environment = vec![("NAMED".into(), path("folder/root.pem").into())];
    let command = [PYTHON, "-c", script, folder.path().to_str().unwrap()];
    let options = Options { overlays, environment, ..Options::new(command) };
    let outcome = under_seccomp(|| run(options));
    assert_eq!(
        outcome.output,
        "inside inside inside\ninside inside\nother root root\nroot True\ninside ide 6 False\nnone\n"
    );
    // Who writes means the file.
    assert_eq!(fs::read_to_string(path("folder/bundle.pem")).unwrap(), "HOST");
}

/// Checks that a script sees what it would see without us, and how many flows it makes.
#[track_caller]
fn check(script: &str, args: &[&str], flows: usize) -> Outcome {
    let outcome = under_seccomp(|| python(script, args));
    assert!(outcome.status.success(), "{}", outcome.output);
    for line in outcome.output.lines() {
        assert!(line.ends_with(" as without"), "{line}");
    }
    assert_eq!(outcome.flows.len(), flows, "{:#?}", outcome.flows);
    assert!(outcome.flows.iter().all(|flow| flow.process.is_some()));
    outcome
}

const DATAGRAMS: &str = include_str!("scripts/datagrams.py");
const STREAMS: &str = include_str!("scripts/streams.py");

#[test]
fn datagrams_name_their_true_peers_however_they_come_and_go() {
    let origin = UdpOrigin::echo();
    let port = origin.addr().port().to_string();
    match has_ipv6_loopback() {
        // A socket that speaks anew after it was disconnected has another port.
        true => check(DATAGRAMS, &[&port, "6"], 4),
        false => check(DATAGRAMS, &[&port], 3),
    };
}

#[test]
fn streams_are_what_they_are_without_us_however_they_are_opened() {
    let origin = Origin::echo();
    let port = origin.port().to_string();
    // Five, and twenty from each of twenty threads.
    match own_address() {
        Some(ip) => check(STREAMS, &[&port, &ip.to_string()], 405),
        None => check(STREAMS, &[&port], 404),
    };
}

/// An address of this host that is not loopback.
fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    socket.connect("192.0.2.77:9").ok()?;
    socket.local_addr().ok().map(|addr| addr.ip()).filter(|ip| !ip.is_loopback())
}

#[test]
fn what_a_filter_cannot_capture_is_refused_and_told() {
    let origin = Origin::echo();
    let script = include_str!("scripts/refused.py");
    let outcome = under_seccomp(|| python(script, &[&origin.port().to_string()]));
    let mut expected = vec!["io_uring ENOSYS", "listener EBUSY"];
    let mut notices = vec![Notice::IoUring, Notice::NoListener];
    if cfg!(target_arch = "x86_64") {
        expected.extend(["connect EACCES", "socketcall EACCES", "unix ENOENT"]);
        notices.push(Notice::Foreign);
    }
    assert_eq!(outcome.output.lines().collect::<Vec<_>>(), expected);
    assert_eq!(outcome.notices, notices);
    assert!(outcome.flows.is_empty());
}

/// Becomes a command under the filter of a container that has no rights: no namespaces, and no
/// sockets taken from other processes.
const CONTAINED: &str = r#"
import ctypes, os, platform, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
x86 = platform.machine() == "x86_64"
forbidden = [272, 165, 308, 438] if x86 else [97, 40, 268, 438]
program = [(0x20, 0, 0, 0)]
program += [(0x15, len(forbidden) - n, 0, nr) for n, nr in enumerate(forbidden)]
program += [(6, 0, 0, 0x7FFF0000), (6, 0, 0, 0x00050001)]
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *one) for one in program))
header = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(program), ctypes.addressof(code)))
libc.prctl(38, 1, 0, 0, 0)
assert libc.prctl(22, 2, header, 0, 0) == 0
os.execv(sys.argv[1], sys.argv[1:])
"#;

#[track_caller]
fn check_contained(script: &str, args: &[&str]) {
    let mut command = Command::new(PYTHON);
    command.args(["-c", CONTAINED]).arg(ends::example());
    let output = command.args([PYTHON, "-c", script]).args(args).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{stdout}{stderr}");
    for line in stdout.lines() {
        assert!(line.ends_with(" as without"), "{line}");
    }
    assert!(stderr.contains("note: captured by seccomp, as a user namespace cannot be had"));
    assert!(stderr.contains(&format!("127.0.0.1:{} by Some", args[0])), "{stderr}");
}

#[test]
fn a_container_without_rights_is_no_obstacle() {
    let (streams, datagrams) = (Origin::echo(), UdpOrigin::echo());
    check_contained(STREAMS, &[&streams.port().to_string()]);
    check_contained(DATAGRAMS, &[&datagrams.addr().port().to_string()]);
}

#[test]
fn a_port_is_free_again_when_its_socket_was_closed() {
    let script = r#"
import socket, time
def check(what, good): print(what, "as without" if good else "held")
for kind in socket.SOCK_STREAM, socket.SOCK_DGRAM:
    s = socket.socket(type=kind); s.bind(("127.0.0.1", 0)); own = s.getsockname()
    if kind == socket.SOCK_STREAM: s.listen()
    s.close()
    for _ in range(500):
        try: socket.socket(type=kind).bind(own); break
        except OSError: time.sleep(0.01)
    else: check("bind", False)
socket.create_connection(("127.0.0.1", int(__import__("sys").argv[1])), 20)
"#;
    check_contained(script, &[&Origin::echo().port().to_string()]);
}
