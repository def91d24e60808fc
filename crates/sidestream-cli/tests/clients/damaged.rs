//! Sessions of a real client that are damaged, and commands that are killed while they write them.

use std::fs;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use crate::harness::{ANSWER, Bench, Running, http, program};

fn record(bench: &Bench, session: &str, url: &str) {
    let mut command = bench.sidestream(["run", "--session", session, "--", "curl", "-sS", url]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn ours(bench: &Bench, args: &[&str]) -> Output {
    bench.sidestream(args).output().unwrap()
}

#[track_caller]
fn succeeds(bench: &Bench, args: &[&str]) -> String {
    let output = ours(bench, args);
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {err}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn what_is_damaged_is_told_with_its_place_and_the_rest_is_answered() {
    let test = "what_is_damaged_is_told_with_its_place_and_the_rest_is_answered";
    let Some(_curl) = program(test, "curl") else { return };
    let Some(sqlite) = program(test, "sqlite3") else { return };
    let (bench, origin) = (Bench::new(), http());
    let url = |name: &str| format!("http://localhost:{}/{name}", origin.port());
    for name in ["one", "two", "three"] {
        record(&bench, "a.session", &url(name));
    }
    let damage = "UPDATE block SET at = at + 1 WHERE max_flow IN
        (SELECT flow FROM exchange WHERE url LIKE '%/two');
        SELECT min(first) FROM block WHERE max_flow IN
        (SELECT flow FROM exchange WHERE url LIKE '%/two')";
    let damaged = Command::new(sqlite).arg(bench.path("a.session")).arg(damage).output().unwrap();
    assert!(damaged.status.success(), "{damaged:?}");
    let first = String::from_utf8(damaged.stdout).unwrap();
    let place = format!("entry {} is damaged", first.trim());

    for args in [
        &["session", "grep", "-l", "a.session", "hello"][..],
        &["session", "list", "a.session", "~b hello"],
        &["session", "show", "a.session"],
        &["session", "show", "a.session", "~u ."],
        &["export", "jsonl", "a.session"],
        &["export", "csv", "a.session", "~u .", "--columns", "url"],
    ] {
        let output = ours(&bench, args);
        let (out, err) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(1), "{args:?}: {err}");
        assert!(err.contains(&place), "{args:?}: {err}");
        assert!(out.contains("/one") && out.contains("/three"), "{args:?}: {out}{err}");
        assert!(!out.contains("/two"), "{args:?}: {out}");
        if args[0] == "session" {
            assert!(err.contains("damaged events were left out"), "{args:?}: {err}");
        }
    }
    // What changes a session refuses one that is damaged.
    let before = fs::read(bench.path("a.session")).unwrap();
    for args in [
        &["session", "trim", "a.session", "--drop", "~u two"][..],
        &["session", "mark", "a.session", "~u one"],
        &["session", "compact", "a.session"],
    ] {
        let output = ours(&bench, args);
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), err.contains("damaged")), (Some(1), true), "{err}");
        assert!(fs::read(bench.path("a.session")).unwrap() == before, "{args:?} changed it");
    }
    let merged = ours(&bench, &["session", "merge", "a.session", "-o", "whole.session"]);
    assert_eq!(merged.status.code(), Some(1));
    succeeds(&bench, &["session", "verify", "whole.session"]);
}

/// Makes a session of more than a hundred exchanges out of one of curl's.
fn large(bench: &Bench) {
    let origin = http();
    record(bench, "one.session", &format!("http://localhost:{}/one", origin.port()));
    let times = |session: &str, times: usize, to: &str| {
        let mut args = vec!["session", "merge"];
        args.extend(std::iter::repeat_n(session, times));
        succeeds(bench, &[&args[..], &["-o", to]].concat());
    };
    times("one.session", 12, "some.session");
    times("some.session", 12, "a.session");
}

/// Runs a command and kills it, each time later, and looks each time; at last lets it be.
fn killed(bench: &Bench, args: &[&str], mut look: impl FnMut(bool)) {
    for after in [0, 5, 12, 25, 50, 100, 200] {
        let mut command = bench.sidestream(args);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut running = Running(command.spawn().unwrap());
        std::thread::sleep(Duration::from_millis(after));
        // It may have come to its end before.
        let ended = running.try_wait().unwrap();
        _ = running.kill();
        let status = running.wait().unwrap();
        assert!(ended.is_none_or(|status| status.success()), "{status}");
        look(status.success());
    }
    succeeds(bench, args);
    look(true);
}

fn files(bench: &Bench) -> Vec<String> {
    let files = bench.folder.path().read_dir().unwrap();
    let names = files.map(|file| file.unwrap().file_name().to_string_lossy().into_owned());
    let mut names: Vec<_> = names.filter(|name| name.contains("a.session")).collect();
    names.sort_unstable();
    names
}

#[test]
fn whatever_is_killed_while_it_writes_a_session_harms_none() {
    let test = "whatever_is_killed_while_it_writes_a_session_harms_none";
    let Some(_curl) = program(test, "curl") else { return };
    let bench = Bench::new();
    large(&bench);
    let sound = |session: &str| {
        succeeds(&bench, &["session", "verify", session]);
    };
    let count = |session: &str| {
        succeeds(&bench, &["export", "csv", session, "--columns", "url"]).lines().count() - 1
    };
    assert_eq!(count("a.session"), 144);
    let whole = fs::read(bench.path("a.session")).unwrap();

    let merge = ["session", "merge", "a.session", "one.session", "-o", "b-a.session"];
    killed(&bench, &merge, |_| {
        assert!(fs::read(bench.path("a.session")).unwrap() == whole);
        // It has its name when it is whole, and is then in the way of the next.
        if bench.path("b-a.session").exists() {
            sound("b-a.session");
            fs::remove_file(bench.path("b-a.session")).unwrap();
        }
    });
    assert_eq!(files(&bench), ["a.session"]);

    killed(&bench, &["session", "compact", "a.session"], |_| sound("a.session"));
    assert_eq!(count("a.session"), 144);
    assert_eq!(files(&bench), ["a.session"]);

    killed(&bench, &["session", "trim", "a.session", "--newest", "100"], |ended| {
        sound("a.session");
        let count = count("a.session");
        assert!(count == 100 || count == 144 && !ended, "{count}");
    });
    assert_eq!(files(&bench), ["a.session"]);

    // Without what was noted of its text.
    succeeds(&bench, &["session", "merge", "a.session", "-o", "c-a.session"]);
    fs::write(bench.path("a.session"), &whole).unwrap();
    killed(&bench, &["session", "index", "a.session"], |_| {
        sound("a.session");
        let found = succeeds(&bench, &["session", "grep", "-l", "a.session", ANSWER.trim()]);
        assert_eq!(found.lines().count(), 144);
    });

    let archive = bench.path("archive.har");
    succeeds(&bench, &["export", "har", "a.session", "-o", &archive.to_string_lossy()]);
    let import = ["import", "archive.har", "d-a.session"];
    killed(&bench, &import, |ended| {
        if !bench.path("d-a.session").exists() {
            return;
        }
        // One that was killed before it was a session is an empty file, which may become one.
        if fs::metadata(bench.path("d-a.session")).unwrap().len() > 0 {
            sound("d-a.session");
            let count = count("d-a.session");
            assert!(count == 144 || count < 144 && !ended, "{count}");
        } else {
            assert!(!ended);
        }
        for name in files(&bench).iter().filter(|name| name.starts_with("d-")) {
            fs::remove_file(bench.path(name)).unwrap();
        }
    });
}
