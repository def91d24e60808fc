//! Mode `reverse`: clients that take us for their server.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{ChildStderr, Command, Output, Stdio};

use serde_json::Value;
use sidestream_testkit::{DnsOrigin, Origin};

use crate::harness::{ANSWER, Bench, Running, http, program};
use crate::modern::Modern;

/// Sidestream at work, and the port at which it listens.
pub(crate) struct Ours {
    child: Running,
    pub(crate) port: String,
    stderr: BufReader<ChildStderr>,
}

pub(crate) fn start(bench: &Bench, server: &str, options: &[&str]) -> Ours {
    let mode = format!("reverse:{server}@127.0.0.1:0");
    let mut command = bench.sidestream(["--mode", &mode, "--json"]);
    command.arg(bench.path("flows.json")).args(options);
    let mut child = Running(command.stderr(Stdio::piped()).spawn().unwrap());
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    stderr.read_line(&mut line).unwrap();
    let told = line.strip_prefix("sidestream: listening on 127.0.0.1:");
    let port = told.unwrap_or_else(|| panic!("{line}")).split(' ').next().unwrap().to_owned();
    Ours { child, port, stderr }
}

impl Ours {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end as Ctrl-C does.
    pub(crate) fn interrupt(self) {
        self.finish();
    }

    /// Does so, and returns what it printed.
    pub(crate) fn finish(mut self) -> String {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        let mut printed = String::new();
        self.stderr.read_to_string(&mut printed).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0), "{printed}");
        printed
    }
}

/// Has curl speak to us as to a server, with the version that it spoke behind what it prints.
pub(crate) fn curl(bench: &Bench, args: &[&str]) -> Output {
    let mut command = Command::new("curl");
    command.args(["-sS", "--max-time", "60", "-w", "%{http_version}", "--noproxy", "*"]);
    command.arg("--cacert").arg(bench.path("conf/root-cert.pem")).args(args).output().unwrap()
}

#[track_caller]
pub(crate) fn check(output: &Output, expected: &str) {
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "{err}");
}

/// Returns what was told of the change of a field.
fn field_set(line: &Value) -> Vec<&str> {
    let all = line["alterations"].as_array().map(Vec::as_slice).unwrap_or_default();
    let of_kind = all.iter().filter(|altered| altered["what"] == "field_set");
    of_kind.map(|altered| altered["text"].as_str().unwrap()).collect()
}

#[test]
fn a_server_of_http_is_stood_in_for_with_and_without_tls() {
    let test = "a_server_of_http_is_stood_in_for_with_and_without_tls";
    let Some(_curl) = program(test, "curl") else { return };
    let (bench, origin) = (Bench::new(), http());
    let server = format!("localhost:{}", origin.port());
    let ours = start(&bench, &format!("http://{server}"), &[]);
    let here = format!("localhost:{}", ours.port);
    check(&curl(&bench, &[&format!("http://{here}/plain")]), &format!("{ANSWER}1.1"));
    check(&curl(&bench, &[&format!("https://{here}/tls")]), &format!("{ANSWER}1.1"));
    ours.interrupt();
    let requests = origin.requests();
    let hosts: Vec<_> = requests.iter().map(|request| request.header("Host")).collect();
    assert_eq!(hosts, [Some(&*server); 2]);
    let lines = bench.lines();
    for (line, path) in lines.iter().zip(["plain", "tls"]) {
        assert_eq!(line["via"], "reverse", "{line:#}");
        assert_eq!(line["request"]["url"], format!("http://{server}/{path}"), "{line:#}");
        assert_eq!(field_set(line), [format!("field Host: {here} sent as {server}")], "{line:#}");
    }
    assert_eq!(lines.len(), 2, "{lines:#?}");
}

#[test]
fn the_host_of_the_client_is_kept_where_that_is_asked_for() {
    let test = "the_host_of_the_client_is_kept_where_that_is_asked_for";
    let Some(_curl) = program(test, "curl") else { return };
    let (bench, origin) = (Bench::new(), http());
    let server = format!("http://127.0.0.1:{}", origin.port());
    let ours = start(&bench, &server, &["--keep-host-header"]);
    let here = format!("localhost:{}", ours.port);
    check(&curl(&bench, &[&format!("http://{here}/")]), &format!("{ANSWER}1.1"));
    ours.interrupt();
    assert_eq!(origin.requests()[0].header("Host"), Some(&*here));
    assert_eq!(field_set(&bench.lines()[0]), [""; 0]);
}

#[test]
fn a_server_of_https_is_stood_in_for_with_and_without_tls() {
    let test = "a_server_of_https_is_stood_in_for_with_and_without_tls";
    let Some(_curl) = program(test, "curl") else { return };
    let bench = Bench::new();
    let origin = bench.https();
    let server = format!("localhost:{}", origin.port());
    let ours = start(&bench, &format!("https://{server}"), &[]);
    let here = format!("127.0.0.1:{}", ours.port);
    check(&curl(&bench, &[&format!("http://{here}/plain")]), &format!("{ANSWER}1.1"));
    check(&curl(&bench, &[&format!("https://{here}/tls")]), &format!("{ANSWER}1.1"));
    ours.interrupt();
    let lines = bench.lines();
    for (line, path) in lines.iter().zip(["plain", "tls"]) {
        assert_eq!(line["request"]["url"], format!("https://{server}/{path}"), "{line:#}");
        assert_eq!(line["response"]["status"], 200, "{line:#}");
    }
    assert_eq!(origin.requests().len(), 2, "{lines:#?}");
}

#[test]
fn a_server_of_http2_gets_its_own_name() {
    let test = "a_server_of_http2_gets_its_own_name";
    let bench = Bench::new();
    let Some(_curl) = program(test, "curl") else { return };
    let Some(origin) = Modern::https(test, &bench) else { return };
    let url = origin.url("https", "");
    let server = url.trim_end_matches('/');
    let ours = start(&bench, server, &[]);
    let here = format!("https://127.0.0.1:{}/two", ours.port);
    check(&curl(&bench, &["--http2", "-o", "/dev/null", &here]), "2");
    // Without TLS and with prior knowledge, to a server inside of TLS.
    let plain = format!("http://127.0.0.1:{}/two", ours.port);
    check(&curl(&bench, &["--http2-prior-knowledge", "-o", "/dev/null", &plain]), "2");
    ours.interrupt();
    let authority = server.strip_prefix("https://").unwrap();
    for request in origin.requests() {
        assert!(request.to_string().contains(authority), "{request:#}");
        assert!(!request.to_string().contains("127.0.0.1"), "{request:#}");
    }
    assert_eq!(origin.requests().len(), 2);
    for line in bench.lines() {
        assert_eq!(line["request"]["version"], "HTTP/2", "{line:#}");
        assert_eq!(field_set(&line).len(), 1, "{line:#}");
    }
}

#[test]
fn a_server_of_http2_gets_its_own_name_where_a_rule_changes_the_request() {
    let test = "a_server_of_http2_gets_its_own_name_where_a_rule_changes_the_request";
    let bench = Bench::new();
    let Some(_curl) = program(test, "curl") else { return };
    let Some(origin) = Modern::https(test, &bench) else { return };
    let url = origin.url("https", "");
    let server = url.trim_end_matches('/');
    let ours = start(&bench, server, &["--modify-headers", "/~q/x-added/yes"]);
    let here = format!("https://127.0.0.1:{}/two", ours.port);
    check(&curl(&bench, &["--http2", "-o", "/dev/null", &here]), "2");
    check(&curl(&bench, &["--http1.1", "-o", "/dev/null", &here]), "1.1");
    ours.interrupt();
    let authority = server.strip_prefix("https://").unwrap();
    let requests = origin.requests();
    for (request, name) in requests.iter().zip([":authority", "Host"]) {
        let headers = request["headers"].as_array().unwrap();
        let of = |name: &str| headers.iter().skip_while(|it| *it != name).nth(1);
        assert_eq!(of(name).unwrap(), authority, "{request:#}");
        assert_eq!(of("x-added").unwrap(), "yes", "{request:#}");
    }
    assert_eq!(requests.len(), 2, "{requests:#?}");
}

#[test]
fn a_server_that_is_not_trusted_is_not_stood_in_for() {
    let test = "a_server_that_is_not_trusted_is_not_stood_in_for";
    let Some(_curl) = program(test, "curl") else { return };
    let bench = Bench::new();
    // Its certificate is for other names.
    let origin = Origin::https(bench.ca.server_config(&["other.test"]), crate::harness::answer);
    let ours = start(&bench, &format!("https://localhost:{}", origin.port()), &[]);
    let output = curl(&bench, &[&format!("http://localhost:{}/", ours.port)]);
    let said = "sidestream: no TLS with the server: its certificate is for another name\n1.1";
    check(&output, said);
    let output = curl(&bench, &[&format!("https://localhost:{}/", ours.port)]);
    assert!(!output.status.success(), "{output:?}");
    ours.interrupt();
    assert!(origin.requests().is_empty());
    let text = serde_json::to_string(&bench.lines()).unwrap();
    assert_eq!(text.matches("its certificate is for another name").count(), 2, "{text}");
}

#[test]
fn bytes_are_passed_whatever_they_mean() {
    let bench = Bench::new();
    let origin = Origin::echo();
    let ours = start(&bench, &format!("tcp://127.0.0.1:{}", origin.port()), &[]);
    let mut client = std::net::TcpStream::connect(format!("127.0.0.1:{}", ours.port)).unwrap();
    let said = b"GET / HTTP/1.1\r\nHost: kept\r\n\r\n\x16\x03\x01";
    client.write_all(said).unwrap();
    client.shutdown(std::net::Shutdown::Write).unwrap();
    let mut back = Vec::new();
    client.read_to_end(&mut back).unwrap();
    assert_eq!(back, said);
    ours.interrupt();
    let lines = bench.lines();
    assert!(lines.iter().all(|line| line["via"] == "reverse"), "{lines:#?}");
}

#[test]
fn datagrams_are_passed_to_a_server_of_udp() {
    let test = "datagrams_are_passed_to_a_server_of_udp";
    let Some(dig) = program(test, "dig") else { return };
    let bench = Bench::new();
    let origin = DnsOrigin::serve(&[("a.test", [192, 0, 2, 7].into())]);
    let ours = start(&bench, &format!("udp://{}", origin.addr()), &[]);
    for _ in 0..2 {
        let mut command = Command::new(&dig);
        command.args(["@127.0.0.1", "-p", &ours.port, "+short", "+time=20", "a.test"]);
        check(&command.output().unwrap(), "192.0.2.7\n");
    }
    ours.interrupt();
    let lines = bench.lines();
    assert!(lines.len() >= 2 && lines.iter().all(|line| line["via"] == "reverse"), "{lines:#?}");
    assert!(lines.iter().all(|line| line["process"]["name"] == "dig"), "{lines:#?}");
}

#[test]
fn servers_see_the_address_that_was_chosen() {
    let test = "servers_see_the_address_that_was_chosen";
    let Some(python) = program(test, "python3") else { return };
    let bench = Bench::new();
    // Each says from where it is spoken to.
    let script = "import socket\nserver = socket.create_server(('127.0.0.1', 0))\n\
        print(server.getsockname()[1], flush=True)\n\
        client, peer = server.accept()\nclient.sendall(peer[0].encode())\nclient.close()";
    let mut command = Command::new(python);
    let mut origin = command.args(["-c", script]).stdout(Stdio::piped()).spawn().unwrap();
    let mut port = String::new();
    BufReader::new(origin.stdout.take().unwrap()).read_line(&mut port).unwrap();
    let server = format!("tcp://127.0.0.1:{}", port.trim());
    let ours = start(&bench, &server, &["--connect-addr", "127.0.0.7"]);
    let mut client = std::net::TcpStream::connect(format!("127.0.0.1:{}", ours.port)).unwrap();
    let mut said = String::new();
    client.read_to_string(&mut said).unwrap();
    assert_eq!(said, "127.0.0.7");
    drop(client);
    ours.interrupt();
    assert!(origin.wait().unwrap().success());
}

#[test]
fn servers_of_datagrams_see_the_address_that_was_chosen() {
    let test = "servers_of_datagrams_see_the_address_that_was_chosen";
    let Some(python) = program(test, "python3") else { return };
    let bench = Bench::new();
    let script = "import socket\nserver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
        server.bind(('127.0.0.1', 0))\nprint(server.getsockname()[1], flush=True)\n\
        _, peer = server.recvfrom(9)\nserver.sendto(peer[0].encode(), peer)";
    let mut command = Command::new(python);
    let mut origin = Running(command.args(["-c", script]).stdout(Stdio::piped()).spawn().unwrap());
    let mut port = String::new();
    BufReader::new(origin.stdout.take().unwrap()).read_line(&mut port).unwrap();
    let server = format!("udp://127.0.0.1:{}", port.trim());
    let ours = start(&bench, &server, &["--connect-addr", "127.0.0.7"]);
    let client = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_read_timeout(Some(std::time::Duration::from_secs(60))).unwrap();
    client.send_to(b"?", format!("127.0.0.1:{}", ours.port)).unwrap();
    let mut said = [0; 64];
    let bytes = client.recv(&mut said).unwrap();
    assert_eq!(&said[..bytes], b"127.0.0.7");
    ours.interrupt();
    assert!(origin.wait().unwrap().success());
}

#[test]
fn a_server_that_is_not_there_resets_its_clients() {
    let test = "a_server_that_is_not_there_resets_its_clients";
    let Some(_curl) = program(test, "curl") else { return };
    let bench = Bench::new();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let ours = start(&bench, &format!("http://{closed}"), &[]);
    let output = curl(&bench, &[&format!("http://127.0.0.1:{}/", ours.port)]);
    assert!(!output.status.success(), "{output:?}");
    ours.interrupt();
    let lines = bench.lines();
    assert_eq!(lines[0]["error"]["message"], "the server refused the connection", "{lines:#?}");
}
