//! `--mode tun`: what programs send into a device, within a network namespace of the test's own.

use std::process::{Child, Stdio};

use super::ground::on_prepared_ground;
use super::{Capturing, check_output, command, line_to, wait_until};
use crate::harness::{Bench, program};

/// Where the server is: an address that this network has, so that its answers, which come out of
/// the device, would be taken for forged.
const SERVER: &str = "203.0.113.5";
const PREPARE: &str = "
    ip address add 203.0.113.5/32 dev lo
    for name in all default; do
        echo 1 >/proc/sys/net/ipv4/conf/$name/accept_local
        echo 0 >/proc/sys/net/ipv4/conf/$name/rp_filter
    done";

/// Sends a datagram to where nobody listens, and says what comes of it.
const ASKS_NOBODY: &str = "
import socket
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b'side0')
udp.settimeout(20)
udp.connect(('203.0.113.5', 8002))
udp.send(b'is anybody there?')
try:
    udp.recv(100)
except OSError as error:
    print(error)
";

/// Pings a host, and says what of it comes back.
const PINGS: &str = "
import socket, struct
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
raw.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b'side0')
raw.settimeout(20)
message = struct.pack('!BBHHH', 8, 0, 0, 7, 1) + b'is it there?'
sum = sum(struct.unpack('!10H', message))
sum = ~((sum & 0xffff) + (sum >> 16)) & 0xffff
raw.sendto(message[:2] + struct.pack('!H', sum) + message[4:], ('203.0.113.5', 0))
answer = raw.recv(1000)[20:]
print(answer[0], answer[8:].decode())
";

/// Sends a datagram whose checksum is wrong.
const SPOILS: &str = "
import socket, struct
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
raw.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b'side0')
ends = socket.inet_aton('198.51.100.9') + socket.inet_aton('203.0.113.5')
header = struct.pack('!BBHHHBBH', 0x45, 0, 0, 0, 0, 64, 17, 0) + ends
raw.sendto(header + struct.pack('!HHHH', 4000, 8003, 12, 0x1234) + b'oops', ('203.0.113.5', 0))
";

/// A server that is none of ours, which ends with the test.
struct Server(Child);

impl Server {
    fn start(bench: &Bench) -> Self {
        std::fs::write(bench.path("index.html"), "a page").unwrap();
        let mut server = command(bench, "/usr/bin/python3", ["-m", "http.server", "8000"]);
        server.args(["--bind", SERVER, "--directory"]).arg(bench.path("."));
        server.stdout(Stdio::null()).stderr(Stdio::null());
        let server = Self(server.spawn().unwrap());
        let is_there = || std::net::TcpStream::connect((SERVER, 8000)).is_ok();
        wait_until("the server listens", is_there);
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

#[test]
fn what_is_sent_into_a_tun_device_is_captured_and_answered_as_the_server_does() {
    let test = "what_is_sent_into_a_tun_device_is_captured_and_answered_as_the_server_does";
    if !on_prepared_ground(module_path!(), test, PREPARE) {
        return;
    }
    let bench = Bench::new();
    let Some(curl) = program(test, "curl") else { return };
    let _server = Server::start(&bench);
    let capturing = Capturing::with(&bench, &["--mode", "tun:side0"]);
    let bound = ["-sS", "--max-time", "20", "--interface", "side0"];
    let get = |port: u16| {
        let mut curl = command(&bench, &curl, bound);
        curl.arg(format!("http://{SERVER}:{port}/")).output().unwrap()
    };
    check_output(&get(8000), "a page");
    let refused = get(8001);
    assert_eq!(refused.status.code(), Some(7), "refused, as by the server: {refused:?}");

    let mut asks = command(&bench, "/usr/bin/python3", ["-c", ASKS_NOBODY]);
    check_output(&asks.output().unwrap(), "[Errno 111] Connection refused\n");

    let mut spoils = command(&bench, "/usr/bin/python3", ["-c", SPOILS]);
    check_output(&spoils.output().unwrap(), "");

    let mut pings = command(&bench, "/usr/bin/python3", ["-c", PINGS]);
    check_output(&pings.output().unwrap(), "0 is it there?\n");

    let (code, told) = capturing.interrupt();
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("sidestream: side0 dropped 1 bad-checksum"), "{told}");
    let lines = bench.lines();
    let line = line_to(&lines, "http", &format!("{SERVER}:8000"));
    assert_eq!(line["response"]["status"], 200, "{line:#}");
    assert_eq!(
        (&line["via"], &line["process"]["name"]),
        (&"tun".into(), &"curl".into()),
        "{line:#}"
    );
    let line = line_to(&lines, "tcp", &format!("{SERVER}:8001"));
    assert!(line["error"]["message"].as_str().unwrap().contains("refused"), "{line:#}");
    let links = command(&bench, "/usr/sbin/ip", ["-o", "link"]).output().unwrap();
    let links = String::from_utf8_lossy(&links.stdout).into_owned();
    assert!(!links.contains("side0"), "the device has gone: {links}");
}

#[test]
fn a_device_that_is_taken_is_told_of() {
    let test = "a_device_that_is_taken_is_told_of";
    if !on_prepared_ground(module_path!(), test, PREPARE) {
        return;
    }
    let bench = Bench::new();
    let output = bench.sidestream(["--mode", "tun:lo"]).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert_eq!(told, "sidestream: lo is there and not a TUN device, choose another name\n");
}
