//! A session in each form, and files of other makes as sessions.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use insta::assert_snapshot;
use sidestream::store::Reader;
use sidestream_testkit::sidestream_binary;
use tempfile::TempDir;

fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(path)
}

struct Bench(TempDir);

impl Bench {
    /// A folder with the session of which there is one for each version.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.session");
        std::fs::copy(fixture("sessions/2.1.session"), path).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs the command, and returns its exit status and what it printed.
    fn run(&self, args: &[&str]) -> (Option<i32>, String, String) {
        let mut command = Command::new(sidestream_binary());
        command.args(args).current_dir(self.0.path()).env("TZ", "UTC").stdin(Stdio::null());
        let output = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    }

    #[track_caller]
    fn export(&self, args: &[&str]) -> String {
        let (code, out, err) = self.run(&[&["export"], args].concat());
        assert_eq!((code, &*err), (Some(0), ""));
        out
    }
}

#[test]
fn a_session_has_each_form() {
    let bench = Bench::new();
    for format in ["csv", "curl", "fetch", "httpie", "jsonl", "mitmproxy", "python", "wget"] {
        assert_snapshot!(format!("export_{format}"), bench.export(&[format, "a.session"]));
    }
    let archive = bench.export(&["har", "a.session"]);
    assert_snapshot!("export_har", archive.replace(env!("CARGO_PKG_VERSION"), "VERSION"));
    let raw = bench.export(&["raw", "a.session", "1"]);
    assert_snapshot!("export_raw", raw.escape_debug().to_string().replace("\\n", "\n"));
}

#[test]
fn exchanges_and_columns_are_chosen() {
    let bench = Bench::new();
    let chosen = bench.export(&["csv", "a.session", "1,5-9", "--columns", "url,status"]);
    assert_eq!(
        chosen,
        "url,status\r\nhttps://example.test/a?b,201\r\nhttps://example.test/chat,101\r\n"
    );
    let check = |args: &[&str], told: &str| {
        let (code, out, err) = bench.run(&[&["export"], args].concat());
        assert_eq!((code, &*out), (Some(2), ""), "{err}");
        assert!(err.contains(told), "{err}");
    };
    check(&["csv", "a.session", "3-"], "\"3-\" is no number of an exchange");
    check(&["csv", "a.session", "--columns", "x"], "there is no column \"x\", but client,");
    check(&["har", "a.session", "--columns", "url"], "--columns is for csv");
    check(&["har", "a.session", "--force"], "--output");
}

#[test]
fn a_file_that_is_there_is_written_over_when_that_is_asked_for() {
    let bench = Bench::new();
    std::fs::write(bench.path("out"), "precious").unwrap();
    let (code, _, err) = bench.run(&["export", "har", "a.session", "-o", "out"]);
    assert_eq!(code, Some(1));
    assert_eq!(err, "sidestream: out is there already; --force writes over it\n");
    assert_eq!(std::fs::read(bench.path("out")).unwrap(), b"precious");
    bench.export(&["har", "a.session", "-o", "out", "--force"]);
    assert!(std::fs::read(bench.path("out")).unwrap().starts_with(b"{\"log\""));
}

#[test]
fn what_others_wrote_becomes_a_session() {
    for name in ["chrome.har", "fiddler-bom.har", "firefox.har", "insomnia.har", "charles.har"] {
        let bench = Bench::new();
        let file = fixture("har").join(name);
        let (code, out, err) = bench.run(&["import", file.to_str().unwrap(), "b.session"]);
        assert_eq!((code, &*out), (Some(0), ""), "{name}: {err}");
        let (_, shown, _) = bench.run(&["session", "show", "-v", "b.session"]);
        assert_snapshot!(format!("import_{}", name.replace('.', "_")), shown);
    }
}

#[test]
fn what_is_broken_is_told_and_the_rest_imported() {
    let bench = Bench::new();
    let good = r#"{"startedDateTime":"2026-01-02","request":{"url":"http://a.test/"}}"#;
    let text = format!(r#"{{"log":{{"entries":[{good},{{"request":{{}}}},{good}]}}}}"#);
    std::fs::write(bench.path("a"), text).unwrap();
    let (code, _, err) = bench.run(&["import", "a", "b.session"]);
    assert_eq!(code, Some(1));
    assert_eq!(
        err,
        "sidestream: entry 1 has no startedDateTime\n\
         sidestream: 2 flows imported into b.session\n\
         sidestream: 1 left out, as told above\n"
    );
    assert_eq!(Reader::open(bench.path("b.session")).unwrap().contents().unwrap().exchanges, 2);
    std::fs::write(bench.path("a"), "<html>").unwrap();
    let (code, _, err) = bench.run(&["import", "a", "c.session"]);
    assert!(code == Some(1) && err.contains("of no kind that can be imported"), "{err}");
    assert!(!bench.path("c.session").exists());
}

#[test]
fn a_dump_comes_back_as_it_was() {
    let bench = Bench::new();
    let dump = bench.export(&["mitmproxy", "a.session", "-o", "a.dump"]);
    assert_eq!(dump, "");
    let (code, _, err) = bench.run(&["import", "a.dump", "b.session"]);
    assert_eq!((code, &*err), (Some(0), "sidestream: 6 flows imported into b.session\n"));
    let (_, shown, _) = bench.run(&["session", "show", "b.session"]);
    assert_snapshot!("import_dump", shown);
}

#[test]
fn what_is_noted_is_found_shown_and_exported() {
    let bench = Bench::new();
    let ok = |args: &[&str]| {
        let (code, out, err) = bench.run(args);
        assert_eq!(code, Some(0), "{args:?}: {err}");
        (out, err)
    };
    let (_, told) = ok(&["session", "mark", "a.session", "1"]);
    assert_eq!(told, "sidestream: noted of 1 exchange\n");
    let noted = ["--comment", "look\nhere", "--meta", "a=b=c", "--meta", "gone=1"];
    ok(&[&["session", "mark", "a.session", "~u chat"], &noted[..]].concat());
    ok(&["session", "mark", "a.session", "~u chat", "--marker", ":red_circle:", "--meta", "gone"]);
    let (_, told) = ok(&["session", "mark", "a.session", "~all", "--comment", "all"]);
    assert!(told.contains(" and 1 flow\n"), "{told}");
    ok(&["session", "mark", "a.session", "~u chat", "--comment", "look\nhere"]);
    let (_, told) = ok(&["session", "mark", "a.session", "1,5-9", "--comment", "look\nhere"]);
    assert_eq!(told, "sidestream: noted of 2 exchanges\n");
    ok(&["session", "mark", "a.session", "1", "--comment", ""]);

    let listed = |filter: &str| {
        let (out, _) = ok(&["session", "list", "a.session", filter]);
        let lines = out.lines().map(|line| {
            let id = line.split_whitespace().next().unwrap_or_default();
            let notes = line.split_once("  # ").map_or("-", |(_, notes)| notes);
            format!("{id} {notes}")
        });
        let mut lines: Vec<_> = lines.collect();
        lines.sort();
        lines
    };
    let chat = r#"5 :red_circle:; "look\nhere""#;
    assert_eq!(listed("~marked"), ["1 :default:", chat]);
    assert_eq!(listed("~marker red"), [chat]);
    assert_eq!(listed("~comment ^here$"), [chat]);
    assert_eq!(listed("~meta '^a: b=c$'"), [chat]);
    assert!(listed("~replay").is_empty());
    assert!(listed("~comment ^all$").iter().any(|line| line.starts_with('f')));

    let (shown, _) = ok(&["session", "show", "a.session", "~marked"]);
    assert!(shown.contains("\n    # :red_circle:; \"look\\nhere\"; a: b=c\n"), "{shown}");
    let (shown, _) = ok(&["session", "show", "a.session", "5"]);
    assert!(shown.contains("\n    # :red_circle:; \"look\\nhere\"; a: b=c\n"), "{shown}");
    let (json, _) = ok(&["session", "show", "a.session", "~marker red", "--json"]);
    let notes =
        r#""notes":{"comment":"look\nhere","marker":":red_circle:","metadata":{"a":"b=c"}}"#;
    assert!(json.contains(notes), "{json}");
    let (json, _) = ok(&["session", "list", "a.session", "~marker red", "--json"]);
    assert!(json.contains(r#""marker":":red_circle:","comment":"look\nhere""#), "{json}");
    let rows =
        bench.export(&["csv", "a.session", "~marked", "--columns", "exchange,marker,comment"]);
    let expected = "exchange,marker,comment\r\n1,:default:,\r\n5,:red_circle:,\"look\nhere\"\r\n";
    assert_eq!(rows, expected);

    // A dump has all of it, an archive comments.
    for (format, file) in [("mitmproxy", "x"), ("har", "y")] {
        bench.export(&[format, "a.session", "~marked", "-o", file]);
        let into = format!("{file}.session");
        bench.run(&["import", file, &into]);
        let columns = ["csv", &into, "--columns", "marker,comment"];
        let rows = bench.export(&columns);
        let expected = match format {
            "har" => "marker,comment\r\n,\r\n,\"look\nhere\"\r\n",
            _ => "marker,comment\r\n:default:,\r\n:red_circle:,\"look\nhere\"\r\n",
        };
        assert_eq!(rows, expected, "{format}");
    }
    let (found, _) = ok(&["session", "list", "x.session", "~meta '^a: b=c$'"]);
    assert_eq!(found.lines().count(), 1);

    ok(&["session", "mark", "a.session", "~marked", "--none"]);
    assert!(listed("~marked").is_empty());
    let (code, _, err) = bench.run(&["session", "mark", "a.session", "77"]);
    assert_eq!(code, Some(1));
    assert!(err.contains("nothing is noted"), "{err}");
    let (code, _, err) = bench.run(&["session", "mark", "x", "1"]);
    assert_eq!(code, Some(1));
    assert!(err.contains("x is not a session"), "{err}");
}

#[test]
fn a_session_is_imported_by_its_content() {
    let bench = Bench::new();
    std::fs::copy(bench.path("a.session"), bench.path("flows.har")).unwrap();
    let count = |session: &str| Reader::open(bench.path(session)).unwrap().contents().unwrap();
    let before = count("a.session");
    let (code, _, err) = bench.run(&["import", "flows.har", "b.session"]);
    let told = format!("sidestream: {} flows imported into b.session\n", before.flows);
    assert_eq!((code, err), (Some(0), told));
    assert_eq!(count("b.session").exchanges, before.exchanges);
    // Into one that is there, whose numbers stay.
    bench.run(&["session", "mark", "b.session", "1", "--comment", "first"]);
    let (code, _, err) = bench.run(&["import", "flows.har", "b.session"]);
    assert_eq!(code, Some(0), "{err}");
    let after = count("b.session");
    assert_eq!((after.flows, after.exchanges), (2 * before.flows, 2 * before.exchanges));
    let columns = ["csv", "b.session", "~comment first", "--columns", "exchange"];
    assert_eq!(bench.export(&columns), "exchange\r\n1\r\n");

    let (code, _, err) = bench.run(&["import", "b.session", "b.session"]);
    assert_eq!(code, Some(1));
    assert!(err.contains("is that session itself"), "{err}");
    std::fs::write(bench.path("c.sqlite"), b"SQLite format 3\0and no more").unwrap();
    let (code, _, err) = bench.run(&["import", "c.sqlite", "b.session"]);
    assert_eq!(code, Some(1));
    assert!(err.contains("is not a session"), "{err}");
    assert_eq!(count("b.session").flows, after.flows);
    std::fs::write(bench.path("text"), "hello").unwrap();
    let (code, _, err) = bench.run(&["import", "a.session", "text"]);
    assert_eq!(code, Some(1));
    assert_eq!(std::fs::read(bench.path("text")).unwrap(), b"hello", "{err}");
}

/// A session with a block that cannot be read, and others that can.
fn damaged(bench: &Bench) {
    let path = bench.path("d.session");
    bench.run(&["export", "mitmproxy", "a.session", "-o", "flows"]);
    // Each adds blocks of its own.
    for _ in 0..3 {
        bench.run(&["import", "flows", "d.session"]);
    }
    let mut bytes = std::fs::read(&path).unwrap();
    let packed = bytes.windows(4).position(|it| it == [0x28, 0xb5, 0x2f, 0xfd]).unwrap();
    bytes[packed + 12..packed + 16].fill(0xff);
    std::fs::write(&path, &bytes).unwrap();
}

#[test]
fn of_a_damaged_session_what_is_whole_is_exported_and_the_rest_told() {
    let bench = Bench::new();
    damaged(&bench);
    let whole = bench.export(&["csv", "a.session", "--columns", "url"]);
    for format in ["csv", "curl", "har", "jsonl", "mitmproxy", "raw"] {
        let (code, out, err) = bench.run(&["export", format, "d.session"]);
        assert_eq!(code, Some(1), "{format}: {err}");
        assert!(err.contains(" is damaged: "), "{format}: {err}");
        assert!(out.contains("example.test"), "{format}: {out}");
    }
    // What came through is what was there.
    let (_, out, _) = bench.run(&["export", "csv", "d.session", "--columns", "url"]);
    assert!(out.lines().all(|line| whole.lines().any(|it| it == line)), "{out}");
    let (_, har, _) = bench.run(&["export", "har", "d.session"]);
    assert!(har.trim_end().ends_with("]}}"), "the archive is whole");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let bench = Bench::new();
    for format in ["csv", "curl", "har", "jsonl", "mitmproxy", "raw"] {
        let mut command = Command::new(sidestream_binary());
        command.args(["export", format, "a.session"]).current_dir(bench.0.path());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{format}");
        assert_eq!(output.status.code(), Some(0), "{format}");
    }
}

#[test]
fn an_export_that_finds_no_room_is_told() {
    let full = Path::new("/dev/full");
    if !full.exists() {
        return sidestream_testkit::skip(
            "an_export_that_finds_no_room_is_told",
            "no /dev/full here",
        );
    }
    let bench = Bench::new();
    for format in ["csv", "curl", "har", "jsonl", "mitmproxy", "raw"] {
        let mut command = Command::new(sidestream_binary());
        command.args(["export", format, "a.session"]).current_dir(bench.0.path());
        let full = std::fs::OpenOptions::new().write(true).open(full).unwrap();
        let output = command.stdout(full).stderr(Stdio::piped()).output().unwrap();
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{format}: {err}");
        assert!(err.contains("cannot write all of it to standard output"), "{format}: {err}");
    }
    // What is no file is not taken away.
    bench.run(&["export", "har", "a.session", "-o", "/dev/full", "--force"]);
    assert!(full.exists());
}
