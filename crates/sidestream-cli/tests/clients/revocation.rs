//! Clients that accept no certificate of which they cannot find out that it is not revoked.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{ChildStderr, Command, Output, Stdio};

use serde_json::Value;
use sidestream_testkit::Origin;

use crate::harness::{ANSWER, Bench, Running, answer, program, under_seccomp};

/// Where the list is under `sidestream run`, at a port that OpenSSL leaves out of `Host`.
const IN_RUN: &str = "http://127.183.115.1";
/// Where it is for clients that leave names to us.
const BY_NAME: &str = "http://sidestream.internal/";

/// Has Java take nothing unchecked; it has no OCSP to ask, and takes a list.
const STRICT_JAVA: [&str; 2] =
    ["-Dcom.sun.net.ssl.checkRevocation=true", "-Dcom.sun.security.enableCRLDP=true"];

const SOURCE: &str = r#"
import java.net.URI;

public class Strict {
    public static void main(String[] args) throws Exception {
        try (var in = URI.create(args[0]).toURL().openConnection().getInputStream()) {
            System.out.write(in.readAllBytes());
        }
        System.out.flush();
    }
}
"#;

/// Sidestream at work, and where it listens.
struct Ours {
    child: Running,
    addr: String,
    stderr: BufReader<ChildStderr>,
}

impl Ours {
    fn start(bench: &Bench, mode: &str) -> Self {
        let mut command = bench.sidestream(["--mode", &format!("{mode}@127.0.0.1:0"), "--json"]);
        command.arg(bench.path("flows.json")).stderr(Stdio::piped());
        let mut child = Running(command.spawn().unwrap());
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.starts_with("sidestream: listening on ") {
            line.clear();
            assert!(stderr.read_line(&mut line).unwrap() > 0, "it ended");
        }
        let addr = line.split([' ', ',']).nth(3).unwrap().to_owned();
        Self { child, addr, stderr }
    }

    fn port(&self) -> &str {
        self.addr.rsplit(':').next().unwrap()
    }

    /// Asks it to end as Ctrl-C does.
    fn interrupt(mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        let mut printed = String::new();
        self.stderr.read_to_string(&mut printed).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0), "{printed}");
    }

    /// Takes a file from the page.
    fn take(&self, bench: &Bench, scheme: &str, name: &str) -> PathBuf {
        let path = bench.path(name);
        let output = Command::new("curl")
            .args(["-sSf", "--noproxy", "", "--proxy", &format!("{scheme}://{}", self.addr), "-o"])
            .arg(&path)
            .arg(format!("{BY_NAME}{name}"))
            .output();
        let output = output.unwrap();
        assert!(output.status.success(), "{output:?}");
        path
    }
}

/// Finds what the list was asked for with, and checks that it was had.
#[track_caller]
fn check_asked(lines: &[Value], base: &str, process: &str) {
    let url = |line: &&Value| line["request"]["url"].as_str().unwrap_or_default().to_owned();
    let is_it = |line: &&Value| {
        let is_theirs = line["process"]["name"] == process;
        is_theirs
            && url(line).starts_with(base.trim_end_matches('/'))
            && url(line).ends_with(".crl")
    };
    let asked: Vec<_> = lines.iter().filter(is_it).collect();
    let [line, ..] = asked[..] else { panic!("nobody asked for the list: {lines:#?}") };
    assert_eq!(line["response"]["status"], 200, "{line:#}");
}

/// Starts an origin that closes behind each answer, for which OpenSSL's client waits.
fn closing(bench: &Bench) -> Origin {
    let config = bench.ca.server_config(&["localhost", "127.0.0.1", "::1"]);
    Origin::https(config, |request, wire| {
        answer(request, wire)?;
        wire.close()
    })
}

/// Has OpenSSL ask for a page and check all it can, to succeed only then.
fn strict_openssl(port: u16, options: &str) -> String {
    format!(
        "printf 'GET / HTTP/1.1\\r\\nHost: localhost:{port}\\r\\nConnection: close\\r\\n\\r\\n' | \
         timeout 60 openssl s_client -quiet -verify_return_error -crl_check -crl_download -x509_strict \
         -servername localhost -verify_hostname localhost {options}"
    )
}

fn java_under_run() {
    let Some(java) = program("java_that_checks_revocation_is_read_under_run", "java") else {
        return;
    };
    let bench = Bench::new();
    let origin = bench.https();
    let url = format!("https://localhost:{}/strict", origin.port());
    let source = bench.write("Strict.java", SOURCE);
    let words = [&[java.to_str().unwrap()], &STRICT_JAVA[..], &[source.to_str().unwrap(), &url]];
    let ran = bench.run(words.concat());
    ran.check_success(ANSWER).check_http("GET", &url, 200, "java");
    check_asked(&ran.lines, IN_RUN, "java");
}

fn openssl_under_run() {
    let test = "openssl_that_checks_revocation_is_read_under_run";
    if program(test, "openssl").is_none() {
        return;
    }
    let bench = Bench::new();
    let origin = closing(&bench);
    let port = origin.port();
    let script = strict_openssl(port, &format!("-connect 127.0.0.1:{port}"));
    let ran = bench.run(["sh", "-c", &script]);
    assert!(ran.stdout.ends_with(ANSWER), "{}\n{}", ran.stdout, ran.stderr);
    ran.check_http("GET", &format!("https://localhost:{port}/"), 200, "openssl");
    check_asked(&ran.lines, IN_RUN, "openssl");
}

#[test]
fn java_that_checks_revocation_is_read_under_run() {
    java_under_run();
}

#[test]
fn java_that_checks_revocation_is_read_under_seccomp() {
    under_seccomp(java_under_run);
}

#[test]
fn openssl_that_checks_revocation_is_read_under_run() {
    openssl_under_run();
}

#[test]
fn openssl_that_checks_revocation_is_read_under_seccomp() {
    under_seccomp(openssl_under_run);
}

#[track_caller]
fn check_output(output: &Output, end: &str) {
    let err = String::from_utf8_lossy(&output.stderr);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.ends_with(end), "{said}\n{err}");
}

#[test]
fn java_that_checks_revocation_is_read_through_a_proxy() {
    let test = "java_that_checks_revocation_is_read_through_a_proxy";
    let Some(java) = program(test, "java") else { return };
    if program(test, "curl").is_none() {
        return;
    }
    let bench = Bench::new();
    let origin = bench.https();
    let ours = Ours::start(&bench, "regular");
    let root = ours.take(&bench, "http", "sidestream-ca.p12");
    let source = bench.write("Strict.java", SOURCE);
    let url = format!("https://localhost:{}/strict", origin.port());
    let mut command = Command::new(java);
    command.args(STRICT_JAVA).arg(format!("-Djavax.net.ssl.trustStore={}", root.display()));
    command.arg("-Djavax.net.ssl.trustStorePassword=sidestream");
    for scheme in ["http", "https"] {
        command.arg(format!("-D{scheme}.proxyHost=127.0.0.1"));
        command.arg(format!("-D{scheme}.proxyPort={}", ours.port()));
    }
    // An address of loopback is not proxied otherwise.
    let output = command.arg("-Dhttp.nonProxyHosts=").arg(source).arg(&url).output().unwrap();
    ours.interrupt();
    check_output(&output, ANSWER);
    check_asked(&bench.lines(), BY_NAME, "java");
}

#[test]
fn openssl_that_checks_revocation_is_read_through_a_proxy() {
    let test = "openssl_that_checks_revocation_is_read_through_a_proxy";
    if program(test, "openssl").is_none() || program(test, "curl").is_none() {
        return;
    }
    let bench = Bench::new();
    let origin = closing(&bench);
    let port = origin.port();
    let ours = Ours::start(&bench, "regular");
    let root = ours.take(&bench, "http", "sidestream-ca.pem");
    let proxy = format!("http://{}", ours.addr);
    let through = format!("-proxy {} -connect localhost:{port}", ours.addr);
    let script = strict_openssl(port, &format!("{through} -CAfile {}", root.display()));
    let output = Command::new("sh").args(["-c", &script]).env("http_proxy", &proxy).output();
    check_output(&output.unwrap(), ANSWER);
    let leaf = bench.path("leaf.pem");
    let shown = Command::new("openssl")
        .args(["s_client", "-showcerts", "-servername", "localhost"])
        .args(through.split(' '))
        .stdin(Stdio::null())
        .output();
    std::fs::write(&leaf, shown.unwrap().stdout).unwrap();
    check_list(&bench, &ours, "http", &leaf);
    ours.interrupt();
    check_asked(&bench.lines(), BY_NAME, "openssl");
}

/// Checks that OpenSSL takes the certificate in a file with the list to which it points.
#[track_caller]
fn check_list(bench: &Bench, ours: &Ours, scheme: &str, leaf: &Path) {
    let openssl = |args: &[&str]| Command::new("openssl").args(args).output().unwrap();
    let leaf = leaf.to_str().unwrap();
    let told = openssl(&["x509", "-in", leaf, "-noout", "-ext", "crlDistributionPoints"]);
    let told = String::from_utf8(told.stdout).unwrap();
    let name = told.split_once(BY_NAME).unwrap_or_else(|| panic!("{told}")).1.trim();
    let root = ours.take(bench, scheme, "sidestream-ca.pem");
    let list = ours.take(bench, scheme, name);
    let (root, list) = (root.to_str().unwrap(), list.to_str().unwrap());
    let args = ["crl", "-inform", "DER", "-in", list, "-noout", "-verify", "-CAfile", root];
    let said = openssl(&args);
    assert!(String::from_utf8_lossy(&said.stderr).contains("verify OK"), "{said:?}");
    let pem = bench.path("list.pem");
    let pem = pem.to_str().unwrap();
    check_output(&openssl(&["crl", "-inform", "DER", "-in", list, "-out", pem]), "");
    let strict = ["verify", "-x509_strict", "-crl_check", "-CAfile", root, "-CRLfile", pem, leaf];
    check_output(&openssl(&strict), "leaf.pem: OK\n");
}

/// Returns the certificate that curl is shown, in words.
#[track_caller]
fn shown(origin: &Origin, args: &[&str]) -> String {
    let url = format!("https://localhost:{}/", origin.port());
    let args = [&["-sSk4", "-o", "/dev/null", "-w", "%{certs}"], args].concat();
    let output = Command::new("curl").args(args).arg(&url).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("Issuer:CN = Sidestream"), "{text}");
    text
}

#[test]
fn who_could_not_ask_for_the_list_is_not_pointed_to_it() {
    let test = "who_could_not_ask_for_the_list_is_not_pointed_to_it";
    if program(test, "curl").is_none() || program(test, "openssl").is_none() {
        return;
    }
    let bench = Bench::new();
    let origin = bench.https();
    let ours = Ours::start(&bench, "socks5");
    let by = |scheme: &str| {
        shown(&origin, &["--noproxy", "", "--proxy", &format!("{scheme}://{}", ours.addr)])
    };
    let leaf = bench.path("leaf.pem");
    let named = by("socks5h");
    let pem = &named[named.find("-----BEGIN").unwrap()..];
    std::fs::write(&leaf, pem).unwrap();
    check_list(&bench, &ours, "socks5h", &leaf);
    // Who looks names up itself does not find ours.
    let unnamed = by("socks5");
    assert!(!unnamed.contains("URI:"), "{unnamed}");
    ours.interrupt();
    let ours = Ours::start(&bench, &format!("reverse:https://localhost:{}", origin.port()));
    let to = format!("localhost:{}:127.0.0.1:{}", origin.port(), ours.port());
    let unnamed = shown(&origin, &["--connect-to", &to, "--noproxy", "*"]);
    assert!(!unnamed.contains("URI:"), "{unnamed}");
    ours.interrupt();
}
