//! TCP and UDP to servers outside of the sandbox.

use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::thread;

use sidestream_capture::FlowInfo;
use sidestream_flow::Transport;
use sidestream_linux::{Notice, Options, Refused};
use sidestream_testkit::{Origin, Service, UdpOrigin, has_ipv6_loopback, is_root, skip};

use crate::relay::{PYTHON, able, python, run};

const LIBRARY: &str = r#"
import socket, sys, threading
def family(host): return socket.AF_INET6 if ":" in host else socket.AF_INET
def tcp(host, port):
    s = socket.socket(family(host)); s.settimeout(20); s.connect((host, port)); return s
def read(s):
    got = b""
    while True:
        part = s.recv(65536)
        if not part: return got
        got += part
"#;

fn script(body: &str) -> String {
    format!("{LIBRARY}\n{body}")
}

fn loopbacks() -> Vec<&'static str> {
    if has_ipv6_loopback() { vec!["127.0.0.1", "::1"] } else { vec!["127.0.0.1"] }
}

fn any_port(host: &str) -> SocketAddr {
    SocketAddr::new(host.parse().unwrap(), 0)
}

/// The flows of one transport.
fn of(flows: &[FlowInfo], transport: Transport) -> Vec<&FlowInfo> {
    flows.iter().filter(|flow| flow.key.transport == transport).collect()
}

#[test]
pub(crate) fn a_connection_is_taken_aside_and_knows_its_process() {
    let test = "a_connection_is_taken_aside_and_knows_its_process";
    for host in loopbacks() {
        if !able(test) {
            return;
        }
        let origin = Origin::listen(any_port(host), Service::echo()).unwrap();
        let body = "s = tcp(sys.argv[1], int(sys.argv[2])); s.sendall(b'hi')\n\
                    print(s.recv(9).decode(), s.getpeername()[:2], s.getsockname()[1])";
        let port = origin.port().to_string();
        let outcome = python(&script(body), &[host, &port]);
        let [flow] = &outcome.flows[..] else { panic!("{:?}", outcome.flows) };
        let source = flow.key.client.port();
        assert_eq!(outcome.output, format!("hi ('{host}', {port}) {source}\n"));
        assert_eq!(flow.key.server, origin.addr());
        let process = flow.process.as_ref().unwrap();
        assert_eq!(process.path, std::fs::canonicalize(PYTHON).ok());
        assert_eq!(&process.args[3..], [host, &port]);
        assert!(process.parents().any(|parent| parent.pid == std::process::id()));
    }
}

#[test]
pub(crate) fn curl_fetches_from_the_host() {
    if !able("curl_fetches_from_the_host") {
        return;
    }
    let origin = Origin::http(|_, wire| {
        std::io::Write::write_all(wire, b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi")
    });
    let url = format!("http://localhost:{}/", origin.port());
    let outcome = run(Options::new(["curl", "-sS", "--max-time", "20", &url]));
    assert_eq!(outcome.output, "hi");
    assert_eq!(outcome.flows.last().unwrap().process.as_ref().unwrap().name, "curl");
}

#[test]
pub(crate) fn a_mebibyte_goes_each_way_and_half_closes() {
    if !able("a_mebibyte_goes_each_way_and_half_closes") {
        return;
    }
    let origin = Origin::echo();
    let body = "s = tcp('127.0.0.1', int(sys.argv[1])); data = bytes(range(256)) * 4096\n\
                def send(): s.sendall(data); s.shutdown(socket.SHUT_WR)\n\
                t = threading.Thread(target=send); t.start(); print(read(s) == data)";
    let outcome = python(&script(body), &[&origin.port().to_string()]);
    assert_eq!(outcome.output, "True\n");
}

#[test]
pub(crate) fn five_hundred_connections_at_once_all_arrive() {
    if !able("five_hundred_connections_at_once_all_arrive") {
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    // The standard library's backlog is far below what comes at once.
    socket2::SockRef::from(&listener).listen(1024).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    thread::spawn(move || {
        for stream in listener.incoming().take(500) {
            let mut stream = stream.unwrap();
            thread::spawn(move || std::io::copy(&mut stream.try_clone().unwrap(), &mut stream));
        }
    });
    // Each keeps its place until all are there.
    let body = "all = [tcp('127.0.0.1', int(sys.argv[1])) for _ in range(500)]\n\
                for n, s in enumerate(all): s.sendall(b'%d' % n); s.shutdown(socket.SHUT_WR)\n\
                print(sum(read(s) == b'%d' % n for n, s in enumerate(all)))";
    let outcome = python(&script(body), &[&port]);
    assert_eq!(outcome.output, "500\n");
    assert_eq!(outcome.flows.len(), 500);
    assert!(outcome.flows.iter().all(|flow| flow.process.is_some()));
}

#[test]
pub(crate) fn a_server_that_refuses_is_seen_as_a_reset() {
    if !able("a_server_that_refuses_is_seen_as_a_reset") {
        return;
    }
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let body = "try: s = tcp('127.0.0.1', int(sys.argv[1])); s.recv(1)\n\
                except (ConnectionResetError, ConnectionRefusedError): print('reset')";
    let outcome = python(&script(body), &[&unused.port().to_string()]);
    assert_eq!(outcome.output, "reset\n");
}

#[test]
pub(crate) fn datagrams_are_taken_aside_connected_and_not() {
    let test = "datagrams_are_taken_aside_connected_and_not";
    for host in loopbacks() {
        if !able(test) {
            return;
        }
        let origin = UdpOrigin::listen(any_port(host), |datagram, _| vec![datagram.to_vec()]);
        let origin = origin.unwrap();
        let body = r#"
to = (sys.argv[1], int(sys.argv[2]))
for connected in True, False:
    s = socket.socket(family(to[0]), socket.SOCK_DGRAM); s.settimeout(20)
    if connected: s.connect(to)
    for n in range(50): s.send(b"%d" % n) if connected else s.sendto(b"%d" % n, to)
    got = [s.recvfrom(9) for _ in range(50)]
    print(sorted(int(data) for data, _ in got) == list(range(50)), {a[:2] for _, a in got} == {to})
"#;
        let outcome = python(&script(body), &[host, &origin.addr().port().to_string()]);
        assert_eq!(outcome.output, "True True\nTrue True\n");
        let flows = of(&outcome.flows, Transport::Udp);
        assert_eq!(flows.len(), 2);
        for flow in flows {
            assert_eq!(flow.key.server, origin.addr());
            assert!(flow.process.as_ref().unwrap().name.starts_with("python"));
        }
    }
}

#[test]
pub(crate) fn one_socket_that_speaks_to_two_servers_is_two_flows() {
    if !able("one_socket_that_speaks_to_two_servers_is_two_flows") {
        return;
    }
    let (one, two) = (UdpOrigin::echo(), UdpOrigin::echo());
    let body = "s = socket.socket(type=socket.SOCK_DGRAM); s.settimeout(20)\n\
                for port in sys.argv[1:]: s.sendto(port.encode(), ('127.0.0.1', int(port)))\n\
                print(all(int(data) == a[1] for data, a in [s.recvfrom(9), s.recvfrom(9)]))";
    let ports = [&one, &two].map(|origin| origin.addr().port().to_string());
    let outcome = python(&script(body), &[&ports[0], &ports[1]]);
    assert_eq!(outcome.output, "True\n");
    assert_eq!(of(&outcome.flows, Transport::Udp).len(), 2);
}

#[test]
pub(crate) fn what_cannot_be_carried_is_refused_and_told() {
    if !able("what_cannot_be_carried_is_refused_and_told") {
        return;
    }
    let body = r#"
import time
def attempt(s, data, to):
    try: s.sendto(data, to); print("sent")
    except PermissionError: print("refused")
    except OSError as error: print(error.strerror)
attempt(socket.socket(type=socket.SOCK_DGRAM), b"x", ("224.0.0.251", 5353))
time.sleep(0.5)
"#;
    let outcome = python(&script(body), &[]);
    // Without any route the kernel says so first.
    if outcome.output.trim() == "Network is unreachable" {
        return;
    }
    assert_eq!(outcome.output, "refused\n");
    assert!(
        outcome.notices.contains(&Notice::Refused(Refused::Multicast)),
        "{:?}",
        outcome.notices
    );
}

/// Another network namespace, joined to this one by a virtual cable; gone when dropped.
struct Elsewhere {
    name: String,
}

const HERE: [&str; 2] = ["198.18.77.1/30", "fd77:5353::1/64"];
const THERE: [&str; 2] = ["198.18.77.2/30", "fd77:5353::2/64"];

impl Elsewhere {
    /// Makes it, where the rights suffice.
    fn new() -> Option<Self> {
        let name = format!("sdst{}", std::process::id());
        let outer = format!("{name}a");
        let made = Command::new("ip").args(["netns", "add", &name]).output().ok()?;
        if !made.status.success() {
            return None;
        }
        let this = Self { name: name.clone() };
        ip(&["link", "add", "name", &outer, "type", "veth", "peer", "name", "b", "netns", &name]);
        for (inside, device, addrs) in [(false, outer.as_str(), HERE), (true, "b", THERE)] {
            let within = |args: &[&str]| {
                let netns = if inside { vec!["-n", name.as_str()] } else { vec![] };
                ip(&[&netns, args].concat());
            };
            within(&["addr", "add", addrs[0], "dev", device]);
            within(&["addr", "add", addrs[1], "dev", device, "nodad"]);
            within(&["link", "set", "dev", device, "up"]);
        }
        Some(this)
    }

    fn run(&self, script: &str, args: &[&str]) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name, PYTHON, "-c", script]).args(args);
        command
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        ip(&["netns", "del", &self.name]);
    }
}

#[track_caller]
fn ip(args: &[&str]) {
    assert!(Command::new("ip").args(args).status().unwrap().success(), "ip {args:?}");
}

#[test]
pub(crate) fn another_host_is_reached_and_reaches_back() {
    let test = "another_host_is_reached_and_reaches_back";
    let Some(elsewhere) = is_root().then(Elsewhere::new).flatten() else {
        return skip(test, "only root can make another host");
    };
    let echo = r#"
import socket, sys, threading
def tcp(s):
    while True:
        c, a = s.accept(); c.sendall(a[0].encode()); c.close()
def udp(s):
    while True:
        d, a = s.recvfrom(99); s.sendto(a[0].encode(), a)
for f in socket.AF_INET, socket.AF_INET6:
    for k, serve in (socket.SOCK_STREAM, tcp), (socket.SOCK_DGRAM, udp):
        s = socket.socket(f, k)
        if f == socket.AF_INET6: s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        s.bind(("", 7007)); k == socket.SOCK_STREAM and s.listen()
        threading.Thread(target=serve, args=(s,)).start()
print("ready", flush=True)
"#;
    let mut server = elsewhere.run(echo, &[]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut ready = [0; 6];
    std::io::Read::read_exact(server.stdout.as_mut().unwrap(), &mut ready).unwrap();
    let body = r#"
for host in "198.18.77.2", "fd77:5353::2", "::ffff:198.18.77.2":
    s = tcp(host, 7007); print(read(s).decode(), s.getsockname()[0])
    u = socket.socket(family(host), socket.SOCK_DGRAM); u.settimeout(20)
    u.sendto(b"x", (host, 7007)); print(*[str(x) for x in u.recvfrom(99)[0:1]])
"#;
    let outcome = python(&script(body), &[]);
    server.kill().unwrap();
    server.wait().unwrap();
    assert_eq!(
        outcome.output,
        "198.18.77.1 198.18.77.1\nb'198.18.77.1'\n\
         fd77:5353::1 fd77:5353::1\nb'fd77:5353::1'\n\
         198.18.77.1 ::ffff:198.18.77.1\nb'198.18.77.1'\n"
    );
    assert_eq!(outcome.flows.len(), 6);
    crate::local::a_listener_sees_the_other_host(|args| elsewhere.run(&script(args), &[]));
}
