//! Files that were made to do harm, imported by the real program, and sessions with such bodies.

use std::fs::{self, File};
use std::io::Write;
use std::process::{Command, Output};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::dumps::{flow, map, noise, tnet};
use crate::harness::{Bench, ours, program, succeeds};

/// What all that is held comes to beside an entry.
const USUAL_KIB: u64 = 64 * 1024;

const MIB: usize = 1024 * 1024;

/// Runs the program and returns how many KiB of memory it had at most.
fn measured(bench: &Bench, args: &[&str]) -> (Output, u64) {
    let command = bench.sidestream(args);
    let mut time = Command::new("/usr/bin/time");
    time.args(["-f", "%M", "-o"]).arg(bench.path("peak")).arg(command.get_program());
    time.args(command.get_args()).current_dir(bench.folder.path());
    time.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = time.output().unwrap();
    // A status other than 0 stands before it.
    let told = fs::read_to_string(bench.path("peak")).unwrap();
    let peak = told.lines().last().unwrap().parse().unwrap();
    (output, peak)
}

/// Everything of a test's folder whose name has that in it.
fn files(bench: &Bench, part: &str) -> Vec<String> {
    let files = bench.folder.path().read_dir().unwrap();
    let names = files.map(|file| file.unwrap().file_name().to_string_lossy().into_owned());
    let mut names: Vec<_> = names.filter(|name| name.contains(part)).collect();
    names.sort_unstable();
    names
}

fn entry(url: &str, response: &Value) -> Value {
    let request = json!({"method": "GET", "url": url, "headers": []});
    json!({"startedDateTime": "2026-01-02T03:04:05Z", "request": request, "response": response})
}

fn good() -> String {
    entry("http://good.test/", &json!({"status": 200})).to_string()
}

fn archive(entries: &str) -> Vec<u8> {
    format!(r#"{{"log":{{"entries":[{entries}]}}}}"#).into_bytes()
}

/// A flow of raw bytes, the first of which is longer than is kept in one piece.
fn stream(bytes: usize) -> Vec<u8> {
    let message = [tnet("true", b'!'), tnet(vec![7; bytes], b','), tnet("1.0", b'^')].concat();
    map(&[
        ("version", tnet("21", b'#')),
        ("type", tnet("tcp", b';')),
        ("client_conn", map(&[])),
        ("server_conn", map(&[])),
        ("messages", tnet(tnet(message, b']'), b']')),
    ])
}

fn one_more(text: &[u8]) -> Vec<u8> {
    [text, &flow(b"good.test", "identity", b"fine")].concat()
}

/// Files, what is told of each, and how many flows of it are good.
fn bad() -> Vec<(&'static str, Vec<u8>, &'static str, usize)> {
    let good = good();
    let broken = |entry: &str| archive(&format!("{entry},{good}"));
    let coded = json!({"status": 200, "content": {"text": "*".repeat(MIB), "encoding": "base64"}});
    let coded = entry("http://a.test/", &coded).to_string();
    let long = entry(&format!("http://a.test/{}", "a".repeat(20 * MIB)), &json!({"status": 200}));
    let wide = ["1"; 50].join(",");
    let mut invalid = broken(&good.replace("GET", "\u{ff}"));
    let at = invalid.windows(2).position(|two| two == "\u{ff}".as_bytes()).unwrap();
    invalid.splice(at..at + 2, [0xff]);
    let mut deep = b"0:]".to_vec();
    for _ in 0..1000 {
        deep = tnet(deep, b']');
    }
    let not_known = "is of no kind that can be imported";
    let whole = flow(b"a.test", "identity", b"cut");
    vec![
        ("empty", Vec::new(), not_known, 0),
        ("letter", b"Dear all,\n".repeat(100), not_known, 0),
        ("packed", b"\x1f\x8b\x08\0\0\0\0\0".to_vec(), not_known, 0),
        ("list", b"[{\"log\":{}}]".to_vec(), not_known, 0),
        (
            "wide text",
            "{\"log\"".encode_utf16().flat_map(u16::to_le_bytes).collect(),
            "no JSON at byte 1",
            0,
        ),
        ("database", b"SQLite format 3\0 and no more".to_vec(), "is not a session", 0),
        ("object", b"{\"a\":1}".to_vec(), "not an HTTP archive: it has no log.entries", 0),
        (
            "object cut",
            b"{\"a\":\"".to_vec(),
            "the archive ends too early, within or after entry 0",
            0,
        ),
        ("no JSON", b"{\"log\":{]".to_vec(), "the archive is no JSON at byte 8", 0),
        ("cut", archive(&good)[..90].to_vec(), "ends too early, within or after entry 0", 0),
        ("cut behind", archive(&good)[..archive(&good).len() - 2].to_vec(), "after entry 1", 1),
        (
            "deep",
            broken(&("[".repeat(9999) + &"]".repeat(9999))),
            "nested deeper than 128 levels, at byte ",
            1,
        ),
        (
            "number",
            broken(&good.replace("200", "1e999")),
            "entry 0 is no JSON, at line 1, column ",
            1,
        ),
        ("digits", broken(&good.replace("200", &"9".repeat(MIB))), "entry 0 is no JSON", 1),
        ("status", broken(&good.replace("200", "-1e300")), "entry 0: response.status is -1000", 1),
        ("no text", invalid, "invalid unicode code point", 1),
        ("base64", broken(&coded), "entry 0: response.content.text is \"****", 1),
        ("long", broken(&long.to_string()), "entry 0: it has a head, or a message, of ", 1),
        ("wide", archive(&wide), "and 30 more", 0),
        ("time of day", b"12:34 o'clock".to_vec(), "the dump ends too early, within flow 0", 0),
        ("dump cut", whole[..whole.len() - 1].to_vec(), "ends too early, within flow 0", 0),
        ("endless", b"999999999999:x".to_vec(), "ends too early, within flow 0", 0),
        ("lists", one_more(&deep), "flow 0 is broken: it is nested deeper than 64 levels", 1),
        ("lengths", one_more(&tnet("99:x,", b']')), "flow 0 is broken: a length is missing", 1),
        ("numbers", one_more(&tnet(tnet("9".repeat(30), b'#'), b']')), "a whole number is none", 1),
        ("version", one_more(&map(&[("version", tnet("99", b'#'))])), "of version 99", 1),
        (
            "behind",
            one_more(b"")[..].iter().chain(b"noise").copied().collect(),
            "no flow begins at byte",
            1,
        ),
        (
            "name",
            one_more(&flow(&vec![0xff; 20 * MIB], "identity", b"")),
            "flow 0: it has a head",
            1,
        ),
    ]
}

#[test]
fn a_hostile_file_is_told_with_its_place_and_leaves_nothing_half() {
    let bench = Bench::new();
    fs::write(bench.path("good.har"), archive(&good())).unwrap();
    for (name, bytes, expected, fine) in bad() {
        fs::write(bench.path("file"), &bytes).unwrap();
        succeeds(&bench, &["import", "good.har", "there.session"]);
        let rows = ["export", "csv", "there.session", "--columns", "exchange,url"];
        let before = succeeds(&bench, &rows);
        for session in ["new.session", "there.session"] {
            let output = ours(&bench, &["import", "file", session]);
            let err = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{name}: {err:.1000}");
            assert!(err.contains(expected) && !err.contains("panicked"), "{name}: {err:.1000}");
            assert!(err.len() < 5000, "{name}: {} bytes are told", err.len());
        }
        // One that came to nothing is not there.
        let new = ["new.session"].into_iter().filter(|_| fine > 0);
        assert!(new.chain(["there.session"]).eq(files(&bench, "session")), "{name}");
        if fine > 0 {
            let urls = succeeds(&bench, &["export", "csv", "new.session", "--columns", "url"]);
            assert_eq!(urls, "url\r\nhttp://good.test/\r\n", "{name}");
            succeeds(&bench, &["session", "verify", "new.session"]);
            fs::remove_file(bench.path("new.session")).unwrap();
        }
        let after = succeeds(&bench, &rows);
        assert!(after.starts_with(&before), "{name}: {after}");
        assert_eq!(after.lines().count(), before.lines().count() + fine, "{name}: {after}");
        succeeds(&bench, &["session", "verify", "there.session"]);
        fs::remove_file(bench.path("there.session")).unwrap();
    }
}

/// Zeros under gzip, as often as that is said.
fn gzip(mut bytes: usize, times: usize) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    let zeros = vec![0; MIB];
    while bytes > 0 {
        packed.write_all(&zeros).unwrap();
        bytes -= MIB;
    }
    let mut packed = packed.finish().unwrap();
    for _ in 1..times {
        let mut more = GzEncoder::new(Vec::new(), Compression::best());
        more.write_all(&packed).unwrap();
        packed = more.finish().unwrap();
    }
    packed
}

/// Zeros under zstd: a frame without its size, of blocks of one byte repeated (RFC 8878 §3.1.1.2).
fn zstd(bytes: usize) -> Vec<u8> {
    const BLOCK: usize = 128 * 1024;
    let blocks = bytes / BLOCK;
    // A window of 8 MiB.
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0, 0x68];
    for block in 1..=blocks {
        let head = (BLOCK << 3) | (1 << 1) | usize::from(block == blocks);
        frame.extend_from_slice(&head.to_le_bytes()[..3]);
        frame.push(0);
    }
    frame
}

/// 256 MiB of zeros under Brotli, as Node's zlib makes them.
const BROTLI: &str = "cfffff7f002400e2b14072effff9ffff0f8004401c1680eefd3fffffff01900088c302d0bdffe7\
    ffff3f001200715800baf7fffcffff074002200e0b40f7fe9fffffff004800c46101e8defff3ffff1f000980382c\
    00ddfb7ffeffff032001108705a07bffcfffff7f002400e2b00074effff9ffff0f8004401c1680eefd3fffffff01\
    900088c302d0bdffe7ffff3f001200715800baf7fffcffff074002200e0b40f7fe9fffffff004800c46101e8deff\
    f3ffff1f000980382c00ddfbfffcffff072001108705a07bff0f";

fn brotli() -> Vec<u8> {
    let digits = BROTLI.as_bytes().chunks(2);
    digits.map(|two| u8::from_str_radix(str::from_utf8(two).unwrap(), 16).unwrap()).collect()
}

#[test]
fn a_bomb_is_unpacked_within_bounds_by_whoever_reads_it() {
    let test = "a_bomb_is_unpacked_within_bounds_by_whoever_reads_it";
    let Some(_time) = program(test, "time") else { return };
    let bench = Bench::new();
    let bytes = 256 * MIB;
    let mut stacked = GzEncoder::new(Vec::new(), Compression::best());
    stacked.write_all(&zstd(bytes)).unwrap();
    let bombs = [
        ("gzip", gzip(bytes, 1)),
        ("gzip, gzip, gzip", gzip(bytes, 3)),
        ("zstd", zstd(bytes)),
        ("br", brotli()),
        ("zstd, gzip", stacked.finish().unwrap()),
    ];
    let dump: Vec<u8> =
        bombs.iter().flat_map(|(codings, body)| flow(b"a.test", codings, body)).collect();
    fs::write(bench.path("a.dump"), dump).unwrap();
    let (output, peak) = measured(&bench, &["import", "a.dump", "a.session"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(peak < USUAL_KIB, "{peak} KiB to import");
    // An archive carries them as they are, and comes back.
    let (output, peak) = measured(&bench, &["export", "har", "a.session", "-o", "a.har"]);
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(peak < 4 * 64 * 1024 + USUAL_KIB, "{peak} KiB to export: {err}");
    let (_, peak) = measured(&bench, &["import", "a.har", "b.session"]);
    assert!(peak < 4 * 64 * 1024 + USUAL_KIB, "{peak} KiB to import what was exported");
    for args in [
        &["session", "index", "a.session"][..],
        &["session", "grep", "a.session", "needle"],
        &["session", "list", "a.session", "~b needle"],
        &["session", "list", "a.session", "--sort", "size", "~b needle"],
        &["session", "show", "a.session"],
        &["session", "show", "a.session", "~b needle"],
        &["session", "verify", "a.session"],
        &["session", "compact", "a.session"],
        &["session", "show", "a.session", "2", "--part", "response", "--raw"],
        &["export", "curl", "a.session"],
        &["export", "mitmproxy", "a.session"],
    ] {
        let (output, peak) = measured(&bench, args);
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(!err.contains("panicked"), "{args:?}: {err}");
        assert!(peak < USUAL_KIB, "{peak} KiB for {args:?}: {err}");
    }
}

#[test]
fn an_entry_that_is_long_takes_some_times_its_length_and_one_that_is_too_long_no_more() {
    let test = "an_entry_that_is_long_takes_some_times_its_length_and_one_that_is_too_long_no_more";
    let Some(_time) = program(test, "time") else { return };
    let Some(sqlite) = program(test, "sqlite3") else { return };
    let bench = Bench::new();
    // Bodies of 24 MiB, as Base64 and as text of escapes.
    let bytes = 24 * MIB;
    for (name, text, encoding, most) in [
        ("base64", "AAAA".repeat(bytes / 3), "base64", 4 * bytes * 4 / 3),
        ("escapes", r"\ud800".repeat(bytes / 6), "", 4 * bytes),
    ] {
        let content = format!(r#"{{"text":"{text}","encoding":"{encoding}"}}"#);
        let response =
            good().replace(r#""status":200"#, &format!(r#""status":200,"content":{content}"#));
        fs::write(bench.path("a.har"), archive(&response)).unwrap();
        let (output, peak) = measured(&bench, &["import", "a.har", &format!("{name}.session")]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(peak < most as u64 / 1024 + USUAL_KIB, "{name}: {peak} KiB");
    }
    fs::write(bench.path("a.dump"), [stream(bytes), flow(b"b.test", "identity", b"x")].concat())
        .unwrap();
    let (output, peak) = measured(&bench, &["import", "a.dump", "c.session"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(peak < 4 * bytes as u64 / 1024 + USUAL_KIB, "{peak} KiB for a stream");
    // What comes over a stream has no bounds of its own: it is there in pieces.
    let count = "SELECT count(*), sum(dropped) FROM content";
    let counted = Command::new(sqlite).arg(bench.path("c.session")).arg(count).output().unwrap();
    assert_eq!(counted.stdout, b"3|0\n", "{counted:?}");

    // A flow that says that it is longer than any, which has to be passed over, and one behind it.
    let file = File::create(bench.path("long.dump")).unwrap();
    let length = 300 * MIB;
    let head = format!("{length}:");
    (&file).write_all(head.as_bytes()).unwrap();
    file.set_len((head.len() + length + 1) as u64).unwrap();
    let mut file = File::options().append(true).open(bench.path("long.dump")).unwrap();
    file.write_all(&flow(b"good.test", "identity", b"x")).unwrap();
    let (output, peak) = measured(&bench, &["import", "long.dump", "d.session"]);
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(err.contains("flow 0 has 314572800 bytes, more than the 201326592"), "{err}");
    assert!(err.contains("1 flows imported"), "{err}");
    assert!(peak < USUAL_KIB, "{peak} KiB for what is passed over");
}

#[test]
fn a_session_that_unpacks_without_end_is_damaged() {
    let test = "a_session_that_unpacks_without_end_is_damaged";
    let Some(_time) = program(test, "time") else { return };
    let Some(sqlite) = program(test, "sqlite3") else { return };
    let bench = Bench::new();
    fs::write(bench.path("a.dump"), flow(b"a.test", "identity", &noise(800_000))).unwrap();
    fs::write(bench.path("bomb"), zstd(512 * MIB)).unwrap();
    for table in ["chunk SET data", "block SET payload"] {
        drop(fs::remove_file(bench.path("a.session")));
        succeeds(&bench, &["import", "a.dump", "a.session"]);
        let change = format!("UPDATE {table} = readfile('bomb'), size = {}", 512 * MIB);
        let mut sqlite = Command::new(&sqlite);
        let changed = sqlite.arg(bench.path("a.session")).arg(change);
        assert!(changed.current_dir(bench.folder.path()).status().unwrap().success());
        for args in [
            &["session", "verify", "a.session"][..],
            &["session", "grep", "a.session", "needle"],
            &["session", "show", "a.session"],
            &["session", "list", "a.session", "--sort", "size", "~b needle"],
            &["session", "compact", "a.session"],
            &["session", "merge", "a.session", "-o", "b.session"],
            &["export", "har", "a.session"],
            &["import", "a.session", "b.session"],
        ] {
            let (output, peak) = measured(&bench, args);
            let err = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{table}: {args:?}: {err}");
            assert!(err.contains("damaged") && !err.contains("panicked"), "{args:?}: {err}");
            assert!(peak < USUAL_KIB, "{table}: {peak} KiB for {args:?}: {err}");
            drop(fs::remove_file(bench.path("b.session")));
        }
    }
}
