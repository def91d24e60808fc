//! The command itself: what it answers to bad input, and the small commands.

use std::process::{Command, Output, Stdio};

use insta::assert_snapshot;
use sidestream_testkit::sidestream_binary;

/// The command in an environment of its own.
fn sidestream(args: &[&str]) -> Command {
    let mut command = Command::new(sidestream_binary());
    command.args(args).env_clear().stdin(Stdio::null());
    command
}

fn words(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// Checks the exit status and that standard error has these words, standard output none.
#[track_caller]
fn check_error(args: &[&str], code: i32, expected: &str) {
    let (status, out, err) = words(&sidestream(args).output().unwrap());
    assert_eq!(status, Some(code), "{err}");
    assert!(err.contains(expected), "{err}");
    assert_eq!(out, "");
}

#[test]
fn bad_filters_exit_with_2_and_show_the_place() {
    let shown = "not a filter:\n~d a & ~foo\n       ^^^^ ~foo is not known";
    let filter = "~d a & ~foo";
    check_error(&["run", "--filter", filter, "--", "true"], 2, shown);
    check_error(&["--mode", "regular@127.0.0.1:0", filter], 2, shown);
    check_error(&["--mode", "regular@127.0.0.1:0", "--filter", filter], 2, shown);
    check_error(&["session", "show", "a.session", filter], 2, shown);
    check_error(&["session", "list", "a.session", filter], 2, shown);
    check_error(&["gateway", "up", "--interface", "none", "--filter", filter], 2, shown);
    check_error(&["--filter", "~all"], 2, "--filter is for --mode, run and gateway up");
    // Without a mode it was to be a command.
    check_error(&["~all"], 2, "unrecognized subcommand '~all'");
}

#[test]
fn bad_command_lines_exit_with_2_and_say_what_would_do() {
    check_error(&[], 2, "Usage: sidestream");
    check_error(&["curl"], 2, "To run a command and see its flows: sidestream run -- curl");
    check_error(&["run"], 2, "<COMMAND>");
    check_error(&["--mode", "nope"], 2, "there is no mode \"nope\"");
    check_error(&["--mode", "regular@x"], 2, "\"x\" is not a port");
    check_error(&["--mode", "local:a,"], 2, "a,\n  ^ an item is missing");
    check_error(&["--mode", "dns"], 2, "mode dns is not built yet");
    check_error(
        &["--mode", "reverse:tls://a.test@8081", "--mode", "regular", "--proxy-auth", "a:b"],
        2,
        "in requests of HTTP alone, and tls:// has none",
    );
    check_error(
        &["--mode", "reverse:tcp://a.test:1@8081", "--proxy-auth", "a:b"],
        2,
        "in requests of HTTP alone, and tcp:// has none",
    );
    check_error(
        &["--mode", "reverse:udp://a.test:1@8081", "--proxy-auth", "a:b"],
        2,
        "in requests of HTTP alone, and udp:// has none",
    );
    check_error(
        &["--mode", "tun", "--proxy-auth", "a:b"],
        2,
        "--proxy-auth is for --mode regular, reverse, upstream or socks5, add one",
    );
    check_error(
        &["--mode", "local", "--connect-addr", "127.0.0.1"],
        2,
        "mode local connects from where each program would",
    );
    check_error(
        &["--mode", "regular", "--keep-host-header"],
        2,
        "--keep-host-header is for --mode reverse, add that",
    );
    check_error(&["--mode", "regular", "--mode", "Regular@8080"], 2, "both listen on");
    check_error(&["--mode", "local", "--mode", "osproxy"], 2, "given twice");
    check_error(&["--mode", "regular", "run", "--", "true"], 2, "--mode stands alone");
    check_error(
        &["--mode", "socks5", "--set-system-proxy"],
        2,
        "--set-system-proxy is for --mode regular, add that",
    );
    check_error(&["--mode", "regular", "--set-system-proxy=x"], 2, "invalid value 'x'");
    check_error(&["--mode", "regular", "--ca-trusted"], 2, "--ca-trusted is for --mode local");
    check_error(&["--reset-existing"], 2, "--reset-existing is for --mode local");
    check_error(
        &["--mode", "local:a", "--spec-file", "b"],
        2,
        "--spec-file is given beside a spec",
    );
    check_error(&["--config", "/nonexistent", "doctor"], 2, "cannot read the configuration");
}

#[test]
fn a_spec_file_is_looked_at_before_anything_is_started() {
    let spec_file = ["--mode", "local", "--spec-file", "/nonexistent"];
    check_error(&spec_file, 2, "cannot read the spec from /nonexistent");
}

#[test]
fn a_helper_that_is_not_there_is_named() {
    let mut command = sidestream(&["--mode", "local:nobody-has-this-name", "--confdir", "/proc"]);
    let command = command.env("SIDESTREAM_HELPER", "/nonexistent/helper");
    let (status, out, err) = words(&command.output().unwrap());
    assert_eq!((status, &out[..]), (Some(1), ""), "{err}");
    let expected = if cfg!(target_os = "linux") {
        "there is no helper at /nonexistent/helper"
    } else {
        "not on this system yet"
    };
    assert!(err.contains(expected), "{err}");
}

#[test]
fn the_state_of_the_helper_is_told() {
    let mut command = sidestream(&["helper", "status"]);
    let command = command.env("SIDESTREAM_HELPER", "/nonexistent/helper");
    let (status, out, err) = words(&command.output().unwrap());
    assert_eq!(status, Some(1), "{out}{err}");
    assert!(out.starts_with("helper  not found"), "{out}");
    assert!(out.contains("\nrights  "), "{out}");
}

#[test]
fn only_root_installs_the_helper() {
    if sidestream_testkit::is_root() {
        // It must not be tried: it would change this machine.
        return;
    }
    check_error(&["helper", "install"], 1, "this takes root: sudo sidestream helper install");
    check_error(&["helper", "uninstall"], 1, "this takes root: sudo sidestream helper uninstall");
}

#[test]
fn a_file_that_is_no_session_is_refused() {
    check_error(&["session", "show", "/dev/null"], 1, "is not a session");
    check_error(&["session", "show", "/nonexistent"], 1, "/nonexistent");
}

#[track_caller]
fn check_explain(args: &[&str], code: i32, expected: &str) {
    let args = [&["spec", "explain"], args].concat();
    let (status, out, err) = words(&sidestream(&args).output().unwrap());
    assert_eq!(status, Some(code), "{out}{err}");
    assert!(format!("{out}{err}").contains(expected), "{out}{err}");
}

#[test]
fn a_spec_is_explained_with_its_verdict_as_the_exit_status() {
    check_explain(&["curl", "--path", "/usr/bin/curl"], 0, "intercept");
    check_explain(&["curl,!host:*.test", "--name", "curl", "--host", "a.test"], 1, "pass");
    check_explain(&["curl,port:443"], 3, "undecided, needs");
    check_explain(&["curl,"], 2, "curl,\n     ^ an item is missing");
    check_explain(&["user:0", "--user", "0"], 0, "intercept");
    check_explain(&["user:ada", "--user", "ada"], 0, "intercept");
    check_explain(&["net:2001:db8::/32", "--dst", "[2001:db8::1]:53"], 0, "intercept");
    check_explain(&["port:443", "--dst", "192.0.2.1"], 0, "intercept");
    check_explain(&["container:web", "--container", "web"], 0, "intercept");
    check_explain(&["unit:nginx", "--unit", "nginx.service"], 0, "intercept");
    check_explain(&["!cgroup:/user*", "--cgroup", "/user.slice"], 1, "pass");
    check_explain(&["x", "--dst", "nowhere"], 2, "use an address");
}

#[test]
fn the_pid_of_a_process_stands_for_what_is_known_of_it() {
    if !std::path::Path::new("/proc/self/exe").exists() {
        return sidestream_testkit::skip("the_pid_of_a_process_…", "no /proc here");
    }
    let mut child = Command::new("sleep").arg("60").spawn().unwrap();
    let pid = child.id().to_string();
    check_explain(&["sleep", "--pid", &pid], 0, "intercept");
    check_explain(&[&format!("tree:pid:{}", std::process::id()), "--pid", &pid], 0, "intercept");
    check_explain(&["curl", "--pid", &pid], 1, "pass");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn the_root_is_shown_and_exported() {
    let folder = tempfile::tempdir().unwrap();
    let confdir = folder.path().join("conf");
    let run = |args: &[&str]| {
        let args = [args, &["--confdir", confdir.to_str().unwrap()]].concat();
        sidestream(&args).output().unwrap()
    };
    let (status, path, err) = words(&run(&["ca", "path"]));
    assert_eq!((status, err.as_str()), (Some(0), ""));
    let pem = std::fs::read_to_string(path.trim_end()).unwrap();
    let (_, exported, _) = words(&run(&["ca", "export"]));
    assert_eq!(exported, pem);
    let (_, with_key, _) = words(&run(&["ca", "export", "--with-key"]));
    assert!(with_key.contains("PRIVATE KEY"));
    assert_eq!(run(&["ca", "export", "--format", "der"]).stdout[0], 0x30);
    let (status, ..) = words(&run(&["ca", "export", "--format", "der", "--with-key"]));
    assert_eq!(status, Some(2));
    let (_, shown, _) = words(&run(&["ca", "show"]));
    assert!(shown.contains("Sidestream CA") && shown.contains("SHA-256"), "{shown}");
    let archive = folder.path().join("root.p12");
    let format = ["ca", "export", "--format", "p12", "-o", archive.to_str().unwrap()];
    assert!(run(&format).status.success());
    assert_eq!(std::fs::read(archive).unwrap()[0], 0x30);
}

#[test]
fn without_a_home_the_way_out_is_named() {
    check_error(&["ca", "path"], 1, "--confdir");
}

#[test]
fn doctor_speaks_json_too() {
    let (_, out, err) = words(&sidestream(&["doctor", "--json"]).output().unwrap());
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["version"], env!("CARGO_PKG_VERSION"), "{err}");
    assert_snapshot!(
        shape(&report),
        @"confdir, drivers { capabilities, findings { outcome, reason, remedy, what }, mode, name, notes, usable }, helper { group, in_group, path, reason, remedy, rights }, is_root, leftovers, local, root { text, well }, run, system, transparent, version"
    );
}

/// Lists the members of an object and of those in it, the first of a list standing for all.
fn shape(value: &serde_json::Value) -> String {
    use serde_json::Value;
    match value {
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| match shape(value) {
                inner if inner.is_empty() => name.clone(),
                inner => format!("{name} {{ {inner} }}"),
            });
            members.collect::<Vec<_>>().join(", ")
        }
        Value::Array(items) => items.first().map(shape).unwrap_or_default(),
        _ => String::new(),
    }
}
