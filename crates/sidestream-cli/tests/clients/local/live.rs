//! What is chosen changes while programs run.

use std::io::{Read, Write};
use std::net::TcpListener;

use super::{
    Capturing, Waiting, can_capture, check_output, command, copy, line_to, signal, unique,
};
use crate::harness::{ANSWER, Bench, http, program};

#[test]
fn a_spec_is_read_again_when_asked() {
    let test = "a_spec_is_read_again_when_asked";
    if !can_capture(test) {
        return;
    }
    let (bench, names) = (Bench::new(), [unique("first"), unique("second")]);
    let Some(first) = copy(test, &bench, "curl", &names[0]) else { return };
    let Some(second) = copy(test, &bench, "curl", &names[1]) else { return };
    let file = bench.write("spec", &format!("# to begin with\nname:{}\n", names[0]));
    let path = file.to_str().unwrap();
    let mut capturing = Capturing::with(&bench, &["--mode", "local", "--spec-file", path]);
    let origins = [http(), http(), http(), http()];
    let fetch = |curl: &std::path::Path, origin: usize| {
        let url = format!("http://{}/", origins[origin].addr());
        check_output(&command(&bench, curl, ["-sS", &url]).output().unwrap(), ANSWER);
    };
    fetch(&first, 0);
    fetch(&second, 1);

    bench.write("spec", "name:a,,b\n");
    signal("HUP", capturing.pid());
    capturing.wait_for(&format!("the old spec stays: {path}, line 1: not a spec:\n"));
    fetch(&first, 0);

    bench.write("spec", &format!("name:{}", names[1]));
    signal("HUP", capturing.pid());
    capturing.wait_for(&format!("now intercepting name:{}\n", names[1]));
    fetch(&first, 2);
    fetch(&second, 3);
    let lines = capturing.finish(&bench);
    let servers: Vec<_> = lines.iter().map(|line| line["server"].as_str().unwrap()).collect();
    let expected = [0, 0, 3].map(|origin: usize| origins[origin].addr().to_string());
    assert_eq!(servers, expected, "{lines:#?}");
}

/// Holds a connection, and connects anew when that is ended; prints what it is answered.
const HOLDS: &str = "
import socket, sys
port = int(sys.argv[1])
first = socket.create_connection(('127.0.0.1', port))
print('held', flush=True)
try:
    ended = first.recv(1) == b''
except OSError:
    ended = True
second = socket.create_connection(('127.0.0.1', port))
second.sendall(b'GET / HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n')
print(ended, second.recv(12).decode())";

/// Answers what is asked on the next connection; unasked, it would be a server that speaks first.
fn answer_next(listener: &TcpListener) {
    let (mut next, _) = listener.accept().unwrap();
    let mut asked = Vec::new();
    while !asked.ends_with(b"\r\n\r\n") {
        let mut some = [0; 512];
        let count = next.read(&mut some).unwrap();
        assert_ne!(count, 0, "nothing was asked");
        asked.extend_from_slice(&some[..count]);
    }
    next.write_all(b"HTTP/1.1 204 None\r\n\r\n").unwrap();
}

#[test]
fn connections_from_before_are_ended_where_that_is_asked_for() {
    let test = "connections_from_before_are_ended_where_that_is_asked_for";
    if !can_capture(test) {
        return;
    }
    let Some(python) = program(test, "python3") else { return };
    let bench = Bench::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let mut holder = command(&bench, python, ["-c", HOLDS, &addr.port().to_string()]);
    let holder = holder.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let (held, _) = listener.accept().unwrap();

    let spec = format!("pid:{}", holder.id());
    let capturing = Capturing::start(&bench, &spec, &["--reset-existing"]);
    answer_next(&listener);
    check_output(&holder.wait_with_output().unwrap(), "held\nTrue HTTP/1.1 204\n");
    drop(held);
    line_to(&capturing.finish(&bench), "http", &addr.to_string());
}

#[test]
fn connections_from_before_are_left_otherwise() {
    let test = "connections_from_before_are_left_otherwise";
    if !can_capture(test) {
        return;
    }
    let Some(python) = program(test, "python3") else { return };
    let bench = Bench::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let mut holder = command(&bench, python, ["-c", HOLDS, &addr.port().to_string()]);
    let holder = holder.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let (held, _) = listener.accept().unwrap();

    let capturing = Capturing::start(&bench, &format!("pid:{}", holder.id()), &[]);
    drop(held);
    answer_next(&listener);
    check_output(&holder.wait_with_output().unwrap(), "held\nTrue HTTP/1.1 204\n");
    // It was running, and is captured from its next connection on.
    line_to(&capturing.finish(&bench), "http", &addr.to_string());
}

#[test]
fn a_listening_mode_serves_beside_it() {
    let test = "a_listening_mode_serves_beside_it";
    if !can_capture(test) {
        return;
    }
    let (bench, name) = (Bench::new(), unique("beside"));
    let Some(curl) = copy(test, &bench, "curl", &name) else { return };
    let Some(told) = program(test, "curl") else { return };
    let (plain, secure) = (http(), bench.https());
    let mode = format!("local:{name}");
    let modes = ["--mode", "regular@127.0.0.1:0", "--mode", &mode];
    let capturing = Capturing::with(&bench, &modes);
    let words = capturing.told();
    let proxy = words.split_once("listening on ").unwrap().1.split(',').next().unwrap();

    let url = format!("http://{}/", plain.addr());
    check_output(&command(&bench, &curl, ["-sS", &url]).output().unwrap(), ANSWER);
    // Who is told of the proxy is told of its root as well: it is decrypted.
    let secure_url = format!("https://localhost:{}/", secure.port());
    let root = bench.path("conf/root-cert.pem");
    let words = ["-sS4", "--noproxy", "", "--proxy", proxy, "--cacert", root.to_str().unwrap()];
    check_output(&command(&bench, told, words).arg(&secure_url).output().unwrap(), ANSWER);

    let lines = capturing.finish(&bench);
    let seen: Vec<_> = lines
        .iter()
        .map(|line| (line["via"].as_str().unwrap(), line["request"]["url"].as_str().unwrap()))
        .filter(|(_, url)| url.contains("://"))
        .collect();
    assert_eq!(seen, [("local", &url[..]), ("regular", &secure_url[..])], "{lines:#?}");
}

#[test]
fn it_is_also_captured_what_a_shell_of_the_tree_starts() {
    let test = "it_is_also_captured_what_a_shell_of_the_tree_starts";
    if !can_capture(test) {
        return;
    }
    let Some(curl) = program(test, "curl") else { return };
    let (bench, origin) = (Bench::new(), http());
    let url = format!("http://{}/", origin.addr());
    // The second runs on when all its ancestors up to the shell have ended.
    let script = format!("{0} -sS {url}; (({0} -sS {url} &) &) ; sleep 1", curl.display());
    let waiting = Waiting::new(command(&bench, "/bin/sh", ["-c", &script]));
    let capturing = Capturing::start(&bench, &waiting.spec(), &[]);
    check_output(&waiting.run(), &ANSWER.repeat(2));
    let lines = capturing.finish(&bench);
    let pids: Vec<_> = lines.iter().map(|line| line["process"]["pid"].as_u64()).collect();
    assert_eq!(lines.len(), 2, "{lines:#?}");
    assert_ne!(pids[0], pids[1], "{lines:#?}");
}
