//! Lists of what real clients did: ordered, filtered, and followed while it is recorded.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::SystemTime;

use serde_json::Value;
use sidestream::filter::Filter;
use sidestream::list::{List, Step};
use sidestream_testkit::{Origin, Request, Wire};

use crate::harness::{Bench, program};

/// Answers with as many bytes as the path says, and its status.
fn answer(request: &Request, wire: &mut Wire) -> io::Result<()> {
    let target = request.target().trim_start_matches('/');
    let (status, bytes) = target.split_once('-').unwrap_or(("200", "1"));
    let body = vec![b'x'; bytes.parse().unwrap_or(1)];
    write!(wire, "HTTP/1.1 {status} Said\r\nContent-Length: {}\r\n\r\n", body.len())?;
    if request.method() != "HEAD" {
        wire.write_all(&body)?;
    }
    Ok(())
}

/// A recording of what curl asks for, path by path, in one flow each.
fn record(bench: &Bench, curl: &Path, origin: &Origin, script: &str) -> Command {
    let script = format!("ask() {{ '{}' -sS \"$@\" >/dev/null; }}\n{script}", curl.display());
    let mut command = bench.sidestream(["run", "--quiet", "--session", "a.session", "--", "sh"]);
    command.args(["-c", &script, "sh", &format!("http://127.0.0.1:{}", origin.port())]);
    command
}

fn list(bench: &Bench, args: &[&str]) -> Vec<Value> {
    let mut command = bench.sidestream(["session", "list", "--json", "a.session"]);
    let output = command.args(args).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The paths of lines, as they come.
fn paths(lines: &[Value]) -> Vec<String> {
    let path = |line: &Value| {
        let url = line["url"].as_str().unwrap_or_default();
        url.rsplit_once('/').map_or_else(String::new, |(_, path)| path.to_owned())
    };
    lines.iter().map(path).collect()
}

#[test]
fn a_session_is_listed_in_the_order_that_is_asked_for() {
    let test = "a_session_is_listed_in_the_order_that_is_asked_for";
    let Some(curl) = program(test, "curl") else { return };
    let (bench, origin) = (Bench::new(), Origin::http(answer));
    let script = "ask $1/200-30; ask -d x $1/404-5000; ask -I $1/301-7; ask $1/200-9";
    let output = record(&bench, &curl, &origin, script).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let came = ["200-30", "404-5000", "301-7", "200-9"];
    assert_eq!(paths(&list(&bench, &[])), came);
    for (args, expected) in [
        (vec!["--sort", "time"], came),
        (vec!["--sort", "time:desc"], ["200-9", "301-7", "404-5000", "200-30"]),
        (vec!["--sort", "size"], ["301-7", "200-9", "200-30", "404-5000"]),
        (vec!["--sort", "size:desc"], ["404-5000", "200-30", "200-9", "301-7"]),
        (vec!["--sort", "status"], ["200-30", "200-9", "301-7", "404-5000"]),
        (vec!["--sort", "method"], ["200-30", "200-9", "301-7", "404-5000"]),
        (vec!["--sort", "url"], ["200-30", "200-9", "301-7", "404-5000"]),
        (vec!["--sort", "process"], came),
    ] {
        assert_eq!(paths(&list(&bench, &args)), expected, "{args:?}");
    }
    let shown = list(&bench, &["--sort", "size:desc", "~m GET | ~c 404"]);
    assert_eq!(paths(&shown), ["404-5000", "200-30", "200-9"]);
    // What the records alone tell is judged as without an order.
    let shown = list(&bench, &["--sort", "url", "~bs 'x{9}' & !~hs 'content-length: 30'"]);
    assert_eq!(paths(&shown), ["200-9", "404-5000"]);

    let mut command = bench.sidestream(["session", "list", "a.session", "--sort", "beauty"]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("size, status, time or url"));
}

/// `session list --follow`, and what it printed.
struct Following {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Following {
    fn start(bench: &Bench, args: &[&str]) -> Self {
        let mut command = bench.sidestream(["session", "list", "--json", "--follow", "a.session"]);
        command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child, out }
    }

    /// Waits for the next line.
    fn next(&mut self) -> Value {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "it ended");
        serde_json::from_str(&line).unwrap()
    }

    /// Waits for its end, and returns what it still printed, and said.
    fn rest(mut self) -> (Vec<Value>, String, Option<i32>) {
        let (mut out, mut err) = (String::new(), String::new());
        self.out.read_to_string(&mut out).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        let lines = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        (lines, err, self.child.wait().unwrap().code())
    }
}

/// A recording whose script goes on line by line of what it is told.
struct Recording {
    child: Child,
}

impl Recording {
    fn start(bench: &Bench, curl: &Path, origin: &Origin) -> Self {
        let script = "while read -r what; do eval \"ask $what\"; done";
        let mut command = record(bench, curl, origin, script);
        let child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        Self { child }
    }

    /// Lets curl ask, where `$1` is the origin.
    fn ask(&mut self, what: &str) {
        let mut stdin = self.child.stdin.as_ref().unwrap();
        writeln!(stdin, "{what}").unwrap();
    }
}

/// Waits until the session is there and its recording under way.
fn begun(bench: &Bench) {
    let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while list_of(bench).is_none_or(|lines| lines == 0) {
        assert!(std::time::Instant::now() < until, "nothing was recorded");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// Counts what is listed; `None` as long as there is no session.
fn list_of(bench: &Bench) -> Option<usize> {
    let output = bench.sidestream(["session", "list", "a.session"]).output().unwrap();
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).lines().count())
}

#[test]
fn what_comes_to_its_end_is_printed_until_the_recording_is_closed() {
    let test = "what_comes_to_its_end_is_printed_until_the_recording_is_closed";
    let Some(curl) = program(test, "curl") else { return };
    let (bench, origin) = (Bench::new(), Origin::http(answer));
    let mut recording = Recording::start(&bench, &curl, &origin);
    recording.ask("$1/200-1");
    begun(&bench);
    let mut all = Following::start(&bench, &[]);
    let mut some = Following::start(&bench, &["~c 404 | ~bs 'x{40}'"]);
    assert_eq!(paths(&[all.next()]), ["200-1"]);
    for what in ["404-2", "200-3"] {
        recording.ask(&format!("$1/{what}"));
        let line = all.next();
        assert_eq!(paths(std::slice::from_ref(&line)), [what]);
        assert!(line["ended"].is_string(), "{line}");
        assert_eq!(line["status"].as_u64(), what.split('-').next().unwrap().parse().ok());
    }
    assert_eq!(paths(&[some.next()]), ["404-2"]);
    recording.ask("$1/200-40");
    assert_eq!(paths(&[some.next()]), ["200-40"]);

    drop(recording.child.stdin.take());
    assert!(recording.child.wait().unwrap().success());
    let (left, err, code) = all.rest();
    assert_eq!((paths(&left), code), (vec!["200-40".to_owned()], Some(0)), "{err}");
    let (left, err, code) = some.rest();
    assert_eq!((left, code), (vec![], Some(0)), "{err}");
    assert_eq!(paths(&list(&bench, &[])), ["200-1", "404-2", "200-3", "200-40"]);
}

#[test]
fn a_recording_that_is_killed_ends_what_follows_it_and_what_was_open_is_printed() {
    let test = "a_recording_that_is_killed_ends_what_follows_it_and_what_was_open_is_printed";
    let Some(curl) = program(test, "curl") else { return };
    // The second is never answered.
    let origin = Origin::http(|request, wire| match request.target() {
        "/never" => wire.read_to_end(&mut Vec::new()).map(drop),
        _ => answer(request, wire),
    });
    let bench = Bench::new();
    let mut recording = Recording::start(&bench, &curl, &origin);
    recording.ask("$1/200-1");
    begun(&bench);
    let mut following = Following::start(&bench, &[]);
    assert_eq!(paths(&[following.next()]), ["200-1"]);
    recording.ask("$1/never");
    // Until it is in the session, being open.
    let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while list_of(&bench) != Some(2) {
        assert!(std::time::Instant::now() < until, "nothing was recorded");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    recording.child.kill().unwrap();
    assert_eq!(recording.child.wait().unwrap().signal(), Some(9));
    let (left, err, code) = following.rest();
    assert_eq!(paths(&left), ["never"]);
    assert!(left[0]["ended"].is_null() && left[0]["status"].is_null(), "{left:?}");
    assert!(err.contains("under way, or was killed"), "{err}");
    assert_eq!(code, Some(0));
}

#[test]
fn a_signal_ends_what_follows() {
    let test = "a_signal_ends_what_follows";
    let Some(curl) = program(test, "curl") else { return };
    let (bench, origin) = (Bench::new(), Origin::http(answer));
    let mut recording = Recording::start(&bench, &curl, &origin);
    recording.ask("$1/200-1");
    begun(&bench);
    let mut following = Following::start(&bench, &[]);
    assert_eq!(paths(&[following.next()]), ["200-1"]);
    let pid = following.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let (left, err, code) = following.rest();
    assert_eq!((left, code), (vec![], Some(0)), "{err}");
    drop(recording.child.stdin.take());
    assert!(recording.child.wait().unwrap().success());
}

/// Changes the blocks of what was asked for at that path, and returns the number of the first entry
/// in them.
fn damage(bench: &Bench, sqlite: &Path, path: &str) -> String {
    let blocks = format!(
        "FROM block WHERE max_flow IN (SELECT flow FROM exchange WHERE url LIKE '%/{path}')"
    );
    let change = format!(
        ".timeout 20000\nUPDATE block SET at = at + 1 WHERE first IN (SELECT first {blocks});
         SELECT min(first) {blocks};\n"
    );
    let mut command = Command::new(sqlite);
    command.arg("-bail").arg(bench.path("a.session")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(change.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn signal(pid: u32, name: &str) {
    let mut command = Command::new("kill");
    assert!(command.args([name, &pid.to_string()]).status().unwrap().success());
}

/// Waits until what was asked for at that path is over.
fn ended(bench: &Bench, path: &str) {
    let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
    loop {
        let mut command = bench.sidestream(["session", "list", "--json", "a.session"]);
        let out = String::from_utf8(command.output().unwrap().stdout).unwrap();
        let lines = out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let of_path = |line: &Value| line["url"].as_str().unwrap_or_default().ends_with(path);
        if lines.into_iter().any(|line| of_path(&line) && line["ended"].is_string()) {
            return;
        }
        assert!(std::time::Instant::now() < until, "{out}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

#[test]
fn what_is_damaged_is_told_once_and_what_comes_is_followed() {
    let test = "what_is_damaged_is_told_once_and_what_comes_is_followed";
    let Some(curl) = program(test, "curl") else { return };
    let Some(sqlite) = program(test, "sqlite3") else { return };
    let (bench, origin) = (Bench::new(), Origin::http(answer));
    // Of one recording, and of the next.
    for path in ["200-1", "200-2", "200-3"] {
        let output = record(&bench, &curl, &origin, &format!("ask $1/{path}")).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let before = damage(&bench, &sqlite, "200-2");
    let mut recording = Recording::start(&bench, &curl, &origin);
    recording.ask("$1/200-4");
    ended(&bench, "/200-4");
    let mut all = Following::start(&bench, &[]);
    let mut read = Following::start(&bench, &["~hs content-length"]);
    // Lines stand in tables of their own.
    let first: Vec<_> = std::iter::repeat_with(|| all.next()).take(4).collect();
    assert_eq!(paths(&first), ["200-1", "200-2", "200-3", "200-4"]);
    let first: Vec<_> = std::iter::repeat_with(|| read.next()).take(3).collect();
    assert_eq!(paths(&first), ["200-1", "200-3", "200-4"]);

    // What comes is damaged before it is looked at.
    let pids = [all.child.id(), read.child.id()];
    pids.iter().for_each(|pid| signal(*pid, "-STOP"));
    recording.ask("$1/200-5");
    ended(&bench, "/200-5");
    let later = damage(&bench, &sqlite, "200-5");
    pids.iter().for_each(|pid| signal(*pid, "-CONT"));
    recording.ask("$1/200-6");
    let next: Vec<_> = std::iter::repeat_with(|| all.next()).take(2).collect();
    assert_eq!(paths(&next), ["200-5", "200-6"]);
    assert_eq!(paths(&[read.next()]), ["200-6"]);
    drop(recording.child.stdin.take());
    assert!(recording.child.wait().unwrap().success());
    let places = [before, later].map(|first| format!("entry {first} is damaged"));
    for (following, told) in [(all, &places[1..]), (read, &places[..])] {
        let (left, err, code) = following.rest();
        assert_eq!((left, code), (vec![], Some(1)), "{err}");
        assert!(err.contains("damaged events were left out"), "{err}");
        for place in told {
            assert_eq!(err.matches(place.as_str()).count(), 1, "{place}: {err}");
        }
    }
}

/// Takes up all that came, and returns what became of lines.
fn update(list: &mut List) -> Vec<Step> {
    let mut changes = Vec::new();
    while !list.update(1000, &mut changes).unwrap() {}
    changes.into_iter().map(|change| change.step).collect()
}

#[test]
fn what_another_process_marks_comes_and_goes_in_an_open_list() {
    let test = "what_another_process_marks_comes_and_goes_in_an_open_list";
    let Some(curl) = program(test, "curl") else { return };
    let (bench, origin) = (Bench::new(), Origin::http(answer));
    let script = "ask $1/200-30; ask $1/404-5; ask $1/200-9";
    let output = record(&bench, &curl, &origin, script).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mark = |args: &[&str]| {
        let output = bench.sidestream(["session", "mark", "a.session"]).args(args).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let mut list = List::open(bench.path("a.session")).unwrap();
    let filter = |text| Some(Filter::parse(text, SystemTime::now()).unwrap());
    list.set_filter(filter("~marked")).unwrap();
    assert_eq!(update(&mut list), []);
    mark(&["~c 404"]);
    assert_eq!(update(&mut list), [Step::Inserted { at: 0 }]);
    assert_eq!(list.get(0).unwrap().status, Some(404));
    mark(&["~bs 'x{30}'"]);
    assert_eq!(update(&mut list), [Step::Inserted { at: 0 }]);
    mark(&["~c 404", "--none"]);
    assert_eq!(update(&mut list), [Step::Removed { at: 1 }]);
    assert!(list.get(0).unwrap().url.unwrap().ends_with("/200-30"));
}

#[test]
fn what_a_recording_does_not_keep_goes_from_an_open_list() {
    let test = "what_a_recording_does_not_keep_goes_from_an_open_list";
    let Some(curl) = program(test, "curl") else { return };
    let (bench, origin) = (Bench::new(), Origin::http(answer));
    let script = format!(
        "while read -r path; do sh -c 'echo $$ >>pids; exec \"$@\"' - '{}' -sS $1/$path \
         >/dev/null; done",
        curl.display()
    );
    let mut command = bench.sidestream(["run", "--quiet", "--session", "a.session"]);
    command.args(["--keep-exchanges", "2", "--", "sh", "-c", &script, "sh"]);
    command.arg(format!("http://127.0.0.1:{}", origin.port()));
    let mut recording =
        Recording { child: command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap() };
    recording.ask("200-1");
    begun(&bench);
    let mut list = List::open(bench.path("a.session")).unwrap();
    for number in 2..7 {
        recording.ask(&format!("200-{number}"));
    }
    // What comes is there at once, what goes a second later.
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    let urls = |list: &List| {
        // A flow may stand there before its exchange does.
        let url = |url: &str| url.rsplit_once('/').map_or(url, |(_, last)| last).to_owned();
        list.window(0..9).map(|line| url(line.url.unwrap())).collect::<Vec<_>>()
    };
    let mut steps = Vec::new();
    while urls(&list) != ["200-5", "200-6"] {
        assert!(std::time::Instant::now() < until, "{:?}", urls(&list));
        std::thread::sleep(std::time::Duration::from_millis(20));
        steps.extend(update(&mut list));
    }
    let removed = steps.iter().filter(|step| matches!(step, Step::Removed { .. })).count();
    assert!(removed >= 4, "{steps:?}");
    let pids = std::fs::read_to_string(bench.path("pids")).unwrap();
    let newest: Vec<&str> = pids.lines().skip(4).collect();
    let shown = list.window(0..9).map(|line| line.process.unwrap().pid.to_string());
    assert_eq!(shown.collect::<Vec<_>>(), newest);
    drop(recording.child.stdin.take());
    assert!(recording.child.wait().unwrap().success());
    update(&mut list);
    assert_eq!(urls(&list), ["200-5", "200-6"]);
}
