//! Sessions of real clients: read by programs of others, joined, cut down, written anew, verified.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use sidestream_testkit::Origin;

use crate::exchange::{installed, python, succeeds};
use crate::harness::{Bench, http, ours, program};

/// Has curl ask for these paths, and records it.
fn record(bench: &Bench, origin: &Origin, session: &str, paths: &[&str]) {
    let mut command = bench.sidestream(["run", "--session", session, "--", "curl", "-sS"]);
    let url = |path: &&str| format!("http://localhost:{}{path}", origin.port());
    let output = command.args(paths.iter().map(url)).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The lines that a reader should print.
fn lines(origin: &Origin, paths: &[&str]) -> String {
    let line = |path: &&str| format!("GET http://localhost:{}{path}\n", origin.port());
    paths.iter().map(line).collect()
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{out}{}", String::from_utf8_lossy(&output.stderr));
    out.into_owned()
}

fn messages() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../sidestream-store/proto")
}

const MESSAGES: &str = "sidestream/session/v1/session.proto";

#[test]
fn python_reads_a_session_by_its_published_messages() {
    let test = "python_reads_a_session_by_its_published_messages";
    let Some(_curl) = program(test, "curl") else { return };
    let packages = ["grpcio-tools==1.76.0", "protobuf==6.33.0", "zstandard==0.25.0"];
    let Some(python) = python(test, "bindings", &packages, false) else { return };
    let (bench, origin) = (Bench::new(), http());
    record(&bench, &origin, "a.session", &["/one", "/two?b=c"]);
    fs::create_dir(bench.path("made")).unwrap();
    let mut protoc = Command::new(&python);
    protoc.args(["-m", "grpc_tools.protoc", "--python_out"]).arg(bench.path("made"));
    run(protoc.arg("-I").arg(messages()).arg(MESSAGES));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/urls.py");
    let mut urls = Command::new(python);
    let read = run(urls.arg(script).arg(bench.path("a.session")).arg(bench.path("made")));
    assert_eq!(read, lines(&origin, &["/one", "/two?b=c"]));
}

#[test]
fn typescript_reads_a_session_by_its_published_messages() {
    let test = "typescript_reads_a_session_by_its_published_messages";
    let Some(_curl) = program(test, "curl") else { return };
    let Some((node, npm)) = program(test, "node").zip(program(test, "npm")) else { return };
    let packages = [
        "@types/node@20.19.25",
        "@types/sql.js@1.4.9",
        "fzstd@0.1.1",
        "protobufjs@7.5.4",
        "protobufjs-cli@1.2.0",
        "sql.js@1.13.0",
        "typescript@5.9.3",
    ];
    let Some(folder) = installed(test, "bindings-node", |folder| {
        fs::write(folder.join("package.json"), r#"{"private": true, "type": "module"}"#).ok()?;
        let mut npm = Command::new(npm);
        npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"]);
        succeeds(npm.args(packages).current_dir(folder))
    }) else {
        return;
    };
    let (bench, origin) = (Bench::new(), http());
    record(&bench, &origin, "a.session", &["/one", "/two?b=c"]);
    // Where anybody may write; packages are found beside what asks for them.
    let work = bench.path("typescript");
    let made = |name: &str| work.join(name);
    fs::create_dir(&work).unwrap();
    fs::copy(folder.join("package.json"), made("package.json")).unwrap();
    std::os::unix::fs::symlink(folder.join("node_modules"), made("node_modules")).unwrap();
    let tool = |name: &str| {
        let mut command = Command::new(&node);
        command.arg(folder.join("node_modules/.bin").join(name)).current_dir(&work);
        command
    };
    let form = ["--target", "static-module", "--wrap", "es6", "--es6", "--out", "session.js"];
    run(tool("pbjs").args(form).arg(messages().join(MESSAGES)));
    // What it makes takes a CommonJS module for one of ECMAScript.
    let module = fs::read_to_string(made("session.js")).unwrap();
    let module = module.replace(
        "* as $protobuf from \"protobufjs/minimal\"",
        "$protobuf from \"protobufjs/minimal.js\"",
    );
    fs::write(made("session.js"), module).unwrap();
    run(tool("pbts").args(["--out", "session.d.ts", "session.js"]));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/urls.ts");
    fs::copy(script, made("urls.ts")).unwrap();
    let strict = ["--strict", "--skipLibCheck", "--module", "nodenext", "--target", "es2022"];
    run(tool("tsc").args(strict).arg("urls.ts"));
    let read = run(Command::new(&node).arg(made("urls.js")).arg(bench.path("a.session")));
    assert_eq!(read, lines(&origin, &["/one", "/two?b=c"]));
}

fn listed(bench: &Bench, session: &str) -> Vec<String> {
    let output = ours(bench, &["export", "csv", session, "--columns", "url"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let path = |line: &str| line.rsplit_once('/').map(|(_, path)| path.to_owned());
    text.lines().skip(1).map(|line| path(line).unwrap()).collect()
}

#[track_caller]
fn says(output: &Output, code: i32, words: &str) {
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), err.contains(words)), (Some(code), true), "{err}");
}

#[test]
fn sessions_are_joined_cut_down_and_written_anew() {
    let test = "sessions_are_joined_cut_down_and_written_anew";
    let Some(_curl) = program(test, "curl") else { return };
    let (bench, origin) = (Bench::new(), http());
    record(&bench, &origin, "a.session", &["/one", "/two"]);
    record(&bench, &origin, "b.session", &["/three", "/four"]);
    says(&ours(&bench, &["session", "merge", "a.session", "b.session", "-o", "c"]), 0, "events in");
    assert_eq!(listed(&bench, "c"), ["one", "two", "three", "four"]);
    says(&ours(&bench, &["session", "merge", "a.session", "-o", "c"]), 1, "exists");
    says(&ours(&bench, &["session", "verify", "c"]), 0, "4 bodies, 0 chunks: sound");

    says(&ours(&bench, &["session", "trim", "c"]), 2, "required");
    says(&ours(&bench, &["session", "trim", "c", "--drop", "~u two$"]), 0, "taken out");
    assert_eq!(listed(&bench, "c"), ["one", "three", "four"]);
    says(
        &ours(&bench, &["session", "trim", "c", "--keep", "~u '(one|four)$'", "--newest", "2"]),
        0,
        "",
    );
    assert_eq!(listed(&bench, "c"), ["one", "four"]);
    says(&ours(&bench, &["session", "compact", "c"]), 0, "0 events taken out");
    assert_eq!(listed(&bench, "c"), ["one", "four"]);
    says(&ours(&bench, &["session", "verify", "c"]), 0, "2 bodies");

    let output = ours(&bench, &["export", "csv", "a.session", "~u two$", "--columns", "url"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 2);
}

#[test]
fn a_session_that_is_recorded_is_not_written_anew_and_a_damaged_one_is_told() {
    let test = "a_session_that_is_recorded_is_not_written_anew_and_a_damaged_one_is_told";
    let Some(_curl) = program(test, "curl") else { return };
    let Some(sqlite) = program(test, "sqlite3") else { return };
    let (bench, origin) = (Bench::new(), http());
    record(&bench, &origin, "a.session", &["/one"]);
    let inner = format!(
        "'{}' session compact a.session",
        bench.sidestream([""]).get_program().to_string_lossy()
    );
    let mut command = bench.sidestream(["run", "--session", "a.session", "--", "sh", "-c", &inner]);
    says(&command.output().unwrap(), 1, "a.session is in use: process ");

    let damage = "UPDATE exchange SET response_bytes = 7";
    run(Command::new(sqlite).arg(bench.path("a.session")).arg(damage));
    says(&ours(&bench, &["session", "verify", "a.session"]), 1, "bytes where 7 are said");
}
