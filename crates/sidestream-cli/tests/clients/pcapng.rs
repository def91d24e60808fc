//! What was recorded from the wire, exported as a capture, is opened and decrypted by tshark.

use std::fs;
use std::io::Write;
use std::net::{Ipv6Addr, SocketAddr};
use std::process::Command;

use sidestream_testkit::{DnsOrigin, Origin, Service, skip};

use crate::harness::{ANSWER, Bench, answer, http, program};
use crate::modern::Modern;

/// Runs a command under us, recorded as it is on the wire, and exports the capture.
#[track_caller]
fn captured(bench: &Bench, options: &[&str], words: &[&str]) {
    let run = ["run", "--wire", "--session", "a.session"];
    ours(bench, &[&run[..], options, &["--"], words].concat());
    ours(bench, &["export", "pcapng", "a.session", "-o", "a.pcapng", "--force"]);
}

#[track_caller]
fn ours(bench: &Bench, args: &[&str]) -> String {
    let output = bench.sidestream(args).output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {err}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs a command of ours that must not succeed, and returns what it says.
#[track_caller]
fn refused(bench: &Bench, args: &[&str]) -> String {
    let output = bench.sidestream(args).output().unwrap();
    assert!(!output.status.success(), "{args:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Reads a capture, with checksums looked at.
#[track_caller]
fn tshark(bench: &Bench, capture: &str, args: &[&str]) -> String {
    let mut command = Command::new("tshark");
    command.arg("-r").arg(bench.path(capture)).env("HOME", bench.folder.path());
    for check in ["ip.check_checksum", "tcp.check_checksum", "udp.check_checksum"] {
        command.args(["-o", &format!("{check}:TRUE")]);
    }
    let output = command.args(args).output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {err}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Returns what stands in these fields of the packets of a leg that match, a line a packet.
#[track_caller]
fn fields(bench: &Bench, capture: &str, leg: &str, filter: &str, names: &[&str]) -> String {
    let filter = format!("frame.interface_name == \"{leg}\" && ({filter})");
    let mut args = vec!["-Y", &filter, "-N", "n", "-T", "fields"];
    for name in names {
        args.extend(["-e", name]);
    }
    tshark(bench, capture, &args)
}

/// Checks that a capture is one that nobody complains about.
#[track_caller]
fn check_sound(bench: &Bench, capture: &str) {
    let complaints = "tcp.analysis.flags || _ws.malformed || ip.checksum.status == 0 || \
                      tcp.checksum.status == 0 || udp.checksum.status == 0";
    assert_eq!(tshark(bench, capture, &["-Y", complaints]), "");
    let checked = "tcp.checksum.status == 1 || udp.checksum.status == 1";
    assert_ne!(tshark(bench, capture, &["-Y", checked]), "");
}

/// Checks that both legs say who spoke on them, to whom.
#[track_caller]
fn check_comments(bench: &Bench, process: &str, host: &str) {
    for leg in ["client", "server"] {
        let told = fields(bench, "a.pcapng", leg, "frame.comment", &["frame.comment"]);
        let [line] = told.lines().collect::<Vec<_>>()[..] else { panic!("{leg}: {told}") };
        for part in [
            format!("{leg} leg, for {host}, captured by mode run"),
            format!("{process}["),
            format!(
                ", path {}",
                fs::canonicalize(format!("/usr/bin/{process}")).unwrap().display()
            ),
            ", user ".to_owned(),
        ] {
            assert!(line.contains(&part), "{part}: {line}");
        }
    }
}

/// Takes the keys out of a capture, as somebody may before handing it on.
#[track_caller]
fn without_secrets(bench: &Bench) {
    let mut editcap = Command::new("editcap");
    editcap.arg("--discard-all-secrets").args(["a.pcapng", "bare.pcapng"]);
    let output = editcap.current_dir(bench.folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Checks that no text of these stands in a capture as tshark shows it, all packets in full.
#[track_caller]
fn check_hidden(bench: &Bench, texts: &[&str]) {
    let shown = tshark(bench, "bare.pcapng", &["-V", "-x"]);
    assert!(shown.contains("Transport Layer Security"));
    for text in texts {
        assert!(!shown.contains(text), "{text} is in {shown}");
    }
}

/// What takes several reads and packets, and does not repeat.
fn large() -> String {
    (0..40_000).map(|number| format!("{number} ")).collect()
}

#[test]
fn https_is_decrypted_on_both_legs() {
    let test = "https_is_decrypted_on_both_legs";
    let programs = ["curl", "tshark", "editcap"].map(|name| program(test, name));
    if programs.iter().any(Option::is_none) {
        return;
    }
    let bench = Bench::new();
    let config = bench.ca.server_config(&["a.test"]);
    let origin = Origin::https(config, |request, wire| match request.target() {
        "/large" => {
            let body = large();
            write!(wire, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
        }
        _ => answer(request, wire),
    });
    let at = |path: &str| format!("https://a.test:{}{path}", origin.port());
    let urls = [at("/path?query"), at("/large")];
    let resolve = format!("a.test:{}:127.0.0.1", origin.port());
    let curl = ["curl", "-sS", "--http1.1", "--resolve", &resolve, &urls[0], &urls[1]];
    captured(&bench, &[], &curl);
    for leg in ["client", "server"] {
        let asked = fields(&bench, "a.pcapng", leg, "http.request", &["http.request.full_uri"]);
        assert_eq!(asked.lines().collect::<Vec<_>>(), urls, "{leg}");
        let said = fields(&bench, "a.pcapng", leg, "http.response", &["http.file_data"]);
        assert!(said.starts_with(&ANSWER.replace('\n', "\\n")), "{leg}: {said}");
        assert!(said.contains(&large()), "{leg}");
    }
    check_comments(&bench, "curl", "a.test");
    let names = ["ip.dst_host", "tls.handshake.extensions_server_name"];
    let hello = fields(&bench, "a.pcapng", "server", "tls.handshake.type == 1", &names);
    assert_eq!(hello, "a.test\ta.test\n");
    let ours = fields(&bench, "a.pcapng", "server", "tls.handshake.type == 1", &["ip.src_host"]);
    assert_eq!(ours, "sidestream\n");
    check_sound(&bench, "a.pcapng");
    without_secrets(&bench);
    check_hidden(&bench, &["GET ", "/path?query", "hello from the origin", "X-Odd"]);
}

#[test]
fn tls_1_2_is_decrypted_on_both_legs_over_ipv6() {
    let test = "tls_1_2_is_decrypted_on_both_legs_over_ipv6";
    let programs = ["curl", "tshark"].map(|name| program(test, name));
    if programs.iter().any(Option::is_none) {
        return;
    }
    let bench = Bench::new();
    let service = Service::http(answer).over_tls(bench.ca.server_config(&["six.test"]));
    let Ok(origin) = Origin::listen(SocketAddr::from((Ipv6Addr::LOCALHOST, 0)), service) else {
        return skip(test, "no IPv6 here");
    };
    let url = format!("https://six.test:{}/", origin.port());
    let resolve = format!("six.test:{}:[::1]", origin.port());
    captured(&bench, &[], &["curl", "-sS6", "--tls-max", "1.2", "--resolve", &resolve, &url]);
    for leg in ["client", "server"] {
        let version = "tls.handshake.type == 2 && tls.handshake.version == 0x0303 && ipv6";
        let names = ["tls.handshake.extensions.supported_version"];
        assert_eq!(fields(&bench, "a.pcapng", leg, version, &names), "\n", "{leg}");
        let asked = fields(&bench, "a.pcapng", leg, "http.request", &["http.request.full_uri"]);
        assert_eq!(asked.lines().collect::<Vec<_>>(), [url.as_str()], "{leg}");
    }
    check_comments(&bench, "curl", "six.test");
    check_sound(&bench, "a.pcapng");
}

#[test]
fn http2_is_decrypted_on_both_legs() {
    let test = "http2_is_decrypted_on_both_legs";
    let programs = ["curl", "tshark", "editcap"].map(|name| program(test, name));
    if programs.iter().any(Option::is_none) {
        return;
    }
    let bench = Bench::new();
    let Some(origin) = Modern::https(test, &bench) else { return };
    let url = origin.url("https", "echo");
    captured(&bench, &[], &["curl", "-sS", "--http2", "-d", "a remarkable word", &url]);
    for leg in ["client", "server"] {
        let asked = "http2.headers.method == \"POST\"";
        let names = ["http2.headers.path", "http2.headers.authority"];
        let asked = fields(&bench, "a.pcapng", leg, asked, &names);
        let authority = url.strip_prefix("https://").unwrap().strip_suffix("/echo").unwrap();
        assert_eq!(asked, format!("/echo\t{authority}\n"), "{leg}");
        let said = fields(&bench, "a.pcapng", leg, "http2.type == 0", &["http2.data.data"]);
        for part in ["a remarkable word", "by HTTP/2.0, 17 bytes"] {
            let hex: String = part.bytes().map(|byte| format!("{byte:02x}")).collect();
            assert!(said.contains(&hex), "{leg}: {said}");
        }
    }
    check_comments(&bench, "curl", "localhost");
    check_sound(&bench, "a.pcapng");
    without_secrets(&bench);
    check_hidden(&bench, &["/echo", "remarkable"]);
}

#[test]
fn what_passes_is_in_the_capture_as_it_went() {
    let test = "what_passes_is_in_the_capture_as_it_went";
    let programs = ["curl", "tshark"].map(|name| program(test, name));
    if programs.iter().any(Option::is_none) {
        return;
    }
    let (bench, body) = (Bench::new(), large());
    let origin = Origin::https(bench.ca.server_config(&["localhost"]), |_, wire| {
        let body = large();
        write!(wire, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    });
    let url = format!("https://localhost:{}/", origin.port());
    let ca = bench.ca.pem_path().display().to_string();
    captured(&bench, &["--ignore-hosts", "localhost"], &["curl", "-sS", "--cacert", &ca, &url]);
    let mut sizes = Vec::new();
    for leg in ["client", "server"] {
        let records = fields(&bench, "a.pcapng", leg, "tls.handshake.type == 1", &["tcp.len"]);
        assert_eq!(records.lines().count(), 1, "{leg}: {records}");
        assert_eq!(fields(&bench, "a.pcapng", leg, "http", &["http"]), "", "{leg}");
        let lens = fields(&bench, "a.pcapng", leg, "tcp.len > 0", &["tcp.len"]);
        sizes.push(lens.lines().map(|len| len.parse::<usize>().unwrap()).sum::<usize>());
    }
    assert!(sizes[0] > body.len() && sizes[0] == sizes[1], "{sizes:?}");
    check_sound(&bench, "a.pcapng");
}

#[test]
fn datagrams_are_in_the_capture() {
    let test = "datagrams_are_in_the_capture";
    let programs = ["dig", "tshark"].map(|name| program(test, name));
    if programs.iter().any(Option::is_none) {
        return;
    }
    let bench = Bench::new();
    let origin = DnsOrigin::serve(&[("a.test", [192, 0, 2, 7].into())]);
    let port = origin.addr().port().to_string();
    captured(&bench, &[], &["dig", "+tries=1", "@127.0.0.1", "-p", &port, "a.test", "+short"]);
    for leg in ["client", "server"] {
        let as_dns = format!("udp.port=={port},dns");
        let filter = format!("frame.interface_name == \"{leg}\" && dns");
        let told =
            ["-d", &as_dns, "-Y", &filter, "-T", "fields", "-e", "dns.qry.name", "-e", "dns.a"];
        assert_eq!(tshark(&bench, "a.pcapng", &told), "a.test\t\na.test\t192.0.2.7\n", "{leg}");
    }
    check_sound(&bench, "a.pcapng");
}

#[test]
fn the_flows_that_are_selected_are_in_the_capture_whole() {
    let test = "the_flows_that_are_selected_are_in_the_capture_whole";
    let programs = ["curl", "tshark"].map(|name| program(test, name));
    if programs.iter().any(Option::is_none) {
        return;
    }
    let (bench, origin) = (Bench::new(), http());
    let url = |path: &str| format!("http://127.0.0.1:{}{path}", origin.port());
    captured(&bench, &[], &["curl", "-sS", &url("/one"), &url("/two")]);
    captured(&bench, &[], &["curl", "-sS", &url("/three")]);
    let asked = |name: &str| {
        let as_http = format!("tcp.port=={},http", origin.port());
        let filter = "frame.interface_name == \"server\" && http.request";
        let told = ["-d", &as_http, "-Y", filter, "-T", "fields", "-e", "http.request.uri"];
        tshark(&bench, name, &told).replace('\n', " ")
    };
    assert_eq!(asked("a.pcapng"), "/one /two /three ");
    check_sound(&bench, "a.pcapng");
    ours(&bench, &["export", "pcapng", "a.session", "2", "-o", "two.pcapng"]);
    assert_eq!(asked("two.pcapng"), "/one /two ");
    ours(&bench, &["export", "pcapng", "a.session", "~u three", "-o", "three.pcapng"]);
    assert_eq!(asked("three.pcapng"), "/three ");

    // What is taken out of a session is not left in it as it was on the wire.
    ours(&bench, &["session", "trim", "a.session", "--drop", "~u one"]);
    ours(&bench, &["session", "verify", "a.session"]);
    let left = fs::read(bench.path("a.session")).unwrap();
    assert!(!left.windows(8).any(|window| window == b"GET /one"));
    ours(&bench, &["export", "pcapng", "a.session", "-o", "left.pcapng"]);
    assert_eq!(asked("left.pcapng"), "/three ");
    let said = fields(&bench, "left.pcapng", "content", "http.request", &["http.request.uri"]);
    assert_eq!(said, "/two\n");
    ours(&bench, &["session", "merge", "a.session", "a.session", "-o", "b.session"]);
    ours(&bench, &["export", "pcapng", "b.session", "-o", "both.pcapng"]);
    assert_eq!(asked("both.pcapng"), "/three /three ");
}

#[test]
fn what_was_said_without_the_wire_is_shown_in_the_clear_and_marked() {
    let test = "what_was_said_without_the_wire_is_shown_in_the_clear_and_marked";
    let programs = ["curl", "dig", "tshark"].map(|name| program(test, name));
    if programs.iter().any(Option::is_none) {
        return;
    }
    let (bench, secure) = (Bench::new(), Bench::new());
    let Some(modern) = Modern::https(test, &secure) else { return };
    let plain = Origin::http(|request, wire| match request.target() {
        "/large" => {
            let body = large();
            write!(wire, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
        }
        _ => answer(request, wire),
    });
    let names = DnsOrigin::serve(&[("a.test", [192, 0, 2, 7].into())]);
    let urls = [modern.url("https", "echo"), format!("http://localhost:{}/large", plain.port())];
    let port = names.addr().port();
    let script = format!(
        "set -e; curl -sS --http2 -d 'a remarkable word' {}; curl -sS {}
         dig +tries=1 @127.0.0.1 -p {port} a.test +short",
        urls[0], urls[1]
    );
    let run = ["run", "--session", "a.session", "--", "sh", "-c", &script];
    let output = bench.sidestream(run).env("SIDESTREAM_CA", secure.ca.pem_path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let export = ["export", "pcapng", "a.session", "-o", "a.pcapng"];
    let output = bench.sidestream(export).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{told}");
    assert!(told.contains("3 exchanges and streams were recorded without --wire"), "{told}");
    let at = |filter: &str, names: &[&str]| fields(&bench, "a.pcapng", "content", filter, names);
    let asked = ["http.request.method", "http.request.uri", "http.file_data"];
    let expected = "POST\t/echo\ta remarkable word\nGET\t/large\t\n";
    assert_eq!(at("http.request", &asked), expected);
    let said = at("http.response", &["http.response.code", "http.file_data"]);
    assert!(said.starts_with("200\tPOST /echo by HTTP/2.0, 17 bytes"), "{said}");
    assert!(said.contains(&large()));
    let as_dns = format!("udp.port=={port},dns");
    let shown = ["-d", &as_dns, "-Y", "dns", "-T", "fields", "-e", "dns.qry.name", "-e", "dns.a"];
    assert_eq!(tshark(&bench, "a.pcapng", &shown), "a.test\t\na.test\t192.0.2.7\n");
    let comments = at("frame.comment", &["frame.comment"]);
    assert_eq!(comments.matches("these bytes were not on the wire so").count(), 3, "{comments}");
    assert_eq!(comments.matches("curl[").count(), 2, "{comments}");
    for leg in ["client", "server"] {
        assert_eq!(fields(&bench, "a.pcapng", leg, "ip", &["ip.src"]), "", "{leg}");
    }
    check_sound(&bench, "a.pcapng");
}

#[test]
fn a_websocket_without_the_wire_is_shown_in_frames() {
    let test = "a_websocket_without_the_wire_is_shown_in_frames";
    let programs = ["node", "tshark"].map(|name| program(test, name));
    if programs.iter().any(Option::is_none) {
        return;
    }
    let bench = Bench::new();
    let Some(origin) = Modern::https(test, &bench) else { return };
    let script = format!(
        "const crypto = require('node:crypto');
         const key = crypto.randomBytes(16).toString('base64');
         const options = {{ headers: {{ Connection: 'Upgrade', Upgrade: 'websocket',
             'Sec-WebSocket-Key': key, 'Sec-WebSocket-Version': '13' }} }};
         require('node:https').get('{}', options).on('upgrade', (_, socket) => {{
             const frame = (first, text) => socket.write(Buffer.concat([
                 Buffer.from([first, 0x80 | text.length, 0, 0, 0, 0]), Buffer.from(text, 'latin1')]));
             let answers = 0;
             socket.on('data', () => {{ if ((answers += 1) === 1) frame(0x88, '\\x03\\xe8'); }});
             frame(0x81, 'remarkable');
         }});",
        origin.url("https", "socket")
    );
    let script = bench.write("client.js", &script);
    let script = script.display().to_string();
    ours(&bench, &["run", "--session", "a.session", "--", "node", &script]);
    ours(&bench, &["export", "pcapng", "a.session", "-o", "a.pcapng"]);
    let frames = fields(&bench, "a.pcapng", "content", "websocket", &["websocket.payload.text"]);
    assert_eq!(frames.matches("remarkable").count(), 2, "{frames}");
    check_sound(&bench, "a.pcapng");
}

#[test]
fn wire_says_what_it_needs() {
    let bench = Bench::new();
    let said = refused(&bench, &["run", "--wire", "--", "true"]);
    assert!(said.contains("--wire records to a session: add --session FILE"), "{said}");
    let shared = ["run", "--wire", "--session", "a.session", "--share-upstream", "--", "true"];
    let said = refused(&bench, &shared);
    assert!(said.contains("--share-upstream has flows share them: leave one out"), "{said}");
    assert!(!bench.path("a.session").exists());
    let said = refused(&bench, &["--mode", "regular@0", "--wire"]);
    assert!(said.contains("add --session FILE"), "{said}");
}
