//! Real programs are captured by what they are or by who they descend from, and others are not.

use std::net::{IpAddr, Ipv6Addr};
use std::path::Path;

use serde_json::Value;
use sidestream_testkit::{DnsOrigin, has_ipv6_loopback, skip};

use super::{Capturing, Waiting, can_capture, check_output, command, copy, line_to, unique};
use crate::go;
use crate::harness::{ANSWER, Bench, http, http_on, program};

/// Checks that the line tells of the process: what it is, and all that it descends from.
#[track_caller]
pub(super) fn check_process(line: &Value, path: &Path, pid: Option<u32>) {
    let process = &line["process"];
    assert_eq!(process["path"], path.to_str().unwrap(), "{line:#}");
    assert!(pid.is_none_or(|pid| process["pid"] == pid), "{line:#}");
    let parents = process["parents"].as_array().unwrap();
    assert!(parents.iter().any(|parent| parent["pid"] == std::process::id()), "{line:#}");
    assert_eq!(parents.last().unwrap()["pid"], 1, "{line:#}");
    assert_eq!(line["via"], "local", "{line:#}");
}

#[test]
fn a_program_is_captured_by_its_name_and_another_is_not() {
    let test = "a_program_is_captured_by_its_name_and_another_is_not";
    let bench = Bench::new();
    let name = unique("chosen");
    if !can_capture(test) {
        return;
    }
    let Some(chosen) = copy(test, &bench, "curl", &name) else { return };
    let Some(other) = copy(test, &bench, "curl", &unique("other")) else { return };
    let (origin, elsewhere) = (http(), http());
    let capturing = Capturing::start(&bench, &format!("name:{name}"), &[]);
    let told = capturing.told();
    assert!(told.contains(&format!("intercepting name:{name} on this machine")), "{told}");

    for (curl, origin) in [(&chosen, &origin), (&other, &elsewhere)] {
        let url = format!("http://{}/a?b=c", origin.addr());
        check_output(&command(&bench, curl, ["-sS", &url]).output().unwrap(), ANSWER);
        assert_eq!(origin.requests()[0].target(), "/a?b=c");
    }
    let lines = capturing.finish(&bench);
    assert_eq!(lines.len(), 1, "{lines:#?}");
    let line = line_to(&lines, "http", &origin.addr().to_string());
    assert_eq!(line["response"]["status"], 200, "{line:#}");
    check_process(line, &chosen, None);
}

#[test]
fn ipv6_is_captured() {
    let test = "ipv6_is_captured";
    if !can_capture(test) {
        return;
    }
    if !has_ipv6_loopback() {
        return skip(test, "no ::1 here");
    }
    let (bench, name) = (Bench::new(), unique("six"));
    let Some(curl) = copy(test, &bench, "curl", &name) else { return };
    let origin = http_on(Ipv6Addr::LOCALHOST);
    let capturing = Capturing::start(&bench, &name, &[]);
    let url = format!("http://[::1]:{}/", origin.port());
    // What the program sees as its peer is its server.
    let words = ["-sS", "-w", "%{remote_ip} %{remote_port}", &url];
    let output = command(&bench, &curl, words).output().unwrap();
    check_output(&output, &format!("{ANSWER}::1 {}", origin.port()));
    let lines = capturing.finish(&bench);
    let line = line_to(&lines, "http", &origin.addr().to_string());
    assert!(line["client"].as_str().unwrap().starts_with("[::1]:"), "{line:#}");
    check_process(line, &curl, None);
}

#[test]
fn a_program_sees_its_true_peer_and_its_own_true_address() {
    let test = "a_program_sees_its_true_peer_and_its_own_true_address";
    if !can_capture(test) {
        return;
    }
    let (bench, name) = (Bench::new(), unique("peer"));
    let Some(curl) = copy(test, &bench, "curl", &name) else { return };
    let origin = http();
    let capturing = Capturing::start(&bench, &name, &[]);
    let url = format!("http://{}/", origin.addr());
    let words = ["-sS", "-o", "/dev/null", "-w", "%{remote_ip} %{remote_port} %{local_ip}", &url];
    let output = command(&bench, &curl, words).output().unwrap();
    check_output(&output, &format!("127.0.0.1 {} 127.0.0.1", origin.port()));
    let lines = capturing.finish(&bench);
    let line = line_to(&lines, "http", &origin.addr().to_string());
    assert!(line["client"].as_str().unwrap().starts_with("127.0.0.1:"), "{line:#}");
}

#[test]
fn dns_over_udp_is_captured() {
    let test = "dns_over_udp_is_captured";
    if !can_capture(test) {
        return;
    }
    let Some(dig) = program(test, "dig") else { return };
    let bench = Bench::new();
    let address: IpAddr = "192.0.2.7".parse().unwrap();
    let origin = DnsOrigin::serve(&[("host.example.test", address)]);
    let port = origin.addr().port().to_string();
    let words = ["+short", "+tries=1", "-p", &port, "@127.0.0.1", "host.example.test"];
    let waiting = Waiting::new(command(&bench, &dig, words));
    let capturing = Capturing::start(&bench, &waiting.spec(), &[]);
    check_output(&waiting.run(), "192.0.2.7\n");
    let lines = capturing.finish(&bench);
    let line = line_to(&lines, "dns", &origin.addr().to_string());
    assert_eq!(line["query"]["questions"][0]["name"], "host.example.test", "{line:#}");
    assert_eq!(line["answer"]["answers"][0]["data"], "192.0.2.7", "{line:#}");
    assert_eq!(line["process"]["name"], "dig", "{line:#}");
}

/// Checks that what a program of a chosen tree fetches over TLS is read; `trusting` is the
/// variable by which it trusts our root.
#[track_caller]
fn check_runtime(test: &str, name: &str, args: &[&str], trusting: &str) {
    if !can_capture(test) {
        return;
    }
    let Some(program) = program(test, name) else { return };
    check_fetch(&Bench::new(), &program, args, trusting);
}

#[track_caller]
fn check_fetch(bench: &Bench, program: &Path, args: &[&str], trusting: &str) {
    let origin = bench.https();
    let url = format!("https://localhost:{}/x", origin.port());
    let mut fetch = command(bench, program, [args, &[&url]].concat());
    fetch.env(trusting, bench.path("conf/root-cert.pem"));
    let waiting = Waiting::new(fetch);
    let capturing = Capturing::start(bench, &waiting.spec(), &["--ca-trusted"]);
    let output = waiting.run();
    let (code, told) = capturing.interrupt();
    assert!(output.status.success() && code == Some(0), "{output:?} {code:?}\n{told}");
    check_output(&output, ANSWER);
    let lines = bench.lines();
    let line = lines.iter().find(|line| line["request"]["url"] == url.as_str());
    let line = line.unwrap_or_else(|| panic!("no {url}: {lines:#?}"));
    assert_eq!(line["tls"]["sni"], "localhost", "{line:#}");
    assert_eq!(origin.requests()[0].target(), "/x");
    check_process(line, &std::fs::canonicalize(program).unwrap(), None);
}

#[test]
fn python_is_captured() {
    let script = "import sys, urllib.request as r; \
        sys.stdout.write(r.urlopen(sys.argv[1]).read().decode())";
    check_runtime("python_is_captured", "python3", &["-c", script], "SSL_CERT_FILE");
}

#[test]
fn node_is_captured() {
    let script = "fetch(process.argv[1]).then(r => r.text()).then(t => process.stdout.write(t))";
    check_runtime("node_is_captured", "node", &["-e", script], "NODE_EXTRA_CA_CERTS");
}

#[test]
fn static_go_is_captured() {
    let test = "static_go_is_captured";
    if !can_capture(test) {
        return;
    }
    let Some(go) = program(test, "go") else { return };
    let bench = Bench::new();
    let fetch = go::build(go.to_str().unwrap(), &bench, go::SOURCE);
    check_fetch(&bench, Path::new(&fetch), &[], "SSL_CERT_FILE");
}

#[test]
fn java_is_captured() {
    let test = "java_is_captured";
    if !can_capture(test) {
        return;
    }
    let Some(java) = program(test, "java") else { return };
    let (bench, origin) = (Bench::new(), http());
    let source = bench.write("Fetch.java", crate::java::SOURCE);
    let url = format!("http://localhost:{}/java", origin.port());
    let words = [source.to_str().unwrap(), &url];
    let waiting = Waiting::new(command(&bench, &java, words));
    let capturing = Capturing::start(&bench, &waiting.spec(), &[]);
    check_output(&waiting.run(), ANSWER);
    let lines = capturing.finish(&bench);
    let line = line_to(&lines, "http", &origin.addr().to_string());
    check_process(line, &std::fs::canonicalize(java).unwrap(), None);
}
