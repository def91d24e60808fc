//! Where flows go: the screen, JSON, a session.

use std::fs;
use std::time::{Duration, Instant};

use sidestream_testkit::skip;

use crate::harness::{ANSWER, Bench, http, program};

#[test]
fn a_session_shows_what_was_written_live() {
    let Some(curl) = program("a_session_shows_what_was_written_live", "curl") else { return };
    let bench = Bench::new();
    let origin = bench.https();
    let url = format!("https://localhost:{}/", origin.port());
    let file = bench.path("a.session");
    let json = bench.path("flows.json");
    let mut command = bench.sidestream(["run", "--session"]);
    command.arg(&file).arg("--json").arg(&json).arg("--").arg(curl).args(["-sS4", &url]);
    let ran = bench.finish(&mut command);
    ran.check_success(ANSWER).check_http("GET", &url, 200, "curl");
    let live = fs::read_to_string(json).unwrap();

    let show = |args: &[&str]| {
        let mut command = bench.sidestream(["session", "show"]);
        let output = command.arg(&file).args(args).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(show(&["--json"]), live);
    let lines = show(&[]);
    assert!(lines.contains(&format!("GET  {url}  200  22 B")), "{lines}");
    let (_number, line) = lines.trim().split_once("  ").unwrap();
    assert!(ran.stderr.contains(line), "{} {lines}", ran.stderr);
    assert!(show(&["-v"]).contains("> Host: localhost:"));
    assert!(show(&["-vv"]).contains("| hello from the origin"));
}

/// Prints a session until it has that text.
#[track_caller]
fn wait_for_text(bench: &Bench, file: &std::path::Path, text: &str) {
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        let output = bench.sidestream(["session", "show", "--json"]).arg(file).output().unwrap();
        let shown = String::from_utf8_lossy(&output.stdout).into_owned();
        if shown.contains(text) {
            return;
        }
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(Instant::now() < until, "{text} is not in {shown} {err}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_session_is_read_while_it_is_written_and_after_a_kill() {
    let test = "a_session_is_read_while_it_is_written_and_after_a_kill";
    let Some(curl) = program(test, "curl") else { return };
    let (bench, origin) = (Bench::new(), http());
    let url = format!("http://127.0.0.1:{}/", origin.port());
    let file = bench.path("a.session");
    let mut command = bench.sidestream(["run", "--session"]);
    let script = format!("{} -sS {url}; sleep 1000", curl.display());
    command.arg(&file).args(["--", "sh", "-c", &script]);
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let mut child = command.spawn().unwrap();
    while origin.requests().is_empty() || !file.exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    wait_for_text(&bench, &file, &url);
    child.kill().unwrap();
    child.wait().unwrap();
    wait_for_text(&bench, &file, &url);
}

#[test]
fn secrets_are_hidden_on_the_screen_and_kept_in_json() {
    let test = "secrets_are_hidden_on_the_screen_and_kept_in_json";
    let Some(curl) = program(test, "curl") else { return };
    let (bench, origin) = (Bench::new(), http());
    let url = format!("http://127.0.0.1:{}/", origin.port());
    let run = |options: &[&str]| {
        let mut command = bench.sidestream(["run", "-v", "--json"]);
        command.arg(bench.path("flows.json")).args(options).arg("--").arg(&curl);
        let ran = bench.finish(command.args(["-sS", "-u", "ada:secret", "-H", "X-Mine: 1", &url]));
        let headers = ran.check_success(ANSWER).lines[0]["request"]["headers"].to_string();
        (ran.stderr, headers)
    };
    let (screen, headers) = run(&[]);
    assert!(screen.contains("> Authorization: [redacted]"), "{screen}");
    assert!(headers.contains("Basic YWRhOnNlY3JldA=="), "{headers}");
    let (screen, headers) = run(&["--show-secrets", "--redact", "x-mine"]);
    assert!(screen.contains("> Authorization: Basic YWRhOnNlY3JldA=="), "{screen}");
    assert!(screen.contains("> X-Mine: [redacted]"), "{screen}");
    assert!(headers.contains("[\"X-Mine\",\"[redacted]\"]"), "{headers}");
}

#[test]
fn json_goes_to_a_descriptor() {
    let Some(curl) = program("json_goes_to_a_descriptor", "curl") else { return };
    if !std::path::Path::new("/dev/fd").exists() {
        return skip("json_goes_to_a_descriptor", "no /dev/fd here");
    }
    let (bench, origin) = (Bench::new(), http());
    let url = format!("http://127.0.0.1:{}/", origin.port());
    let binary = sidestream_testkit::sidestream_binary();
    let line = format!(
        "{} -q run --json /dev/fd/3 -- {} -sS {url} 3>&1 >/dev/null | cat",
        binary.display(),
        curl.display()
    );
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", &line]).env("SIDESTREAM_CONFDIR", bench.path("conf"));
    let output = shell.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["request"]["url"], url);
    assert_eq!(output.stderr, b"", "quiet");
}

#[cfg(unix)]
#[test]
fn what_is_recorded_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    if program("what_is_recorded_is_its_owners_alone", "true").is_none() {
        return;
    }
    let bench = Bench::new();
    let file = bench.path("a.session");
    let mut command = bench.sidestream(["run", "--session"]);
    command.arg(&file).arg("--json").arg(bench.path("flows.json")).args(["--", "true"]);
    bench.finish(&mut command).check_success("");
    for path in [file, bench.path("flows.json")] {
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn a_session_that_is_none_stops_the_command_from_running() {
    let test = "a_session_that_is_none_stops_the_command_from_running";
    if program(test, "touch").is_none() {
        return;
    }
    let bench = Bench::new();
    let file = bench.write("a.session", "this is no session");
    let mut command = bench.sidestream(["run", "--session"]);
    let ran = bench.finish(command.arg(&file).args(["--", "touch", "ran"]));
    assert_eq!(ran.output.status.code(), Some(125));
    assert!(ran.stderr.contains("is not a session"), "{}", ran.stderr);
    assert!(!bench.path("ran").exists());
}

#[test]
fn the_demonstration_sees_everything_decrypted() {
    if program("the_demonstration_sees_everything_decrypted", "true").is_none() {
        return;
    }
    let bench = Bench::new();
    let ran = bench.finish(&mut bench.sidestream(["demo"]));
    assert!(ran.output.status.success(), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("flows were decrypted"), "{}", ran.stdout);
}

#[test]
fn without_a_home_a_root_is_made_for_the_run() {
    let Some(curl) = program("without_a_home_a_root_is_made_for_the_run", "curl") else { return };
    let bench = Bench::new();
    let origin = bench.https();
    let url = format!("https://localhost:{}/", origin.port());
    let mut command = bench.command();
    command.arg(curl).args(["-sS4", &url]);
    command.env_remove("SIDESTREAM_CONFDIR").env_remove("XDG_DATA_HOME");
    let ran = bench.finish(command.env("HOME", "/dev/null"));
    ran.check_success(ANSWER).check_http("GET", &url, 200, "curl");
    assert!(ran.stderr.contains("--confdir DIR"), "{}", ran.stderr);
}
