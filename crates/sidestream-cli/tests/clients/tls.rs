//! How TLS is spoken, and what is told of it.

use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use sidestream_testkit::Origin;

use crate::harness::{ANSWER, Bench, program};
use crate::modern::Modern;

/// Runs curl, with options of our own, for a page over TLS.
fn ask(bench: &Bench, origin: &Origin, options: &[&str], curl: &[&str]) -> crate::harness::Ran {
    let mut command = bench.sidestream(["run", "--json"]);
    command.arg(bench.path("flows.json")).args(options).args(["--", "/usr/bin/curl", "-sS4"]);
    command.args(curl).arg(format!("https://localhost:{}/", origin.port()));
    bench.finish(&mut command)
}

#[test]
fn a_flow_tells_in_what_its_server_was_offered_something_else() {
    let test = "a_flow_tells_in_what_its_server_was_offered_something_else";
    if program(test, "curl").is_none() {
        return;
    }
    let bench = Bench::new();
    let origin = bench.https();
    let ran = ask(&bench, &origin, &[], &["--curves", "P-256"]);
    let url = format!("https://localhost:{}/", origin.port());
    let line = ran.check_success(ANSWER).check_http("GET", &url, 200, "curl");
    assert_eq!(line["tls"]["group"], "secp256r1");
    assert_eq!(line["server_tls"]["group"], "secp256r1");
    assert_eq!(line["server_tls"]["version"], line["tls"]["version"]);
    let parts = line["server_tls"]["differences"].as_array().unwrap();
    let ciphers = parts.iter().find(|part| part["part"] == "ciphers").unwrap();
    assert!(ciphers["withheld"].as_array().unwrap().len() > 5, "{line:#}");
    assert!(!parts.iter().any(|part| part["part"] == "groups"), "{line:#}");
}

#[test]
fn a_session_that_python_resumes_is_resumed_with_its_server() {
    const SCRIPT: &str = r"
import socket, ssl, sys
context = ssl.create_default_context()
context.maximum_version = getattr(ssl.TLSVersion, sys.argv[2])
def ask(session):
    raw = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
    with context.wrap_socket(raw, server_hostname='localhost', session=session) as tls:
        tls.sendall(b'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
        answer = b''
        while not answer.endswith(b'origin\n'):
            answer += tls.recv(4096)
        print(tls.session_reused)
        return tls.session
ask(ask(None))
ask(None)
";
    let test = "a_session_that_python_resumes_is_resumed_with_its_server";
    let Some(python) = program(test, "python3") else { return };
    for version in ["TLSv1_2", "TLSv1_3"] {
        let bench = Bench::new();
        let origin = bench.https();
        let port = origin.port().to_string();
        let ran = bench.run([python.to_str().unwrap(), "-c", SCRIPT, &port, version]);
        ran.check_success("False\nTrue\nFalse\n");
        let [first, second, other] = &ran.lines[..] else { panic!("{:#?}", ran.lines) };
        let resumed = |line: &serde_json::Value| {
            ["tls", "server_tls"].map(|leg| line[leg]["resumed"].as_bool().unwrap())
        };
        assert_eq!((resumed(first), resumed(second)), ([false; 2], [true; 2]), "{version}");
        // There is none in the handshake of what is resumed: it is that of the one before.
        let shown = |line: &serde_json::Value| line["server_tls"]["certificate"].clone();
        assert!(shown(first)["sha256"].is_string(), "{first:#}");
        assert_eq!(shown(first), shown(second), "{version}");
        // Who shows no session gets none of another's.
        assert_eq!(resumed(other), [false; 2], "{version}");
    }
}

#[test]
fn what_a_server_shows_is_in_the_session_once_as_openssl_sees_it() {
    let test = "what_a_server_shows_is_in_the_session_once_as_openssl_sees_it";
    let Some(_curl) = program(test, "curl") else { return };
    let Some((openssl, sqlite)) = program(test, "openssl").zip(program(test, "sqlite3")) else {
        return;
    };
    let bench = Bench::new();
    let origin = bench.https();
    let run = |command: &mut Command| {
        let output = command.current_dir(bench.folder.path()).stdin(Stdio::null()).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let of = |pem: &str, what: &[&str]| {
        std::fs::write(bench.path("one.pem"), pem).unwrap();
        let mut command = Command::new(&openssl);
        command.args(["x509", "-in", "one.pem", "-noout"]).args(what);
        run(&mut command).split_once('=').unwrap().1.trim().to_owned()
    };
    let fingerprint =
        |pem: &str| of(pem, &["-fingerprint", "-sha256"]).replace(':', "").to_ascii_lowercase();
    // What the server shows to whoever asks it without us.
    let address = format!("localhost:{}", origin.port());
    let mut asked = Command::new(&openssl);
    asked.args(["s_client", "-servername", "localhost", "-showcerts", "-connect", &address]);
    let asked = run(&mut asked);
    let shown = pems(&asked);
    assert!(!shown.is_empty(), "{asked}");

    let script = format!("for i in 1 2 3; do curl -sS4 https://{address}/; done");
    run(&mut bench.sidestream(["run", "--session", "a.session", "--", "sh", "-c", &script]));
    let query = "SELECT lower(hex(sha256)) FROM certificate WHERE subject = '";
    let table = |session: &str, pem: &str| {
        let subject = of(pem, &["-subject", "-nameopt", "RFC2253"]);
        run(Command::new(&sqlite).arg(session).arg(format!("{query}{subject}'")))
    };
    assert_eq!(table("a.session", &shown[0]), format!("{}\n", fingerprint(&shown[0])));
    let count = "SELECT count(*) FROM certificate";
    let count = run(Command::new(&sqlite).arg("a.session").arg(count));
    assert_eq!(count, format!("{}\n", shown.len()));

    let lines = run(&mut bench.sidestream(["session", "show", "a.session", "--json"]));
    let lines = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let lines: Vec<_> = lines.filter(|line| line["kind"] == "http").collect();
    assert_eq!(lines.len(), 3);
    for line in &lines {
        let told = &line["server_tls"]["certificate"];
        assert_eq!(told["sha256"], fingerprint(&shown[0]), "{line:#}");
        assert_eq!(told["serial"], of(&shown[0], &["-serial"]).to_ascii_lowercase(), "{line:#}");
        assert_eq!(told["chain"].as_array().unwrap().len(), shown.len() - 1, "{line:#}");
        assert!(told["names"].as_array().unwrap().contains(&"localhost".into()), "{line:#}");
        // It showed ours, and nobody showed us one.
        assert_eq!(line["tls"].get("certificate"), None, "{line:#}");
    }
    let printed = run(&mut bench.sidestream(["session", "show", "a.session", "1"]));
    assert!(printed.contains(&fingerprint(&shown[0])), "{printed}");

    // All of it, byte for byte, and back again.
    let exported = ["export", "mitmproxy", "a.session", "-o", "a.flows"];
    run(&mut bench.sidestream(exported));
    let dump = std::fs::read(bench.path("a.flows")).unwrap();
    let exported = pems(&String::from_utf8_lossy(&dump));
    let expected: Vec<_> = (0..3).flat_map(|_| shown.iter().map(|pem| fingerprint(pem))).collect();
    assert_eq!(exported.iter().map(|pem| fingerprint(pem)).collect::<Vec<_>>(), expected);
    run(&mut bench.sidestream(["import", "a.flows", "b.session"]));
    assert_eq!(table("b.session", &shown[0]), format!("{}\n", fingerprint(&shown[0])));
}

/// Cuts out the certificates in a text.
fn pems(text: &str) -> Vec<String> {
    let end = "-----END CERTIFICATE-----\n";
    let pieces = text.split("-----BEGIN CERTIFICATE-----").skip(1);
    let inside = pieces.filter_map(|piece| piece.split_once(end));
    inside.map(|(inside, _)| format!("-----BEGIN CERTIFICATE-----{inside}{end}")).collect()
}

#[test]
fn a_server_that_asks_is_given_the_certificate_of_its_host() {
    let test = "a_server_that_asks_is_given_the_certificate_of_its_host";
    if program(test, "curl").is_none() || program(test, "openssl").is_none() {
        return;
    }
    let bench = Bench::new();
    let Some(origin) = Modern::https(test, &bench) else { return };
    let folder = bench.path("mine");
    std::fs::create_dir(&folder).unwrap();
    for host in ["localhost", "other.test"] {
        let made = Command::new("/usr/bin/openssl")
            .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj"])
            .arg(format!("/CN=me at {host}"))
            .args(["-keyout", "key.pem", "-out", "certificate.pem"])
            .current_dir(bench.folder.path())
            .output();
        assert!(made.unwrap().status.success());
        let parts = ["certificate.pem", "key.pem"].map(|name| std::fs::read(bench.path(name)));
        let text = parts.map(Result::unwrap).concat();
        std::fs::write(folder.join(format!("{host}.pem")), text).unwrap();
    }
    let url = origin.url("https", "who");
    for (options, expected) in [(&[][..], "nobody\n"), (&["--client-certs", "mine"], ASKED)] {
        let mut command = bench.sidestream(["run", "--json"]);
        command.arg(bench.path("flows.json")).args(options);
        command.args(["--", "/usr/bin/curl", "-sS4", &url]);
        let ran = bench.finish(&mut command);
        let line = ran.check_success(expected).check_http("GET", &url, 200, "curl");
        let given = &line["server_tls"]["client_certificate"];
        let subject = given["subject"].as_str().map_or_else(|| given.as_str(), Some);
        let told = if options.is_empty() { "absent" } else { "CN=me at localhost" };
        assert_eq!(subject, Some(told), "{line:#}");
    }
}

/// Whom the origin was given the certificate of.
const ASKED: &str = "me at localhost\n";

#[test]
fn keys_of_both_legs_are_appended_to_a_file_that_others_cannot_read() {
    let test = "keys_of_both_legs_are_appended_to_a_file_that_others_cannot_read";
    if program(test, "curl").is_none() {
        return;
    }
    let bench = Bench::new();
    let origin = bench.https();
    let keys = bench.path("keys");
    let options = ["--ssl-key-log-file", keys.to_str().unwrap()];
    for times in 1..=2 {
        ask(&bench, &origin, &options, &["--tlsv1.3"]).check_success(ANSWER);
        let text = std::fs::read_to_string(&keys).unwrap();
        let secrets = text.lines().filter(|line| line.starts_with("CLIENT_TRAFFIC_SECRET_0 "));
        assert_eq!(secrets.count(), 2 * times, "{text}");
    }
    assert_eq!(std::fs::metadata(&keys).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn what_cannot_be_used_is_told_before_anything_runs() {
    let test = "what_cannot_be_used_is_told_before_anything_runs";
    if program(test, "curl").is_none() {
        return;
    }
    let bench = Bench::new();
    let origin = bench.https();
    let check = |options: &[&str], expected: &str| {
        let ran = ask(&bench, &origin, options, &[]);
        assert!(!ran.output.status.success());
        assert!(ran.stderr.contains(expected), "{}", ran.stderr);
    };
    bench.write("empty.pem", "");
    check(&["--client-certs", "absent.pem"], "cannot read absent.pem");
    check(&["--certs", "a.test=empty.pem"], "put the key and the certificates into one PEM file");
    check(&["--ciphers-server", "RC4-MD5"], "no cipher suite that is spoken here");
    check(&["--tls-version-server-min", "TLS1"], "use TLS1_2 or TLS1_3");
    let swapped = ["--tls-version-client-min", "1.3", "--tls-version-client-max", "1.2"];
    check(&swapped, "swap them");
    assert!(origin.requests().is_empty());
}
