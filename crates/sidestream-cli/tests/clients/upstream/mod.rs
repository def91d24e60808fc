//! Servers that are reached through another proxy, and that proxy's failures.

mod proxies;

use std::io::{BufRead, BufReader, Read};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::process::{ChildStderr, Command, Output, Stdio};

use serde_json::Value;
use sidestream_testkit::{UdpOrigin, skip};

use self::proxies::{certificate, dante, microsocks, squid};
use crate::harness::{ANSWER, Bench, Running, http, http_on, program};

/// Sidestream at work, and where it listens.
struct Ours {
    child: Running,
    addr: String,
    stderr: BufReader<ChildStderr>,
    told: String,
}

fn start(bench: &Bench, mode: &str, options: &[&str]) -> Ours {
    let mut command = bench.sidestream(["--mode", mode, "--json"]);
    command.arg(bench.path("flows.json")).args(options);
    begin(command)
}

fn begin(mut command: Command) -> Ours {
    let mut child = Running(command.stderr(Stdio::piped()).spawn().unwrap());
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let (mut told, mut addr) = (String::new(), None);
    while addr.is_none() {
        let mut line = String::new();
        assert_ne!(stderr.read_line(&mut line).unwrap(), 0, "{told}");
        let listening = line.strip_prefix("sidestream: listening on ");
        addr = listening.map(|rest| rest.split([' ', ',']).next().unwrap().to_owned());
        told += &line;
    }
    Ours { child, addr: addr.unwrap(), stderr, told }
}

impl Ours {
    /// Asks it to end as Ctrl-C does, and returns all that it printed.
    fn interrupt(mut self) -> String {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        self.stderr.read_to_string(&mut self.told).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0), "{}", self.told);
        self.told
    }
}

/// Has curl go through us, with the answer's status behind what it prints.
fn curl(ours: &Ours, args: &[&str]) -> Output {
    let mut command = Command::new("curl");
    // An address of loopback is not proxied otherwise.
    command.args(["-sS", "--max-time", "60", "--noproxy", "", "-w", "%{http_code}"]);
    command.args(["--proxy", &format!("http://{}", ours.addr)]).args(args).output().unwrap()
}

#[track_caller]
fn check(output: &Output, expected: &str) {
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "{err}");
}

fn altered<'a>(line: &'a Value, what: &str) -> Vec<&'a str> {
    let all = line["alterations"].as_array().map(Vec::as_slice).unwrap_or_default();
    let of_kind = all.iter().filter(|altered| altered["what"] == what);
    of_kind.map(|altered| altered["text"].as_str().unwrap()).collect()
}

#[test]
fn mode_upstream_leads_requests_and_tunnels_through_squid() {
    let test = "mode_upstream_leads_requests_and_tunnels_through_squid";
    let (Some(_curl), Some(program)) = (program(test, "curl"), program(test, "squid")) else {
        return;
    };
    let bench = Bench::new();
    let (plain, secure) = (http(), bench.https());
    let squid = squid(&program, secure.port(), false, None);
    let ours = start(&bench, &format!("upstream:http://{}@127.0.0.1:0", squid.addr), &[]);
    let url = format!("http://127.0.0.1:{}/plain", plain.port());
    check(&curl(&ours, &[&url, &url]), &format!("{ANSWER}200{ANSWER}200"));
    let root = bench.path("conf/root-cert.pem");
    let secure_url = format!("https://localhost:{}/secure", secure.port());
    let output = curl(&ours, &["--cacert", root.to_str().unwrap(), &secure_url]);
    check(&output, &format!("{ANSWER}200"));
    // A tunnel is denied on that port; the requests in it go as such.
    check(&curl(&ours, &["--proxytunnel", &url]), &format!("{ANSWER}200"));
    ours.interrupt();

    let log = squid.log();
    assert_eq!(log.matches(&format!("GET {url} ")).count(), 3, "{log}");
    assert!(log.contains(&format!("CONNECT localhost:{} ", secure.port())), "{log}");
    let lines = bench.lines();
    assert!(lines.iter().all(|line| line["via"] == "upstream"), "{lines:#?}");
    let proxied = format!("the server was reached through http://{}", squid.addr);
    let told = lines.iter().filter(|line| line["request"]["url"] == url.as_str());
    for line in told {
        assert_eq!(line["response"]["status"], 200, "{line:#}");
    }
    let text = serde_json::to_string(&lines).unwrap();
    assert!(text.contains(&proxied), "{lines:#?}");
}

#[test]
fn squid_is_given_a_password_that_is_told_to_nobody() {
    let test = "squid_is_given_a_password_that_is_told_to_nobody";
    let (Some(_curl), Some(program)) = (program(test, "curl"), program(test, "squid")) else {
        return;
    };
    let bench = Bench::new();
    let (plain, secure) = (http(), bench.https());
    let squid = squid(&program, secure.port(), true, None);
    let url = format!("http://127.0.0.1:{}/", plain.port());
    let secure_url = format!("https://localhost:{}/", secure.port());
    let upstream = format!("http://{}", squid.addr);

    let without = start(&bench, "regular@127.0.0.1:0", &["--upstream", &upstream]);
    let output = curl(&without, &[&url]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("wants a user and password") && said.ends_with("502"), "{said}");
    let root = bench.path("conf/root-cert.pem");
    let args = ["--cacert", root.to_str().unwrap(), &secure_url];
    assert_eq!(curl(&without, &args).status.code(), Some(56), "CONNECT is answered with 502");
    without.interrupt();
    let failed = format!(
        "the proxy {upstream} wants a user and password, or others (give them by --upstream-auth)"
    );
    for line in bench.lines() {
        assert_eq!(line["error"]["message"], failed.as_str(), "{line:#}");
    }

    let session = bench.path("flows.sidestream");
    let mut command = bench.sidestream(["--mode", "regular@127.0.0.1:0", "-vv", "--json"]);
    command.arg(bench.path("flows.json")).arg("--session").arg(&session);
    command.args(["--upstream", &upstream]).env("SIDESTREAM_LOG", "debug");
    command.env("SIDESTREAM_UPSTREAM_AUTH", "me:secret");
    let with = begin(command);
    check(&curl(&with, &[&url]), &format!("{ANSWER}200"));
    check(&curl(&with, &args), &format!("{ANSWER}200"));
    let printed = with.interrupt();
    let files = [session, bench.path("flows.json")].map(|path| std::fs::read(path).unwrap());
    for text in [printed.into_bytes()].iter().chain(&files) {
        for secret in [&b"bWU6c2VjcmV0"[..], b"me:secret"] {
            let found = text.windows(secret.len()).any(|part| part == secret);
            assert!(!found, "the password is in {}", String::from_utf8_lossy(text));
        }
    }
    let origin = plain.requests();
    assert_eq!(origin[0].header("Proxy-Authorization"), None);
}

#[test]
fn the_proxy_itself_is_spoken_to_by_tls_if_it_is_trusted() {
    let test = "the_proxy_itself_is_spoken_to_by_tls_if_it_is_trusted";
    let (Some(_curl), Some(program)) = (program(test, "curl"), program(test, "squid")) else {
        return;
    };
    let bench = Bench::new();
    std::fs::set_permissions(bench.folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let (plain, secure) = (http(), bench.https());
    let (cert, key) = certificate(bench.folder.path());
    let squid = squid(&program, secure.port(), false, Some((&cert, &key)));
    let upstream = format!("https://localhost:{}", squid.addr.port());
    let url = format!("http://127.0.0.1:{}/", plain.port());

    let distrusting = start(&bench, "regular@127.0.0.1:0", &["--upstream", &upstream]);
    let said = curl(&distrusting, &[&url]);
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains("cannot be spoken to by TLS") && said.ends_with("502"), "{said}");
    distrusting.interrupt();

    let (own, test_ca) = (cert.to_str().unwrap(), bench.ca.pem_path().to_owned());
    let options = ["--upstream", &upstream, "--ca", own, "--ca", test_ca.to_str().unwrap()];
    let trusting = start(&bench, "regular@127.0.0.1:0", &options);
    check(&curl(&trusting, &[&url]), &format!("{ANSWER}200"));
    let root = bench.path("conf/root-cert.pem");
    let secure_url = format!("https://localhost:{}/", secure.port());
    let output = curl(&trusting, &["--cacert", root.to_str().unwrap(), &secure_url]);
    check(&output, &format!("{ANSWER}200"));
    trusting.interrupt();
}

#[test]
fn servers_are_reached_through_microsocks() {
    let test = "servers_are_reached_through_microsocks";
    let (Some(_curl), Some(program)) = (program(test, "curl"), program(test, "microsocks")) else {
        return;
    };
    let bench = Bench::new();
    let (plain, secure) = (http(), bench.https());
    let proxy = microsocks(&program, true);
    let upstream = format!("socks5://me:secret@{}", proxy.addr);
    let ours = start(&bench, "regular@127.0.0.1:0", &["--upstream", &upstream]);
    let url = format!("http://127.0.0.1:{}/", plain.port());
    check(&curl(&ours, &[&url]), &format!("{ANSWER}200"));
    let root = bench.path("conf/root-cert.pem");
    let secure_url = format!("https://localhost:{}/", secure.port());
    let output = curl(&ours, &["--ipv4", "--cacert", root.to_str().unwrap(), &secure_url]);
    check(&output, &format!("{ANSWER}200"));
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refused = curl(&ours, &[&format!("http://{closed}/")]);
    let said = String::from_utf8_lossy(&refused.stdout).into_owned();
    assert!(said.contains("the server refused the connection"), "{said}");
    let told = ours.interrupt();
    assert!(!told.contains("secret"), "{told}");
    let proxied = format!("the server was reached through socks5://{}", proxy.addr);
    let text = serde_json::to_string(&bench.lines()).unwrap();
    assert!(text.contains(&proxied), "{text}");

    let wrong = format!("socks5://me:other@{}", proxy.addr);
    let ours = start(&bench, "regular@127.0.0.1:0", &["--upstream", &wrong]);
    let said = curl(&ours, &[&url]);
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains("wants a user and password"), "{said}");
    ours.interrupt();
}

/// Sends a datagram by SOCKS5, and prints the answer.
const DATAGRAM: &str = r#"
import socket, struct, sys
control = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20)
control.sendall(b"\5\1\0"); assert control.recv(2) == b"\5\0"
control.sendall(b"\5\3\0\1" + bytes(6)); relay = control.recv(10)
port = struct.unpack("!H", relay[8:])[0]
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); udp.settimeout(20)
header = b"\0\0\0\1\x7f\0\0\1" + struct.pack("!H", int(sys.argv[2]))
udp.sendto(header + b"hi", ("127.0.0.1", port))
print(udp.recv(100)[10:].decode())
"#;

#[test]
fn datagrams_go_through_dante() {
    let test = "datagrams_go_through_dante";
    let (Some(python), Some(danted)) = (program(test, "python3"), program(test, "danted")) else {
        return;
    };
    let bench = Bench::new();
    let answer = |datagram: &[u8], _| vec![[b"echo ", datagram].concat()];
    let origin = UdpOrigin::listen(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0), answer).unwrap();
    let proxy = dante(&danted);
    let upstream = format!("socks5://{}", proxy.addr);
    let ours = start(&bench, "socks5@127.0.0.1:0", &["--upstream", &upstream]);
    let port = ours.addr.rsplit_once(':').unwrap().1.to_owned();
    let mut command = Command::new(python);
    command.args(["-c", DATAGRAM, &port, &origin.addr().port().to_string()]);
    check(&command.output().unwrap(), "echo hi\n");
    ours.interrupt();
    let lines = bench.lines();
    let proxied = format!("the server was reached through {upstream}");
    let udp = lines.iter().find(|line| line["transport"] == "udp").unwrap_or(&lines[0]);
    assert_eq!(altered(udp, "proxied"), [proxied.as_str()], "{lines:#?}");
}

/// Returns an address of this machine that is none of loopback.
fn own_address(test: &str) -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    // Nothing is sent: the system only looks up the way.
    let found = socket.connect("192.0.2.1:9").and_then(|()| socket.local_addr());
    if found.is_err() {
        skip(test, "no way to other hosts, and so no address of its own");
    }
    found.ok().map(|addr| addr.ip())
}

#[test]
fn what_a_command_says_leaves_through_squid_and_loopback_does_not() {
    let test = "what_a_command_says_leaves_through_squid_and_loopback_does_not";
    let (Some(_curl), Some(program)) = (program(test, "curl"), program(test, "squid")) else {
        return;
    };
    let Some(own) = own_address(test) else { return };
    let bench = Bench::new();
    let (far, near) = (http_on(own), http());
    let squid = squid(&program, 443, false, None);
    let far_url = format!("http://{own}:{}/far", far.port());
    let near_url = format!("http://127.0.0.1:{}/near", near.port());
    let mut command = bench.sidestream(["run", "--upstream", &format!("http://{}", squid.addr)]);
    command.arg("--json").arg(bench.path("flows.json"));
    command.args(["--", "curl", "-sS", "--max-time", "60", &far_url, &near_url]);
    let ran = bench.finish(&mut command);
    ran.check_success(&[ANSWER, ANSWER].concat());
    let log = squid.log();
    assert!(log.contains(&format!("GET {far_url} ")), "{log}");
    assert!(!log.contains("near"), "{log}");
    let line = ran.check_http("GET", &far_url, 200, "curl");
    let forms = altered(line, "target_form");
    assert_eq!(forms, [format!("request target /far sent as {far_url}")], "{line:#}");
    assert_eq!(altered(line, "proxied").len(), 1, "{line:#}");
    let line = ran.check_http("GET", &near_url, 200, "curl");
    assert!(line["alterations"].is_null(), "{line:#}");
}

#[test]
fn a_proxy_that_is_not_there_is_told_and_nothing_goes_past_it() {
    let test = "a_proxy_that_is_not_there_is_told_and_nothing_goes_past_it";
    let Some(_curl) = program(test, "curl") else { return };
    let bench = Bench::new();
    let plain = http();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for scheme in ["http", "socks5"] {
        let ours = start(&bench, &format!("upstream:{scheme}://{closed}@127.0.0.1:0"), &[]);
        let output = curl(&ours, &[&format!("http://127.0.0.1:{}/", plain.port())]);
        let expected = format!(
            "sidestream: the proxy {scheme}://{closed} cannot be reached: it refused the \
             connection\n502"
        );
        check(&output, &expected);
        ours.interrupt();
        let lines = bench.lines();
        let error = &lines[0]["error"];
        assert_eq!(error["blame"], "machine", "{lines:#?}");
    }
    assert!(plain.requests().is_empty());
}
