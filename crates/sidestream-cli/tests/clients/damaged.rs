//! Sessions of a real client that are damaged, and commands that are killed while they write them.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;

use crate::dumps::{flow, lines, noise};
use crate::harness::{ANSWER, Bench, Running, http, ours, program, succeeds};

fn record(bench: &Bench, session: &str, url: &str) {
    let mut command = bench.sidestream(["run", "--session", session, "--", "curl", "-sS", url]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
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
    // What needs no record has all lines, and tells as well where there are so few.
    let reached = format!("~c 200 & ~dst :{}$", origin.port());
    for args in [
        &["session", "list", "a.session"][..],
        &["session", "list", "a.session", &reached],
        &["session", "list", "a.session", "--sort", "size", "~http"],
    ] {
        let output = ours(&bench, args);
        let (out, err) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(1), "{args:?}: {err}");
        assert!(err.contains(&place) && err.contains("which no line here needed"), "{err}");
        assert!(["/one", "/two", "/three"].iter().all(|it| out.contains(it)), "{args:?}: {out}");
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
}

#[test]
fn an_import_that_is_killed_leaves_what_was_there_and_the_next_is_whole() {
    let test = "an_import_that_is_killed_leaves_what_was_there_and_the_next_is_whole";
    let Some(mkfifo) = program(test, "mkfifo") else { return };
    let bench = Bench::new();
    // More than several transactions of an import have.
    let one = flow(b"many.test", "identity", &noise(1 << 20));
    fs::write(bench.path("few.dump"), flow(b"few.test", "identity", b"few")).unwrap();
    fs::write(bench.path("many.dump"), one.repeat(24)).unwrap();
    let hosts = ["export", "csv", "a.session", "--columns", "host"];
    for old in [0, 1] {
        for name in files(&bench) {
            fs::remove_file(bench.path(&name)).unwrap();
        }
        if old > 0 {
            succeeds(&bench, &["import", "few.dump", "a.session"]);
        }
        let pipe = bench.path("pipe");
        drop(fs::remove_file(&pipe));
        assert!(Command::new(&mkfifo).arg(&pipe).status().unwrap().success());
        let mut command = bench.sidestream(["import", "pipe", "a.session"]);
        let mut running = Running(command.stderr(Stdio::null()).spawn().unwrap());
        let mut file = File::options().write(true).open(&pipe).unwrap();
        // All but the last of it is taken once it is written: a pipe holds little.
        file.write_all(&one.repeat(20)).unwrap();
        running.kill().unwrap();
        assert_eq!(running.wait().unwrap().signal(), Some(9));
        drop(file);
        if old > 0 {
            succeeds(&bench, &["session", "verify", "a.session"]);
            assert_eq!(succeeds(&bench, &hosts), "host\r\nfew.test\r\n");
        } else {
            let left = files(&bench);
            assert!(left.contains(&"a.session-new".into()), "{left:?}");
            assert!(!left.contains(&"a.session".into()), "{left:?}");
        }
        succeeds(&bench, &["import", "many.dump", "a.session"]);
        assert_eq!(succeeds(&bench, &hosts).lines().count(), 1 + old + 24);
        succeeds(&bench, &["session", "verify", "a.session"]);
        assert_eq!(files(&bench), ["a.session"]);
    }
}

/// Makes a session of so many exchanges of which no body is there, so that an export in most forms
/// tells of each: more than a pipe holds that nobody reads.
fn bodiless(bench: &Bench) {
    let entry = |number: usize| {
        let request = json!({"method": "GET", "url": format!("http://a.test/{number}")});
        let response = json!({"status": 200, "content": {"size": 10}});
        let started = "2026-01-02T03:04:05Z";
        json!({"startedDateTime": started, "request": request, "response": response})
    };
    let entries: Vec<_> = (0..4000).map(entry).collect();
    bench.write("bodiless.har", &json!({"log": {"entries": entries}}).to_string());
    succeeds(bench, &["import", "bodiless.har", "a.session"]);
}

#[test]
fn an_export_that_is_killed_leaves_what_was_there_and_the_next_is_whole() {
    let bench = Bench::new();
    bodiless(&bench);
    for format in ["har", "mitmproxy", "raw"] {
        let told = ours(&bench, &["export", format, "a.session"]);
        let whole = told.stdout;
        assert_eq!(told.status.code(), Some(1), "{format}");
        for old in [None, Some("old")] {
            let out = bench.path("out");
            let write = |old| drop(fs::write(&out, old));
            old.map_or_else(|| drop(fs::remove_file(&out)), write);
            let args = ["export", format, "a.session", "-o", "out", "--force"];
            let mut command = bench.sidestream(args);
            let mut running = Running(command.stderr(Stdio::piped()).spawn().unwrap());
            // It does not come to its end before somebody listens.
            while fs::metadata(bench.path("out-new")).map_or(0, |new| new.len()) == 0 {
                assert!(running.try_wait().unwrap().is_none(), "{format} came to its end");
                assert_eq!(fs::read_to_string(&out).ok().as_deref(), old, "{format}");
                std::thread::sleep(Duration::from_millis(2));
            }
            running.kill().unwrap();
            assert_eq!(running.wait().unwrap().signal(), Some(9), "{format}");
            let left = fs::read(bench.path("out-new")).unwrap();
            assert!(left.len() < whole.len() && whole.starts_with(&left), "{format}");
            assert_eq!(fs::read_to_string(&out).ok().as_deref(), old, "{format}");

            let output = ours(&bench, &args);
            let err = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{err:.1000}");
            assert_eq!(err.matches("10 bytes of the body are missing").count(), 4000);
            assert!(fs::read(&out).unwrap() == whole, "{format}");
            assert!(!bench.path("out-new").exists(), "{format}");
        }
    }
}

#[test]
fn a_body_of_which_a_byte_was_changed_is_not_written_as_it_was_sent() {
    let test = "a_body_of_which_a_byte_was_changed_is_not_written_as_it_was_sent";
    let Some(sqlite) = program(test, "sqlite3") else { return };
    let bench = Bench::new();
    // The beginning stands in a chunk, the end beside it.
    let text = &lines()[..64 * 1024 + 2000];
    let flows =
        [flow(b"one.test", "identity", text.as_bytes()), flow(b"two.test", "identity", b"")];
    fs::write(bench.path("a.dump"), flows.concat()).unwrap();
    succeeds(&bench, &["import", "a.dump", "a.session"]);
    let raw = ["session", "show", "a.session", "1", "--raw"];
    assert_eq!(succeeds(&bench, &raw), text);
    assert_eq!(succeeds(&bench, &["session", "show", "a.session", "2", "--raw"]), "");
    let whole = fs::read(bench.path("a.session")).unwrap();
    for change in ["stretch SET data = zeroblob(size) WHERE chunk IS NULL", "chunk SET id = id + 9"]
    {
        fs::write(bench.path("a.session"), &whole).unwrap();
        let mut sqlite = Command::new(&sqlite);
        let changed = sqlite.arg(bench.path("a.session")).arg(format!("UPDATE {change}"));
        assert!(changed.status().unwrap().success());
        for args in [&raw[..], &raw[..4]] {
            let output = ours(&bench, args);
            let err = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{change}: {args:?}: {err}");
            assert!(err.contains("the content of a body is damaged"), "{change}: {args:?}: {err}");
            assert!(!output.stdout.contains(&0), "{change}: {args:?}");
        }
    }
    let missing = ours(&bench, &["session", "show", "a.session", "9", "--raw"]);
    let err = String::from_utf8_lossy(&missing.stderr);
    assert_eq!((missing.status.code(), missing.stdout.len()), (Some(1), 0));
    assert!(err.contains("no exchange has the number 9"), "{err}");
}

/// Where bytes of a file are changed: all that are used where SIDESTREAM_DAMAGE is set, which
/// takes an hour, else some.
fn places(bytes: &[u8]) -> Vec<usize> {
    let around = |at: usize| &bytes[at.saturating_sub(1)..(at + 2).min(bytes.len())];
    let used: Vec<_> =
        (0..bytes.len()).filter(|at| around(*at).iter().any(|byte| *byte != 0)).collect();
    let step = if std::env::var_os("SIDESTREAM_DAMAGE").is_some() { 1 } else { used.len() / 80 };
    used.into_iter().step_by(step.max(1)).collect()
}

#[test]
fn with_any_byte_changed_lists_and_searches_tell_or_are_right() {
    let bench = Bench::new();
    let text = lines();
    let bodies = [("one", "a needle"), ("two", "nothing"), ("three", &text), ("four", "needle")];
    let flows = bodies.iter().flat_map(|(host, body)| {
        flow(format!("{host}.test").as_bytes(), "identity", body.as_bytes())
    });
    fs::write(bench.path("a.dump"), flows.collect::<Vec<_>>()).unwrap();
    succeeds(&bench, &["import", "a.dump", "a.session"]);
    succeeds(&bench, &["session", "mark", "a.session", "2", "--comment", "look"]);
    succeeds(&bench, &["session", "index", "a.session"]);
    let all = [
        &["session", "grep", "a.session", "needle|line 79190000"][..],
        &["session", "list", "a.session", "--sort", "url"],
        &["session", "list", "a.session", "--sort", "size", "~b needle | ~hs identity"],
        &["session", "show", "a.session", "--json"],
        &["session", "show", "a.session", "3", "--raw"],
        &["export", "jsonl", "a.session"],
    ];
    let right = all.map(|args| succeeds(&bench, args));
    assert_eq!(right[0].lines().count(), 6, "{}", right[0]);
    assert_eq!(right[2].lines().count(), 4, "{}", right[2]);
    let lines = right.each_ref().map(|right| right.lines().collect::<HashSet<_>>());
    let whole = fs::read(bench.path("a.session")).unwrap();
    for at in places(&whole) {
        let mut damaged = whole.clone();
        damaged[at] ^= if at % 3 == 0 { 0xff } else { 1 << (at % 8) };
        fs::write(bench.path("a.session"), &damaged).unwrap();
        for ((args, right), lines) in all.iter().zip(&right).zip(&lines) {
            let output = ours(&bench, args);
            let (out, err) =
                (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            let verified = || ours(&bench, &["session", "verify", "a.session"]);
            let is_known = || verified().status.code() == Some(1);
            match output.status.code() {
                // Of what lists show, `verify` alone tells.
                Some(0) => assert!(out == *right || is_known(), "byte {at}: {args:?}: {out}{err}"),
                Some(1) => {
                    assert!(!err.is_empty() || is_known(), "byte {at}: {args:?}: {out}");
                    let is_right = out.lines().all(|line| lines.contains(line));
                    assert!(is_right || is_known(), "byte {at}: {args:?}: {out}{err}");
                }
                code => panic!("byte {at}: {args:?}: {code:?} {err}"),
            }
            assert!(!err.contains("panicked"), "byte {at}: {args:?}: {err}");
            assert!(fs::read(bench.path("a.session")).unwrap() == damaged, "byte {at}: {args:?}");
        }
    }
}

#[test]
fn a_session_cut_anywhere_is_told_by_whatever_reads_it() {
    let bench = Bench::new();
    fs::write(bench.path("a.dump"), flow(b"one.test", "identity", b"a needle")).unwrap();
    succeeds(&bench, &["import", "a.dump", "a.session"]);
    let whole = fs::read(bench.path("a.session")).unwrap();
    let step = if std::env::var_os("SIDESTREAM_DAMAGE").is_some() { 1 } else { whole.len() / 12 };
    // And where pages end, which is where SQLite looks.
    let ends = (1..=whole.len() / 16_384).flat_map(|page| [page * 16_384 - 1, page * 16_384]);
    let lens = (0..whole.len()).step_by(step).chain(ends.filter(|len| *len < whole.len()));
    for len in lens {
        fs::write(bench.path("a.session"), &whole[..len]).unwrap();
        for args in [
            &["session", "show", "a.session"][..],
            &["session", "list", "a.session"],
            &["session", "grep", "a.session", "needle"],
            &["session", "verify", "a.session"],
            &["session", "compact", "a.session"],
            &["session", "mark", "a.session", "1"],
            &["export", "har", "a.session", "-o", "out"],
            &["import", "a.session", "b.session"],
        ] {
            let output = ours(&bench, args);
            let err = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{len}: {args:?}: {err}");
            assert!(err.contains("sidestream: ") && !err.contains("panicked"), "{len}: {err}");
            assert!(output.stdout.is_empty(), "{len}: {args:?}");
            assert!(fs::read(bench.path("a.session")).unwrap() == whole[..len], "{len}: {args:?}");
        }
        assert_eq!(files(&bench), ["a.session"], "{len}");
        assert!(!bench.path("out").exists() && !bench.path("b.session").exists(), "{len}");
    }
}
