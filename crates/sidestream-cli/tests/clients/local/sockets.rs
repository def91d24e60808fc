//! Sockets of unusual kinds, within a network namespace of the test's own: what they send and get
//! is what it would be without us.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use sidestream_testkit::{Origin, Request, UdpOrigin, Wire, has_ipv6_loopback, skip};

use super::clients::check_process;
use super::ground::{counter, on_ground, on_prepared_ground};
use super::{Capturing, check_output, command, copy, line_to, unique};
use crate::harness::{ANSWER, Bench, http, program};

/// Answers with the address that a request came from.
fn tells_peer() -> Origin {
    Origin::http(|_: &Request, wire: &mut Wire| {
        let peer = wire.peer_addr()?.ip().to_string();
        write!(wire, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{peer}", peer.len())
    })
}

#[test]
fn what_io_uring_connects_is_the_programs() {
    let test = "what_io_uring_connects_is_the_programs";
    if !on_ground(module_path!(), test) {
        return;
    }
    let bench = Bench::new();
    let Some(client) = io_uring_client(test, &bench) else { return };
    let origin = http();
    let name = client.file_name().unwrap().to_str().unwrap();
    let capturing = Capturing::start(&bench, &format!("name:{name}"), &[]);
    let mut pids = Vec::new();
    for (way, thread) in [("inline", ""), ("worker", "iou-wrk-"), ("poller", "iou-sqp-")] {
        let mut fetch = command(&bench, &client, [way, &origin.port().to_string()]);
        let fetch = fetch.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        pids.push(fetch.id());
        let output = fetch.wait_with_output().unwrap();
        assert!(output.status.success(), "{way}: {output:?}");
        let told = String::from_utf8(output.stdout).unwrap();
        let (threads, answer) = told.split_once('\n').unwrap();
        assert!(threads.contains(thread), "{way}: {threads}");
        assert!(answer.ends_with(ANSWER), "{way}: {answer}");
    }
    let lines = capturing.finish(&bench);
    assert_eq!((lines.len(), origin.requests().len()), (3, 3), "{lines:#?}");
    for (line, pid) in lines.iter().zip(pids) {
        assert_eq!(line["server"], origin.addr().to_string(), "{line:#}");
        check_process(line, &client, Some(pid));
        assert_eq!(line["process"]["name"], client.file_name().unwrap().to_str().unwrap());
    }
}

/// Compiles a client on top of liburing, or skips the test.
fn io_uring_client(test: &str, bench: &Bench) -> Option<PathBuf> {
    let cc = program(test, "cc")?;
    let off = fs::read_to_string("/proc/sys/kernel/io_uring_disabled");
    if off.is_ok_and(|off| off.trim() != "0") || !Path::new("/usr/include/liburing.h").exists() {
        skip(test, "io_uring is switched off, or there is no liburing.h");
        return None;
    }
    // A thread's name has 15 characters.
    let client = bench.path(&format!("uring-{}", std::process::id()));
    let source = bench.write("uring.c", include_str!("uring.c"));
    let output = command(bench, cc, ["-o"]).arg(&client).arg(source).arg("-luring").output();
    check_output(&output.unwrap(), "");
    Some(client)
}

/// Sends so many bytes in one call that the kernel cuts into datagrams of 1,200 bytes; prints
/// what comes back. The size is said once for the socket, or by the call.
const SEGMENTS: &str = "
import socket, struct, sys
UDP_SEGMENT, SIZE = 103, 1200
how, host, port, len_bytes = sys.argv[1:]
s = socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(10)
data = bytes(i // SIZE for i in range(int(len_bytes)))
size = struct.pack('H', SIZE)
if how == 'call':
    s.sendmsg([data], [(socket.SOL_UDP, UDP_SEGMENT, size)], 0, (host, int(port)))
else:
    s.setsockopt(socket.SOL_UDP, UDP_SEGMENT, SIZE)
    if how == 'connected':
        s.connect((host, int(port)))
        s.send(data)
    else:
        s.sendto(data, (host, int(port)))
for _ in range(0, len(data), SIZE):
    answer, peer = s.recvfrom(65536)
    assert peer[:2] == (host, int(port)), peer
    print(len(answer), answer[0])";

#[test]
fn the_datagrams_of_one_call_arrive_one_by_one() {
    let test = "the_datagrams_of_one_call_arrive_one_by_one";
    if !on_ground(module_path!(), test) {
        return;
    }
    let (bench, name) = (Bench::new(), unique("segments"));
    let Some(python) = copy(test, &bench, "python3", &name) else { return };
    let mut hosts = vec!["127.0.0.1"];
    if has_ipv6_loopback() {
        hosts.push("::1");
    }
    let capturing = Capturing::start(&bench, &name, &[]);
    let mut servers = Vec::new();
    for host in hosts {
        for how in ["call", "connected", "socket"] {
            let any_port = SocketAddr::new(host.parse().unwrap(), 0);
            let origin =
                UdpOrigin::listen(any_port, |datagram, _| vec![datagram.to_vec()]).unwrap();
            let port = origin.addr().port().to_string();
            let words = ["-c", SEGMENTS, how, host, &port, "47000"];
            let expected: String = (0..39).map(|index| format!("1200 {index}\n")).collect();
            let output = command(&bench, &python, words).output().unwrap();
            check_output(&output, &format!("{expected}200 39\n"));
            let lens: Vec<_> = origin.received().iter().map(|(_, bytes)| bytes.len()).collect();
            assert_eq!(lens, [&[1200; 39][..], &[200]].concat(), "{how} {host}");
            servers.push(origin.addr().to_string());
        }
    }
    let lines = capturing.finish(&bench);
    for server in servers {
        let line = line_to(&lines, "udp", &server);
        assert_eq!((&line["bytes_received"], &line["bytes_sent"]), (&47000.into(), &47000.into()));
        check_process(line, &python, None);
    }
}

/// Puts the beginning of what it sends into the SYN where the kernel knows how.
const FAST_OPEN: &str = "
import socket, sys
server = '127.0.0.1', int(sys.argv[1])
s = socket.socket()
data = b'POST / HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 1000\\r\\n\\r\\n'
sent = s.sendto(data + b'x' * 400, socket.MSG_FASTOPEN, server)
assert sent == len(data) + 400, sent
assert s.getpeername() == server, s.getpeername()
s.settimeout(10)
s.sendall(b'y' * 600)
s.shutdown(socket.SHUT_WR)
print(s.makefile('rb').read().decode(), end='')";

#[test]
fn what_a_syn_carries_is_delivered_once() {
    let test = "what_a_syn_carries_is_delivered_once";
    if !on_ground(module_path!(), test) {
        return;
    }
    const SYSCTL: &str = "/proc/sys/net/ipv4/tcp_fastopen";
    // As it is by default, where a cookie is asked for; then with all listeners taking data
    // without one.
    for (setting, in_syn) in [("1", 0), ("1543", 2)] {
        fs::write(SYSCTL, setting).unwrap();
        let (bench, name) = (Bench::new(), unique("fast"));
        let Some(curl) = copy(test, &bench, "curl", &name) else { return };
        let Some(python) = copy(test, &bench, "python3", &format!("{name}-py")) else { return };
        let origin = http();
        let asked = counter("TCPFastOpenCookieReqd");
        let capturing = Capturing::start(&bench, &name, &[]);
        let url = format!("http://{}/", origin.addr());
        let fetch = command(&bench, &curl, ["-sS", "--tcp-fastopen", &url]).output().unwrap();
        check_output(&fetch, ANSWER);
        let words = ["-c", FAST_OPEN, &origin.port().to_string()];
        let fetch = command(&bench, &python, words).output().unwrap();
        assert!(String::from_utf8_lossy(&fetch.stdout).ends_with(ANSWER), "{fetch:?}");
        let lines = capturing.finish(&bench);
        assert_eq!(counter("TCPFastOpenPassive"), in_syn);
        // Whoever is answered without a cookie asks for one.
        assert_eq!(counter("TCPFastOpenCookieReqd") > asked, in_syn == 0);
        assert_eq!(lines.len(), 2, "{lines:#?}");
        check_process(&lines[0], &curl, None);
        check_process(&lines[1], &python, None);
        let bodies: Vec<_> = origin.requests().iter().map(|one| one.body().to_vec()).collect();
        assert_eq!(bodies, [vec![], [[b'x'; 400].as_slice(), &[b'y'; 600]].concat()]);
    }
}

#[test]
fn a_program_that_is_made_to_speak_multipath_tcp_is_captured() {
    let test = "a_program_that_is_made_to_speak_multipath_tcp_is_captured";
    if !on_ground(module_path!(), test) {
        return;
    }
    if !fs::read_to_string("/proc/sys/net/mptcp/enabled").is_ok_and(|on| on.trim() == "1") {
        return skip(test, "no MPTCP in this kernel");
    }
    let (bench, name) = (Bench::new(), unique("paths"));
    let Some(mptcpize) = program(test, "mptcpize") else { return };
    let Some(curl) = copy(test, &bench, "curl", &name) else { return };
    let origin = http();
    let capturing = Capturing::start(&bench, &name, &[]);
    let url = format!("http://{}/", origin.addr());
    let words = ["run", curl.to_str().unwrap(), "-sS", "-w", "%{remote_ip} %{remote_port}", &url];
    let output = command(&bench, mptcpize, words).output().unwrap();
    check_output(&output, &format!("{ANSWER}127.0.0.1 {}", origin.port()));
    assert_eq!(counter("MPCapableSYNTX"), 1, "it did not speak MPTCP");
    let lines = capturing.finish(&bench);
    check_process(line_to(&lines, "http", &origin.addr().to_string()), &curl, None);
}

#[test]
fn a_bound_source_is_kept_and_a_bound_port_is_shown() {
    let test = "a_bound_source_is_kept_and_a_bound_port_is_shown";
    if !on_ground(module_path!(), test) {
        return;
    }
    let (bench, name) = (Bench::new(), unique("bound"));
    let Some(curl) = copy(test, &bench, "curl", &name) else { return };
    let (by_address, by_port) = (tells_peer(), tells_peer());
    let capturing = Capturing::start(&bench, &name, &[]);
    let fetch = |origin: &Origin, option, value, shown| {
        let url = format!("http://{}/", origin.addr());
        let words = ["-sS", option, value, "-w", shown, &url];
        command(&bench, &curl, words).output().unwrap()
    };
    // The server sees the address that the program bound.
    let output = fetch(&by_address, "--interface", "127.0.0.2", " %{local_ip}");
    check_output(&output, "127.0.0.2 127.0.0.2");
    let output = fetch(&by_port, "--local-port", "40000", " %{local_ip} %{local_port}");
    check_output(&output, "127.0.0.1 127.0.0.1 40000");
    let lines = capturing.finish(&bench);
    let line = line_to(&lines, "http", &by_address.addr().to_string());
    assert!(line["client"].as_str().unwrap().starts_with("127.0.0.2:"), "{line:#}");
    let line = line_to(&lines, "http", &by_port.addr().to_string());
    assert_eq!(line["client"], "127.0.0.1:40000", "{line:#}");
}

/// A device that leads nowhere.
const DEVICE: &str = "
    ip tuntap add dev0 mode tun
    ip address add 192.0.2.1/24 dev dev0
    ip link set dev0 up";

#[test]
fn who_binds_to_a_device_is_passed_and_named_once() {
    let test = "who_binds_to_a_device_is_passed_and_named_once";
    if !on_prepared_ground(module_path!(), test, DEVICE) {
        return;
    }
    let (bench, name) = (Bench::new(), unique("device"));
    let Some(curl) = copy(test, &bench, "curl", &name) else { return };
    let origin = http();
    let mut capturing = Capturing::start(&bench, &name, &[]);
    let twice = ["http://192.0.2.9/", "http://192.0.2.8/"];
    let words = ["-s", "--interface", "dev0", "--connect-timeout", "0.2"];
    let output = command(&bench, &curl, words).args(twice).output().unwrap();
    assert_eq!(output.status.code(), Some(28), "it waits in vain, as without us: {output:?}");
    // Loopback is the device by which all is captured.
    let url = format!("http://{}/", origin.addr());
    let words = ["-sS", "--interface", "lo", &url];
    check_output(&command(&bench, &curl, words).output().unwrap(), ANSWER);
    capturing.wait_for("uses a socket bound to a device");
    let (code, told) = capturing.interrupt();
    assert_eq!((code, told.matches("bound to a device").count()), (Some(0), 1), "{told}");
    let lines = bench.lines();
    assert_eq!(lines.len(), 1, "{lines:#?}");
    check_process(line_to(&lines, "http", &origin.addr().to_string()), &curl, None);
}
