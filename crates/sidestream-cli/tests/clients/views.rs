//! Bodies as people read them, of what real clients send and get.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sidestream_testkit::{Origin, Request, Wire};

use crate::exchange::python;
use crate::harness::{Bench, Ran, Running, program};

/// What the coded bodies are.
const JSON: &str = r#"{"user":"ada","n":1.50,"list":[1,2]}"#;

/// `JSON`, by gzip.
const GZIP: [u8; 56] = [
    31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 171, 86, 42, 45, 78, 45, 82, 178, 82, 74, 76, 73, 84, 210, 81,
    202, 83, 178, 50, 212, 51, 53, 208, 81, 202, 201, 44, 46, 81, 178, 138, 54, 212, 49, 138, 173,
    5, 0, 8, 15, 117, 56, 36, 0, 0, 0,
];

/// `JSON`, by brotli.
const BROTLI: [u8; 40] = [
    139, 17, 128, 123, 34, 117, 115, 101, 114, 34, 58, 34, 97, 100, 97, 34, 44, 34, 110, 34, 58,
    49, 46, 53, 48, 44, 34, 108, 105, 115, 116, 34, 58, 91, 49, 44, 50, 93, 125, 3,
];

/// `JSON`, by zstd.
const ZSTD: [u8; 49] = [
    40, 181, 47, 253, 36, 36, 33, 1, 0, 123, 34, 117, 115, 101, 114, 34, 58, 34, 97, 100, 97, 34,
    44, 34, 110, 34, 58, 49, 46, 53, 48, 44, 34, 108, 105, 115, 116, 34, 58, 91, 49, 44, 50, 93,
    125, 44, 197, 171, 23,
];

const STREAM: &str = concat!(
    "data: {\"model\":\"m-1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello\"}}]}\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\", world\"}}]}\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"c1\",\"function\":{\"name\":\"look\",\"arguments\":\"{\\\"at\\\":\"}}]}}]}\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"1}\"}}]}}]}\n\n",
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":7}}\n\n",
    "data: [DONE]\n\n",
);

/// How many numbers the long body holds.
const MANY: usize = 100_000;

fn answer(request: &Request, wire: &mut Wire) -> io::Result<()> {
    let long = || format!("[{}]", vec!["1"; MANY].join(","));
    let (kind, coding, body) = match request.target() {
        "/gzip" => ("application/json", "gzip", GZIP.to_vec()),
        "/br" => ("application/json", "br", BROTLI.to_vec()),
        "/zstd" => ("application/json", "zstd", ZSTD.to_vec()),
        "/cut" => ("application/json", "gzip", GZIP[..30].to_vec()),
        "/stream" => ("text/event-stream", "identity", STREAM.into()),
        "/long" => ("application/json", "identity", long().into()),
        _ => ("text/plain", "identity", b"done\n".to_vec()),
    };
    let length = body.len();
    write!(wire, "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Encoding: {coding}\r\n")?;
    write!(wire, "Content-Length: {length}\r\n\r\n")?;
    wire.write_all(&body)
}

/// Runs a client with its traffic recorded, and bodies printed.
fn run(bench: &Bench, detail: &str, words: &[&str]) -> Ran {
    fs::remove_file(bench.path("a.session")).ok();
    let mut command = bench.sidestream(["run", detail, "--session"]);
    command.arg(bench.path("a.session")).arg("--").args(words);
    let ran = bench.finish(&mut command);
    assert!(ran.output.status.success(), "{}", ran.stderr);
    ran
}

/// What `session show` says of the one exchange that was recorded.
fn show(bench: &Bench, words: &[&str]) -> Vec<u8> {
    let mut command = bench.sidestream(["session", "show"]);
    let file = bench.path("a.session");
    let lines = command.arg(&file).output().unwrap().stdout;
    let lines = String::from_utf8(lines).unwrap();
    let number = lines.split_whitespace().next().unwrap();
    let output = bench.sidestream(["session", "show"]).arg(file).arg(number).args(words).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

fn url(origin: &Origin, path: &str) -> String {
    format!("http://127.0.0.1:{}{path}", origin.port())
}

#[test]
fn json_that_curl_gets_in_any_coding_is_readable() {
    let test = "json_that_curl_gets_in_any_coding_is_readable";
    let Some(curl) = program(test, "curl") else { return };
    let (bench, origin) = (Bench::new(), Origin::http(answer));
    let curl = curl.to_str().unwrap();
    let shown = "    | {\n    |   \"user\": \"ada\",\n    |   \"n\": 1.50,\n    |   \"list\": [\n";
    for (path, bytes) in [("/gzip", &GZIP[..]), ("/br", &BROTLI), ("/zstd", &ZSTD)] {
        let coded = url(&origin, path);
        // What curl cannot decode itself it gets as it is.
        let ran = run(&bench, "-vv", &[curl, "-sS", &coded]);
        assert_eq!(ran.output.stdout, bytes, "{path}");
        assert!(ran.stderr.contains(shown), "{path}: {}", ran.stderr);
        assert!(text(show(&bench, &[])).contains(shown), "{path}");
        let part = text(show(&bench, &["--part", "response"]));
        assert!(part.starts_with(shown), "{path}: {part}");
        assert_eq!(show(&bench, &["--raw"]), bytes, "{path}");
        assert_eq!(show(&bench, &["--raw", "--part", "request"]), b"", "{path}");
        let ran = run(&bench, "-vvv", &[curl, "-sS", &coded]);
        assert!(!ran.stderr.contains(shown), "{path}: {}", ran.stderr);
    }
    let ran = run(&bench, "-vv", &[curl, "-sS", "--compressed", &url(&origin, "/gzip")]);
    assert_eq!(ran.stdout, JSON);
}

#[test]
fn what_is_cut_in_its_coding_is_shown_up_to_there() {
    let test = "what_is_cut_in_its_coding_is_shown_up_to_there";
    let Some(curl) = program(test, "curl") else { return };
    let (bench, origin) = (Bench::new(), Origin::http(answer));
    let ran = run(&bench, "-vv", &[curl.to_str().unwrap(), "-sS", &url(&origin, "/cut")]);
    for shown in [ran.stderr, text(show(&bench, &[]))] {
        assert!(shown.contains("|   \"user\""), "{shown}");
        assert!(shown.contains("! the gzip of the body is cut short"), "{shown}");
    }
}

#[test]
fn what_a_model_streams_to_curl_is_joined() {
    let test = "what_a_model_streams_to_curl_is_joined";
    let Some(curl) = program(test, "curl") else { return };
    let (bench, origin) = (Bench::new(), Origin::http(answer));
    let ran = run(&bench, "-vv", &[curl.to_str().unwrap(), "-sSN", &url(&origin, "/stream")]);
    assert_eq!(ran.stdout, STREAM);
    let joined = "    | joined:\n    | model: m-1\n    | text:\n    |   Hello, world\n\
                  \x20   | tool call: look (c1)\n    |   {\n    |     \"at\": 1\n    |   }\n\
                  \x20   | tokens: 12 in, 7 out\n";
    for shown in [ran.stderr, text(show(&bench, &[]))] {
        assert!(shown.contains(joined), "{shown}");
    }
}

#[test]
fn what_curl_uploads_as_a_form_is_shown_part_by_part() {
    let test = "what_curl_uploads_as_a_form_is_shown_part_by_part";
    let Some(curl) = program(test, "curl") else { return };
    let (bench, origin) = (Bench::new(), Origin::http(answer));
    let file = bench.write("f.json", "{\"x\":[1]}");
    let file = format!("f=@{};type=application/json", file.display());
    let words = ["-sS", "-F", "a=some text", "-F", &file, &url(&origin, "/form")];
    let ran = run(&bench, "-vv", &[&[curl.to_str().unwrap()], &words[..]].concat());
    assert_eq!(ran.stdout, "done\n");
    for shown in [ran.stderr, text(show(&bench, &["--part", "request"]))] {
        assert!(shown.contains("form-data; name=\"a\"\n    | \n    | some text\n"), "{shown}");
        assert!(shown.contains("    | {\n    |   \"x\": [\n    |     1\n"), "{shown}");
    }
}

#[test]
fn messages_of_grpc_that_python_sends_are_taken_apart() {
    let test = "messages_of_grpc_that_python_sends_are_taken_apart";
    let Some(python) = program(test, "python3") else { return };
    let (bench, origin) = (Bench::new(), Origin::http(answer));
    let script = "import sys, urllib.request as r
body = b'\\0\\0\\0\\0\\x0d\\x08\\x96\\x01\\x12\\x04text\\x1a\\x02\\x08\\x07'
head = {'Content-Type': 'application/grpc+proto'}
sys.stdout.write(r.urlopen(r.Request(sys.argv[1], body, head)).read().decode())";
    let words = [python.to_str().unwrap(), "-c", script, &url(&origin, "/grpc")];
    let ran = run(&bench, "-vv", &words);
    assert_eq!(ran.stdout, "done\n");
    let message =
        "    | message 1, 13 bytes\n    | 1: 150\n    | 2: \"text\"\n    | 3: {\n    |   1: 7\n";
    for shown in [ran.stderr, text(show(&bench, &["--part", "request"]))] {
        assert!(shown.contains(message), "{shown}");
    }
}

#[test]
fn a_long_body_is_begun_live_and_shown_whole_from_the_session() {
    let test = "a_long_body_is_begun_live_and_shown_whole_from_the_session";
    let Some(curl) = program(test, "curl") else { return };
    let (bench, origin) = (Bench::new(), Origin::http(answer));
    let words = [curl.to_str().unwrap(), "-sS", "-o", "/dev/null", &url(&origin, "/long")];
    let ran = run(&bench, "-vv", &words);
    let lines = |text: &str| text.lines().filter(|line| line.starts_with("    |   1")).count();
    assert!((100..1000).contains(&lines(&ran.stderr)), "{}", ran.stderr);
    assert!(ran.stderr.contains("    … "), "{}", ran.stderr);
    assert!(!ran.stderr.contains("cut short"), "{}", ran.stderr);
    assert_eq!(lines(&text(show(&bench, &[]))), MANY);
    assert_eq!(show(&bench, &["--raw"]).len(), 2 * MANY + 1);
}

#[test]
fn an_exchange_that_is_not_there_is_told() {
    let test = "an_exchange_that_is_not_there_is_told";
    let Some(curl) = program(test, "curl") else { return };
    let (bench, origin) = (Bench::new(), Origin::http(answer));
    run(&bench, "-q", &[curl.to_str().unwrap(), "-sS", &url(&origin, "/")]);
    let mut command = bench.sidestream(["session", "show"]);
    let output = command.arg(bench.path("a.session")).arg("4711").output().unwrap();
    assert!(!output.status.success());
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("no exchange has the number 4711"), "{error}");
}

/// Definitions, of which the service is spoken here.
fn definitions() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../sidestream-view/tests/proto")
}

#[test]
fn grpc_is_shown_by_a_folder_of_definitions() {
    let test = "grpc_is_shown_by_a_folder_of_definitions";
    let packages = ["grpcio-tools==1.76.0", "protobuf==6.33.0", "zstandard==0.25.0"];
    let Some(python) = python(test, "bindings", &packages, false) else { return };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/grpc_call.py");
    let bench = Bench::new();
    fs::create_dir(bench.path("made")).unwrap();
    let mut protoc = Command::new(&python);
    protoc.args(["-m", "grpc_tools.protoc", "--python_out"]).arg(bench.path("made"));
    protoc.arg("-I").arg(definitions()).args(["shop/v1/shop.proto", "shop/v1/money.proto"]);
    assert!(protoc.status().unwrap().success());

    let mut server = Command::new(&python);
    server.arg(&script).arg("server").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut server = Running(server.spawn().unwrap());
    let mut port = String::new();
    BufReader::new(server.0.stdout.take().unwrap()).read_line(&mut port).unwrap();

    let call = |options: &[&str], name: &str| {
        fs::remove_file(bench.path("a.session")).ok();
        let mut command = bench.sidestream(["run", "--session", "a.session"]);
        command.args(options).arg("--").arg(&python).arg(&script);
        command.args(["client", port.trim()]).arg(bench.path("made")).arg(name);
        let ran = bench.finish(&mut command);
        assert!(ran.output.status.success(), "{}", ran.stderr);
        ran.stderr
    };
    let folder = definitions();
    let folder = folder.to_str().unwrap();
    let request = [
        ", shop.v1.OrderRequest",
        "    | name: \"cup\"",
        "    | count: -5",
        "    | sizes: [1, 2, 150]",
        "    | prices[\"cup\"]: Money {",
        "    |   currency: \"EUR\"",
        "    |   units: 7",
        "    | }",
        "    | state: STATE_SENT",
        "message 1, 2 bytes, shop.v1.OrderReply",
    ];
    let check = |shown: &str| {
        for line in request {
            assert!(shown.contains(line), "{line}: {shown}");
        }
    };
    check(&call(&["-vv", "--proto-dir", folder], "cup"));
    let shown = String::from_utf8(show(&bench, &["--proto-dir", folder])).unwrap();
    check(&shown);
    // Without definitions numbers stand for names.
    let shown = String::from_utf8(show(&bench, &[])).unwrap();
    assert!(shown.contains("    | 1: \"cup\"") && !shown.contains("name"), "{shown}");

    let shown = call(&["-vv", "--proto-dir", folder], "broken");
    let broken =
        "message 2, 3 bytes, shop.v1.OrderReply\n    | state: STATE_SENT\n    | not protobuf";
    assert!(shown.contains(broken), "{shown}");
}

#[test]
fn a_broken_definition_is_told_with_its_place_before_anything_runs() {
    let bench = Bench::new();
    fs::create_dir(bench.path("proto")).unwrap();
    bench.write("proto/a.proto", "syntax = \"proto3\";\nmessage A {\n  strin name = 1;\n}\n");
    let told = |folder: &str| {
        let mut command = bench.sidestream(["run", "-vv", "--proto-dir", folder, "--"]);
        let output = command.args(["sh", "-c", "echo ran"]).output().unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(125), 0), "it ran");
        String::from_utf8(output.stderr).unwrap()
    };
    let err = told("proto");
    assert!(err.contains("a.proto:3:3: name 'strin' is not defined"), "{err}");
    bench.write("proto/a.proto", "syntax = \"proto3\";\nimport \"b.proto\";\n");
    let err = told("proto");
    assert!(err.contains("a.proto:2:1: import 'b.proto' not found"), "{err}");
    bench.write("proto/a.proto", "syntax = \"proto3\"\n");
    let err = told("proto");
    assert!(err.contains("a.proto: expected ';', but reached end of file"), "{err}");
    bench.write("proto/a.proto", "syntax = \"proto3\";\nmessage A {\n  string name = x;\n}\n");
    let err = told("proto");
    assert!(err.contains("a.proto:3:17: expected an integer"), "{err}");
    let err = told("nowhere");
    assert!(err.contains("nowhere; check --proto-dir"), "{err}");
    fs::remove_file(bench.path("proto/a.proto")).unwrap();
    let err = told("proto");
    assert!(err.contains("no .proto file is in"), "{err}");
}
