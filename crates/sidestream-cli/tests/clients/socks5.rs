//! Mode `socks5`, and clients that are told of it.

use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::{ChildStderr, Command, Output, Stdio};

use serde_json::Value;
use sidestream_testkit::{Origin, UdpOrigin, has_ipv6_loopback, skip};

use crate::harness::{ANSWER, Bench, Running, http, program};

/// A proxy at work, and where it listens.
struct Proxy {
    child: Running,
    addr: SocketAddr,
    stderr: BufReader<ChildStderr>,
}

fn start(bench: &Bench, options: &[&str]) -> Proxy {
    let mut command = bench.sidestream(["--mode", "socks5@127.0.0.1:0", "--json"]);
    command.arg(bench.path("flows.json")).args(options).stderr(Stdio::piped());
    begin(command)
}

fn begin(mut command: Command) -> Proxy {
    let mut child = Running(command.spawn().unwrap());
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    stderr.read_line(&mut line).unwrap();
    let addr = line.strip_prefix("sidestream: listening on ").unwrap_or_else(|| panic!("{line}"));
    let addr = addr.split(' ').next().unwrap().parse().unwrap();
    Proxy { child, addr, stderr }
}

impl Proxy {
    /// Asks it to end as Ctrl-C does, and returns what it printed.
    fn interrupt(mut self) -> String {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        let mut printed = String::new();
        self.stderr.read_to_string(&mut printed).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0), "{printed}");
        printed
    }
}

/// Has curl go through the proxy, which is told of as `scheme://`.
fn curl(proxy: &Proxy, scheme: &str, args: &[&str]) -> Output {
    let mut command = Command::new("curl");
    // An address of loopback is not proxied otherwise.
    command.args(["-sS", "--max-time", "30", "--noproxy", "", "--proxy"]);
    command.arg(format!("{scheme}://{}", proxy.addr)).args(args).output().unwrap()
}

#[track_caller]
fn check_answer(output: &Output, expected: &str) {
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "{err}");
    assert!(output.status.success(), "{err}");
}

#[test]
fn socks5_serves_curl_in_each_of_its_ways() {
    let test = "socks5_serves_curl_in_each_of_its_ways";
    let Some(_curl) = program(test, "curl") else { return };
    let bench = Bench::new();
    let (plain, secure) = (http(), bench.https());
    let proxy = start(&bench, &[]);
    let root = bench.path("conf/root-cert.pem");
    let root = root.to_str().unwrap();
    let mut expected = Vec::new();
    // The client looks the name up, or we do; version 4 is served as well.
    for (number, scheme) in ["socks5", "socks5h", "socks4", "socks4a"].iter().enumerate() {
        let url = format!("http://127.0.0.1:{}/{number}", plain.port());
        check_answer(&curl(&proxy, scheme, &[&url]), ANSWER);
        let secure_url = format!("https://localhost:{}/{number}", secure.port());
        let args = ["--ipv4", "--cacert", root, &secure_url];
        check_answer(&curl(&proxy, scheme, &args), ANSWER);
        expected.extend([url, secure_url]);
    }
    let printed = proxy.interrupt();
    let lines = bench.lines();
    let told: Vec<_> = lines.iter().map(|line| line["request"]["url"].as_str().unwrap()).collect();
    assert_eq!(told, expected, "{lines:#?}");
    for (line, url) in lines.iter().zip(&expected) {
        assert!(printed.contains(url), "{printed}");
        assert_eq!((&line["via"], &line["process"]["name"]), (&"socks5".into(), &"curl".into()));
        assert_eq!(line["tls"].is_object(), url.starts_with("https:"), "{line:#}");
        let server = line["server"].to_string();
        assert!(server.contains("127.0.0.1"), "the address that was reached: {line:#}");
    }
    assert_eq!((plain.requests().len(), secure.requests().len()), (4, 4));
}

#[test]
fn socks5_carries_ipv6() {
    let test = "socks5_carries_ipv6";
    let Some(_curl) = program(test, "curl") else { return };
    if !has_ipv6_loopback() {
        return skip(test, "no IPv6 on loopback");
    }
    let bench = Bench::new();
    let origin = crate::harness::http_on(Ipv6Addr::LOCALHOST);
    let proxy = start(&bench, &[]);
    let url = format!("http://[::1]:{}/six", origin.port());
    check_answer(&curl(&proxy, "socks5", &[&url]), ANSWER);
    proxy.interrupt();
    assert_eq!(bench.lines()[0]["request"]["url"], url);
}

#[test]
fn a_client_of_socks5_sees_what_its_server_did() {
    let test = "a_client_of_socks5_sees_what_its_server_did";
    let Some(_curl) = program(test, "curl") else { return };
    let bench = Bench::new();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let proxy = start(&bench, &[]);
    let refused = curl(&proxy, "socks5", &[&format!("http://127.0.0.1:{port}/")]);
    // CURLE_PROXY, with the code of the reply in words.
    assert_eq!(refused.status.code(), Some(97), "{refused:?}");
    let err = String::from_utf8_lossy(&refused.stderr);
    assert!(err.contains("(5)"), "{err}");
    let unknown = curl(&proxy, "socks5h", &["http://no-such-name.invalid/"]);
    let err = String::from_utf8_lossy(&unknown.stderr);
    assert!(err.contains("(4)"), "{err}");
    proxy.interrupt();
    let lines = bench.lines();
    assert!(lines[0]["error"]["message"].as_str().unwrap().contains("refused"), "{lines:#?}");
    let error = lines[1]["error"]["message"].as_str().unwrap();
    assert_eq!(error, "no address is known for no-such-name.invalid", "{lines:#?}");
    assert_eq!(lines[1]["server"], Value::Null, "{lines:#?}");
}

#[test]
fn socks5_asks_for_a_password_that_is_told_to_nobody() {
    let test = "socks5_asks_for_a_password_that_is_told_to_nobody";
    let Some(_curl) = program(test, "curl") else { return };
    let bench = Bench::new();
    let origin = http();
    let session = bench.path("flows.sidestream");
    let mut command = bench.sidestream(["--mode", "socks5@127.0.0.1:0", "-vv", "--json"]);
    command.arg(bench.path("flows.json")).arg("--session").arg(&session);
    command.env("SIDESTREAM_PROXY_AUTH", "someone:hush-hush").env("SIDESTREAM_LOG", "debug");
    let proxy = begin_logging(command);
    let url = format!("http://127.0.0.1:{}/", origin.port());
    let with = |user: &str| curl(&proxy, "socks5h", &["--proxy-user", user, &url]);
    check_answer(&with("someone:hush-hush"), ANSWER);
    for wrong in ["someone:hush", "some:hush-hush", "someone:hush-hush-hush"] {
        assert_eq!(with(wrong).status.code(), Some(97), "{wrong}");
    }
    assert_eq!(curl(&proxy, "socks5h", &[&url]).status.code(), Some(97));
    assert_eq!(curl(&proxy, "socks4", &[&url]).status.code(), Some(97));
    let printed = proxy.interrupt();
    assert_eq!(origin.requests().len(), 1);
    assert_eq!(bench.lines().len(), 1, "who is not let in makes no flow");
    let files = [session, bench.path("flows.json")].map(|path| std::fs::read(path).unwrap());
    for text in [printed.into_bytes()].iter().chain(&files) {
        let found = text.windows(4).any(|part| part == b"hush");
        assert!(!found, "the password is in {}", String::from_utf8_lossy(text));
    }
}

#[test]
fn socks5_serves_the_users_of_a_file() {
    let test = "socks5_serves_the_users_of_a_file";
    let Some(_curl) = program(test, "curl") else { return };
    let bench = Bench::new();
    let origin = http();
    // The hashes of Apache's documentation.
    let users = "one:$2y$05$c4WoMPo3SXsafkva.HHa6uXQZWr7oboPiC2bT/r7q1BB8I2s0BRqC\n\
                 two:{SHA}VBPuJHI7uixaa6LQGWx4s+5GKNE=\n";
    let file = format!("@{}", bench.write("users", users).display());
    let proxy = start(&bench, &["--proxy-auth", &file]);
    let url = format!("http://127.0.0.1:{}/", origin.port());
    let with = |user: &str| curl(&proxy, "socks5h", &["--proxy-user", user, &url]);
    check_answer(&with("one:myPassword"), ANSWER);
    check_answer(&with("two:myPassword"), ANSWER);
    for wrong in ["one:mypassword", "two:", "three:myPassword"] {
        assert_eq!(with(wrong).status.code(), Some(97), "{wrong}");
    }
    assert_eq!(curl(&proxy, "socks5h", &[&url]).status.code(), Some(97));
    drop(proxy.interrupt());
    assert_eq!(origin.requests().len(), 2);
}

/// As [`begin`], where the log may come first.
fn begin_logging(mut command: Command) -> Proxy {
    let mut child = Running(command.stderr(Stdio::piped()).spawn().unwrap());
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("sidestream: listening on ") {
        line.clear();
        assert!(stderr.read_line(&mut line).unwrap() > 0, "it ended");
    }
    let addr = line.split(' ').nth(3).unwrap().parse().unwrap();
    Proxy { child, addr, stderr }
}

#[test]
fn a_client_of_socks5_finds_the_page() {
    let test = "a_client_of_socks5_finds_the_page";
    let Some(_curl) = program(test, "curl") else { return };
    let bench = Bench::new();
    let proxy = start(&bench, &[]);
    let taken = curl(&proxy, "socks5h", &["http://sidestream.internal/sidestream-ca.pem"]);
    let root = std::fs::read_to_string(bench.path("conf/root-cert.pem")).unwrap();
    check_answer(&taken, &root);
    proxy.interrupt();
}

/// Sends to each server two datagrams and prints the answers, with whom they come from; then a
/// fragment, which nobody answers; then ends the association.
const DATAGRAMS: &str = r#"
import ipaddress, socket, struct, sys
def address(host, port):
    try: ip = ipaddress.ip_address(host)
    except ValueError: return b"\3" + bytes([len(host)]) + host.encode() + struct.pack("!H", port)
    return (b"\1" if ip.version == 4 else b"\4") + ip.packed + struct.pack("!H", port)
proxy = ("127.0.0.1", int(sys.argv[1]))
control = socket.create_connection(proxy, 20)
control.sendall(b"\5\1\0"); assert control.recv(2) == b"\5\0"
control.sendall(b"\5\3\0\1" + bytes(6))
reply = control.recv(10); assert reply[:4] == b"\5\0\0\1", reply
relay = (socket.inet_ntoa(reply[4:8]), struct.unpack("!H", reply[8:])[0])
udp = socket.socket(type=socket.SOCK_DGRAM); udp.settimeout(10)
for server in sys.argv[2:]:
    host, port = server.rsplit("@", 1)
    header = b"\0\0\0" + address(host, int(port))
    for text in b"one", b"two":
        udp.sendto(header + text, relay)
        answer, who = udp.recvfrom(65536)
        assert who == relay and answer.startswith(header), (who, answer)
        print(host, answer[len(header):].decode())
udp.sendto(b"\0\0\1" + header[3:] + b"part", relay)
udp.settimeout(0.3)
try: print(udp.recvfrom(65536))
except TimeoutError: print("no answer to a fragment")
control.close()
"#;

#[test]
fn socks5_relays_datagrams_of_both_families() {
    let test = "socks5_relays_datagrams_of_both_families";
    let Some(python) = program(test, "python3") else { return };
    let bench = Bench::new();
    let echo = |ip| {
        let answer = |datagram: &[u8], _| vec![[b"echo ", datagram].concat()];
        UdpOrigin::listen(SocketAddr::new(ip, 0), answer).unwrap()
    };
    let v4 = echo(Ipv4Addr::LOCALHOST.into());
    let mut servers = vec![format!("127.0.0.1@{}", v4.addr().port())];
    let v6 = has_ipv6_loopback().then(|| echo(Ipv6Addr::LOCALHOST.into()));
    servers.extend(v6.as_ref().map(|v6| format!("::1@{}", v6.addr().port())));
    let proxy = start(&bench, &[]);
    let mut command = Command::new(python);
    command.args(["-c", DATAGRAMS]).arg(proxy.addr.port().to_string()).args(&servers);
    let output = command.output().unwrap();
    let mut expected = String::from("127.0.0.1 echo one\n127.0.0.1 echo two\n");
    if v6.is_some() {
        expected += "::1 echo one\n::1 echo two\n";
    }
    check_answer(&output, &(expected + "no answer to a fragment\n"));
    proxy.interrupt();
    let lines = bench.lines();
    assert!(lines.iter().all(|line| line["via"] == "socks5"), "{lines:#?}");
    let python = |line: &&Value| {
        line["process"]["name"].as_str().is_some_and(|name| name.starts_with("python3"))
    };
    assert_eq!(lines.iter().filter(python).count(), lines.len(), "{lines:#?}");
    let to = |port: u16| {
        lines.iter().filter(|line| line["server"].to_string().contains(&port.to_string())).count()
    };
    assert!(to(v4.addr().port()) > 0, "{lines:#?}");
    assert_eq!(v4.received().len(), 2);
}

#[test]
fn socks5_serves_what_is_not_http_and_keeps_its_ends() {
    let test = "socks5_serves_what_is_not_http_and_keeps_its_ends";
    let Some(python) = program(test, "python3") else { return };
    let bench = Bench::new();
    let origin = Origin::echo();
    let proxy = start(&bench, &[]);
    // It ends its half, and reads what comes back to the end.
    let script = r#"
import socket, struct, sys
client = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20)
client.sendall(b"\5\1\0\5\1\0\1\x7f\0\0\1" + struct.pack("!H", int(sys.argv[2])) + b"ahead ")
client.sendall(b"of the answer"); client.shutdown(socket.SHUT_WR)
read = b""
while data := client.recv(100): read += data
print(read)
"#;
    let ports = [proxy.addr.port(), origin.port()].map(|port| port.to_string());
    let output = Command::new(python).args(["-c", script]).args(ports).output().unwrap();
    check_answer(
        &output,
        "b'\\x05\\x00\\x05\\x00\\x00\\x01\\x00\\x00\\x00\\x00\\x00\\x00ahead of the answer'\n",
    );
    proxy.interrupt();
}
