//! The explicit proxy, and clients that are told of it.

use std::io::{BufRead, BufReader};
use std::process::{ChildStderr, Command, Output, Stdio};

use sidestream_testkit::skip;

use crate::harness::{ANSWER, Bench, Running, http, program};
use crate::modern::Modern;

/// A proxy at work, and where it listens.
struct Proxy {
    child: Running,
    addr: String,
    stderr: BufReader<ChildStderr>,
}

fn start(bench: &Bench) -> Proxy {
    start_with(bench, &[])
}

fn start_with(bench: &Bench, options: &[&str]) -> Proxy {
    let mut command = bench.sidestream(["--mode", "Regular@127.0.0.1:0", "--json"]);
    command.arg(bench.path("flows.json")).args(options).stderr(Stdio::piped());
    let mut child = Running(command.spawn().unwrap());
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    stderr.read_line(&mut line).unwrap();
    let addr = line.strip_prefix("sidestream: listening on ").unwrap();
    let addr = addr.split(',').next().unwrap().to_owned();
    Proxy { child, addr, stderr }
}

impl Proxy {
    /// Asks it to end as Ctrl-C does, and returns what it printed.
    fn interrupt(mut self) -> (Option<i32>, String) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        let mut printed = String::new();
        std::io::Read::read_to_string(&mut self.stderr, &mut printed).unwrap();
        (self.child.wait().unwrap().code(), printed)
    }
}

fn curl(proxy: &Proxy, args: &[&str]) -> Option<Output> {
    let mut command = Command::new("/usr/bin/curl");
    // An address of loopback is not proxied otherwise.
    command.args(["-sS", "--noproxy", "", "--proxy", &format!("http://{}", proxy.addr)]);
    command.args(args).output().ok()
}

#[test]
fn regular_serves_plain_and_tunneled_requests() {
    let bench = Bench::new();
    let (plain, secure) = (http(), bench.https());
    let proxy = start(&bench);
    let url = format!("http://127.0.0.1:{}/plain", plain.port());
    let Some(output) = curl(&proxy, &[&url]) else {
        drop(proxy.interrupt());
        return skip("regular_serves_plain_and_tunneled_requests", "no curl here");
    };
    assert_eq!(String::from_utf8_lossy(&output.stdout), ANSWER);
    let secure_url = format!("https://localhost:{}/secure", secure.port());
    let root = bench.path("conf/root-cert.pem");
    let output = curl(&proxy, &["--cacert", root.to_str().unwrap(), &secure_url]).unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(String::from_utf8_lossy(&output.stdout), ANSWER, "{err}");

    let (code, printed) = proxy.interrupt();
    assert_eq!(code, Some(0), "{printed}");
    assert!(printed.contains(&url) && printed.contains(&secure_url), "{printed}");
    assert!(!printed.contains("CONNECT"), "{printed}");
    let lines = bench.lines();
    let told: Vec<_> = lines.iter().map(|line| line["request"]["method"].as_str()).collect();
    assert_eq!(told, [Some("GET"), Some("CONNECT"), Some("GET")], "{lines:#?}");
    assert!(lines[2]["tls"].is_object(), "{:#}", lines[2]);
    assert_eq!(lines[0]["process"]["name"], "curl", "{:#}", lines[0]);
    assert_eq!(plain.requests()[0].target(), "/plain");
    assert_eq!(secure.requests()[0].target(), "/secure");
}

#[test]
fn regular_asks_for_a_password_that_is_told_to_nobody() {
    let test = "regular_asks_for_a_password_that_is_told_to_nobody";
    let Some(_curl) = program(test, "curl") else { return };
    let bench = Bench::new();
    let (plain, secure) = (http(), bench.https());
    let session = bench.path("flows.sidestream");
    let options = ["--proxy-auth", "someone:hush-hush", "-vv", "--show-secrets", "--session"];
    let options = [&options[..], &[session.to_str().unwrap()]].concat();
    let proxy = start_with(&bench, &options);
    let url = format!("http://127.0.0.1:{}/", plain.port());
    let root = bench.path("conf/root-cert.pem");
    let secure_url = format!("https://localhost:{}/", secure.port());
    let secure_args = ["--cacert", root.to_str().unwrap(), &secure_url];
    let answered = |user: &str, args: &[&str]| {
        let told = ["--proxy-user", user, "-w", "%{http_connect} %{http_code}"];
        let output = curl(&proxy, &[&told[..], args].concat()).unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert_eq!(answered("someone:hush-hush", &[&url]), format!("{ANSWER}000 200"));
    assert_eq!(answered("someone:hush-hush", &secure_args), format!("{ANSWER}200 200"));
    let wrong = answered("someone:wrong", &[&url]);
    assert!(wrong.contains("which are missing or wrong") && wrong.ends_with(" 407"), "{wrong}");
    assert_eq!(answered("someone:wrong", &secure_args), "407 000");
    // Asked for it first, as a browser does.
    let any = answered("someone:hush-hush", &["--proxy-anyauth", &url]);
    assert!(any.ends_with(&format!("{ANSWER}000 200")), "{any}");
    let (code, printed) = proxy.interrupt();
    assert_eq!(code, Some(0), "{printed}");
    assert_eq!((plain.requests().len(), secure.requests().len()), (2, 1));
    assert_eq!(plain.requests()[0].header("Proxy-Authorization"), None);
    let files = [session, bench.path("flows.json")].map(|path| std::fs::read(path).unwrap());
    for text in [printed.into_bytes()].iter().chain(&files) {
        // `someone:hush-hush` as it goes over the wire.
        for secret in [&b"c29tZW9uZTpodXNoLWh1c2g="[..], b"hush-hush"] {
            let found = text.windows(secret.len()).any(|part| part == secret);
            assert!(!found, "{}", String::from_utf8_lossy(text));
        }
    }
}

/// Writes a file of users whose password is `hush-hush` and who are named as their hashes: made by
/// OpenSSL, and that of bcrypt, whose password is `myPassword`, by Apache's own documentation.
fn users(bench: &Bench, openssl: &std::path::Path) -> std::path::PathBuf {
    let made = Command::new(openssl).args(["passwd", "-apr1", "hush-hush"]).output().unwrap();
    let apr1 = String::from_utf8(made.stdout).unwrap();
    let bcrypt = "$2y$05$c4WoMPo3SXsafkva.HHa6uXQZWr7oboPiC2bT/r7q1BB8I2s0BRqC";
    bench.write("users", &format!("apr1:{apr1}bcrypt:{bcrypt}\n"))
}

#[test]
fn regular_serves_the_users_of_a_file_that_may_change() {
    let test = "regular_serves_the_users_of_a_file_that_may_change";
    let (Some(_curl), Some(openssl)) = (program(test, "curl"), program(test, "openssl")) else {
        return;
    };
    let bench = Bench::new();
    let (plain, secure) = (http(), bench.https());
    let file = users(&bench, &openssl);
    let proxy = start_with(&bench, &["--proxy-auth", &format!("@{}", file.display())]);
    let url = format!("http://127.0.0.1:{}/", plain.port());
    let root = bench.path("conf/root-cert.pem");
    let secure_url = format!("https://localhost:{}/", secure.port());
    let secure_args = ["--cacert", root.to_str().unwrap(), &secure_url];
    let answered = |user: &str, args: &[&str]| {
        let told = ["--proxy-user", user, "-o", "/dev/null", "-w", "%{http_connect} %{http_code}"];
        let output = curl(&proxy, &[&told[..], args].concat()).unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    for user in ["apr1:hush-hush", "bcrypt:myPassword"] {
        assert_eq!(answered(user, &[&url]), "000 200", "{user}");
        assert_eq!(answered(user, &secure_args), "200 200", "{user}");
    }
    for user in ["apr1:wrong", "bcrypt:", "nobody:hush-hush", "late:hush-hush"] {
        assert_eq!(answered(user, &[&url]), "000 407", "{user}");
    }
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("apr1:", "late:")).unwrap();
    // The file has another time or another length now; a clock may be coarse.
    std::fs::write(&file, std::fs::read_to_string(&file).unwrap() + "\n").unwrap();
    assert_eq!(answered("late:hush-hush", &[&url]), "000 200");
    assert_eq!(answered("apr1:hush-hush", &[&url]), "000 407");
    if let Some(python) = program(test, "python3") {
        let script = "import sys, urllib.request as r
print(r.build_opener(r.ProxyHandler({'http': sys.argv[2]})).open(sys.argv[1]).status)";
        let through = format!("http://late:hush-hush@{}", proxy.addr);
        let output = Command::new(python).args(["-c", script, &url, &through]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "200\n");
    }
    let (code, printed) = proxy.interrupt();
    assert_eq!(code, Some(0), "{printed}");
    assert!(!printed.contains("hush"), "{printed}");
}

#[test]
fn a_file_of_users_that_cannot_be_checked_is_told_at_the_start() {
    let bench = Bench::new();
    let file = bench.write("users", "# those\nsomeone:plain\n");
    let mut command = bench.sidestream(["--mode", "regular@127.0.0.1:0", "--proxy-auth"]);
    let output = command.arg(format!("@{}", file.display())).output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && err.contains("line 2 of"), "{err}");
    assert!(err.contains("htpasswd -B") && !err.contains("plain"), "{err}");
}

#[test]
fn regular_ends_at_once_when_asked_twice() {
    let bench = Bench::new();
    let held = sidestream_testkit::Origin::tcp(|wire| {
        // Answers nothing until the other side goes.
        std::io::copy(wire, &mut std::io::sink()).map(drop)
    });
    let proxy = start(&bench);
    let mut client = std::net::TcpStream::connect(&proxy.addr).unwrap();
    let request = format!("GET http://{}/ HTTP/1.1\r\nHost: x\r\n\r\n", held.addr());
    std::io::Write::write_all(&mut client, request.as_bytes()).unwrap();
    while held.received().first().is_none_or(Vec::is_empty) {
        std::thread::yield_now();
    }
    let mut child = proxy.child;
    for _ in 0..2 {
        let pid = child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let lines = bench.lines();
    assert_eq!(lines[0]["kind"], "http", "{lines:#?}");
    assert_eq!(lines[0]["error"]["message"], "the proxy was stopped", "{lines:#?}");
}

#[test]
fn a_port_in_use_is_named() {
    let bench = Bench::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mode = format!("regular@{}", taken.local_addr().unwrap().port());
    let output = bench.sidestream(["--mode", &mode]).output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert!(err.contains("in use by another program"), "{err}");
}

#[test]
fn regular_serves_http2_in_a_tunnel() {
    let test = "regular_serves_http2_in_a_tunnel";
    let bench = Bench::new();
    let Some(_curl) = program(test, "curl") else { return };
    let Some(origin) = Modern::https(test, &bench) else { return };
    let proxy = start(&bench);
    let root = bench.path("conf/root-cert.pem");
    let url = origin.url("https", "tunneled");
    let told = ["--http2", "-o", "/dev/null", "-w", "%{http_version}"];
    let trusting = ["--cacert", root.to_str().unwrap(), &url];
    let output = curl(&proxy, &[&told[..], &trusting].concat()).unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "2", "{err}");

    let (code, printed) = proxy.interrupt();
    assert_eq!(code, Some(0), "{printed}");
    let lines = bench.lines();
    let versions: Vec<_> = lines.iter().map(|line| line["request"]["version"].as_str()).collect();
    assert_eq!(versions, [Some("HTTP/1.1"), Some("HTTP/2")], "{lines:#?}");
    assert_eq!(origin.requests().len(), 1);
}

#[test]
fn a_client_of_regular_takes_the_root_from_the_page() {
    let bench = Bench::new();
    let proxy = start(&bench);
    let Some(output) = curl(&proxy, &["http://sidestream.internal/sidestream-ca.pem"]) else {
        drop(proxy.interrupt());
        return skip("a_client_of_regular_takes_the_root_from_the_page", "no curl here");
    };
    let root = std::fs::read_to_string(bench.path("conf/root-cert.pem")).unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), root);
    let page = curl(&proxy, &["http://sidestream.internal/"]).unwrap();
    let shown = bench.sidestream(["ca", "show"]).output().unwrap();
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    let fingerprint = shown.lines().find_map(|line| line.strip_prefix("SHA-256")).unwrap().trim();
    assert!(String::from_utf8_lossy(&page.stdout).contains(fingerprint), "{page:?}");
    let (code, printed) = proxy.interrupt();
    assert_eq!(code, Some(0), "{printed}");
    assert!(printed.contains("http://sidestream.internal/sidestream-ca.pem"), "{printed}");
}
