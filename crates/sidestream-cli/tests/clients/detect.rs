//! Protocols that are not decoded: recognized by what is said, on any port, and passed as they are.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use serde_json::Value;
use sidestream_testkit::{Validity, is_root};

use crate::harness::{Bench, Ran, Running, program};

/// Starts a server, and returns what the first line says that begins with those words.
fn start(command: &mut Command, words: &str) -> (Running, String) {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut server = Running(command.spawn().unwrap());
    let mut lines = BufReader::new(server.stdout.take().unwrap());
    let mut line = String::new();
    while line.is_empty() || !line.starts_with(words) {
        line.clear();
        assert!(lines.read_line(&mut line).unwrap() > 0, "it ended before it said {words:?}");
    }
    // Whatever else it says is not to fill the pipe.
    thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
    (server, line[words.len()..].trim().to_owned())
}

/// Starts what speaks first, and returns the ports.
fn greeters(python: &Path, bench: &Bench, host_key: Option<&Path>) -> (Running, Vec<String>) {
    let mut command = Command::new(python);
    command.arg(bench.write("greeters.py", include_str!("greeters.py"))).args(host_key);
    let (server, ports) = start(&mut command, "");
    (server, ports.split(' ').map(str::to_owned).collect())
}

/// Checks that there is one flow to that port, of that protocol, that passed whole both ways.
#[track_caller]
fn check_flow<'a>(ran: &'a Ran, port: &str, kind: &str, protocol: &str) -> &'a Value {
    let is_it = |line: &&Value| {
        let to = line["server"].as_str().unwrap_or_default();
        to.ends_with(&format!(":{port}")) && line["kind"] == kind
    };
    let found: Vec<_> = ran.lines.iter().filter(is_it).collect();
    let [line] = found[..] else { panic!("{} flows to {port}: {:#?}", found.len(), ran.lines) };
    assert_eq!(line["protocol"], protocol, "{line:#}");
    assert!(line["error"].is_null(), "{line:#}");
    for bytes in ["bytes_sent", "bytes_received"] {
        assert!(line[bytes].as_u64() > Some(0), "{bytes}: {line:#}");
    }
    line
}

const MAIL: &str = "
import ftplib, imaplib, poplib, smtplib, sys
smtp, imap, pop3, ftp = map(int, sys.argv[1:5])
with smtplib.SMTP('127.0.0.1', smtp, local_hostname='client.test') as s: print(s.ehlo()[0])
with imaplib.IMAP4('127.0.0.1', imap) as i: print(i.noop()[0])
p = poplib.POP3('127.0.0.1', pop3); print(p.noop().decode()); p.quit()
f = ftplib.FTP(); f.connect('127.0.0.1', ftp); print(f.login()); f.quit()";

#[test]
fn servers_that_speak_first_are_recognized_by_what_they_say() {
    let test = "servers_that_speak_first_are_recognized_by_what_they_say";
    let Some(python) = program(test, "python3") else { return };
    let bench = Bench::new();
    let (_server, ports) = greeters(&python, &bench, None);
    let mut words = vec![python.to_str().unwrap(), "-c", MAIL];
    words.extend(ports.iter().map(String::as_str));
    let ran = bench.run(words);
    ran.check_success("250\nOK\n+OK\n230 fine\n");
    for (port, protocol) in ports.iter().zip(["SMTP", "IMAP", "POP3", "FTP"]) {
        check_flow(&ran, port, "tcp", protocol);
    }
}

#[test]
fn ssh_exchanges_its_keys_and_is_recognized() {
    let test = "ssh_exchanges_its_keys_and_is_recognized";
    let Some(python) = program(test, "python3") else { return };
    let Some(keygen) = program(test, "dropbearkey") else { return };
    let Some(keyscan) = program(test, "ssh-keyscan") else { return };
    let bench = Bench::new();
    let key = bench.path("host.key");
    let made = Command::new(keygen).args(["-t", "ed25519", "-f"]).arg(&key).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    let said = String::from_utf8(made.stdout).unwrap();
    let public = said.split_whitespace().find(|word| word.starts_with("AAAA")).unwrap();
    let (_server, ports) = greeters(&python, &bench, Some(&key));
    let port = &ports[4];
    let ran = bench.run([
        keyscan.to_str().unwrap(),
        "-t",
        "ed25519",
        "-T",
        "60",
        "-p",
        port,
        "127.0.0.1",
    ]);
    assert!(ran.stdout.contains(public), "{}\n{}", ran.stdout, ran.stderr);
    check_flow(&ran, port, "tcp", "SSH");
}

#[test]
fn dtls_shakes_hands_and_is_recognized() {
    let test = "dtls_shakes_hands_and_is_recognized";
    let Some(openssl) = program(test, "openssl") else { return };
    let bench = Bench::new();
    let leaf = bench.ca.leaf(&["localhost"], Validity::Current);
    let (key, certificate) = (bench.path("origin.key"), bench.path("origin.crt"));
    std::fs::write(&key, leaf.key.secret_der()).unwrap();
    std::fs::write(&certificate, &leaf.chain[0]).unwrap();
    let mut command = Command::new(&openssl);
    command.args(["s_server", "-dtls1_2", "-accept", "127.0.0.1:0", "-cert"]);
    command.arg(certificate).arg("-key").arg(key);
    let (mut server, at) = start(&mut command, "ACCEPT ");
    // It is read once a client has shaken hands.
    server.stdin.as_mut().unwrap().write_all(b"hello\n").unwrap();
    let client = "mkfifo commands && exec 3<>commands
        \"$0\" s_client -dtls1_2 -brief -timeout -connect \"$1\" <&3 2>/dev/null |
            { read -r line && echo \"$line\"; echo Q >&3; }";
    let ran = bench.run(["sh", "-c", client, openssl.to_str().unwrap(), &at]);
    ran.check_success("hello\n");
    let port = at.rsplit(':').next().unwrap();
    check_flow(&ran, port, "udp", "DTLS");
}

#[test]
fn quic_of_a_browser_is_recognized() {
    let test = "quic_of_a_browser_is_recognized";
    let Some(chromium) = program(test, "chromium") else { return };
    let bench = Bench::new();
    // It says nothing that QUIC would take for an answer, so the browser gives up.
    let origin = UdpSocket::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let port = origin.local_addr().unwrap().port();
    thread::spawn(move || {
        let mut buf = [0; 2048];
        while let Ok((_, from)) = origin.recv_from(&mut buf) {
            _ = origin.send_to(b"no", from);
        }
    });
    let force = format!("--origin-to-force-quic-on=quic.test:{port}");
    let mut words = vec![chromium.to_str().unwrap(), "--headless=new", "--dump-dom", &force];
    words.push("--host-resolver-rules=MAP quic.test 127.0.0.1");
    if is_root() {
        words.push("--no-sandbox");
    }
    let url = format!("https://quic.test:{port}/");
    words.push(&url);
    let ran = bench.run(words);
    let is_it = |line: &&Value| {
        let to = line["server"].as_str().unwrap_or_default();
        line["kind"] == "udp" && to.ends_with(&format!(":{port}"))
    };
    let line = ran.lines.iter().find(is_it);
    let line = line.unwrap_or_else(|| panic!("{:#?}\n{}", ran.lines, ran.stderr));
    assert_eq!(line["protocol"], "QUIC", "{line:#}");
}
