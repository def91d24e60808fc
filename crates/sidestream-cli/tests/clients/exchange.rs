//! What is exported does again what was recorded, and is read by those whose form it is.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use sidestream_testkit::{Origin, Request, skip};

use crate::dumps::flow;
use crate::harness::{Bench, http, program};

/// Where packages of others are installed, on first use.
fn tools(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("exchange").join(name)
}

/// Installs, unless that was done: one test at a time, as several ask for the same.
pub(crate) fn installed(
    test: &str,
    name: &str,
    install: impl FnOnce(&Path) -> Option<()>,
) -> Option<PathBuf> {
    let folder = tools(name);
    if folder.join("installed").is_file() {
        return Some(folder);
    }
    let made = || {
        fs::create_dir_all(folder.parent()?).ok()?;
        let lock = fs::File::create(folder.with_extension("lock")).ok()?;
        lock.lock().ok()?;
        if folder.join("installed").is_file() {
            return Some(());
        }
        drop(fs::remove_dir_all(&folder));
        fs::create_dir_all(&folder).ok()?;
        install(&folder)?;
        fs::write(folder.join("installed"), "").ok()
    };
    if made().is_none() {
        skip(test, &format!("{name} cannot be installed here"));
        return None;
    }
    Some(folder)
}

pub(crate) fn succeeds(command: &mut Command) -> Option<()> {
    let output = command.stdin(Stdio::null()).output().ok()?;
    output.status.success().then_some(())
}

/// Gives a Python with these packages; mitmproxy 12 wants a newer one than some systems have.
pub(crate) fn python(test: &str, name: &str, packages: &[&str], newer: bool) -> Option<PathBuf> {
    let folder = installed(test, name, |folder| {
        let python = pythons(newer).into_iter().find(|python| {
            let venv = ["-m", "venv", "--clear"];
            succeeds(Command::new(python).args(venv).arg(folder)).is_some()
        })?;
        drop(python);
        let mut pip = Command::new(folder.join("bin/python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
        succeeds(pip.args(packages))
    })?;
    // It may be one that another user installed, with a Python of that user's own.
    let python = folder.join("bin/python");
    if succeeds(Command::new(&python).arg("--version")).is_none() {
        skip(test, &format!("the Python of {name} is another user's"));
        return None;
    }
    Some(python)
}

fn pythons(newer: bool) -> Vec<PathBuf> {
    let home = std::env::var_os("PYENV_ROOT").map(PathBuf::from);
    let home = home.or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".pyenv")));
    let versions = home.and_then(|home| fs::read_dir(home.join("versions")).ok());
    let versions = versions.into_iter().flatten().flatten().map(|it| it.path().join("bin/python"));
    let system = ["/usr/bin/python3", "/usr/local/bin/python3"].into_iter().map(PathBuf::from);
    let mut all: Vec<_> = system.chain(versions).filter(|path| path.is_file()).collect();
    let check = "import sys; sys.exit(sys.version_info < (3, 12))";
    all.retain(|python| !newer || succeeds(Command::new(python).args(["-c", check])).is_some());
    all
}

/// Runs a script under us, and records it.
fn record(bench: &Bench, script: &str) {
    let mut command = bench.sidestream(["run", "--session", "a.session", "--", "sh", "-c", script]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Runs a command of ours that must succeed.
#[track_caller]
fn ours(bench: &Bench, args: &[&str]) -> Vec<u8> {
    let output = bench.sidestream(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Has a program read a text on its standard input.
fn fed(command: &mut Command, text: &[u8]) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // One that refuses ends before it has read all.
    drop(child.stdin.take().unwrap().write_all(text));
    child.wait_with_output().unwrap()
}

/// Every byte of the requests that arrived.
fn bytes(requests: &[Request]) -> Vec<String> {
    let whole = |request: &Request| [request.head(), request.body()].concat();
    requests.iter().map(|request| whole(request).escape_ascii().to_string()).collect()
}

/// Checks that what is exported, run by that program, sends what came to the origin before.
#[track_caller]
fn check_again(
    bench: &Bench,
    origin: &Origin,
    format: &str,
    program: &mut Command,
    form: impl Fn(&[Request]) -> Vec<String>,
) {
    let before = origin.requests();
    let text = ours(bench, &["export", format, "a.session"]);
    let output = fed(program, &text);
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{err}\n{}", String::from_utf8_lossy(&text));
    let after = origin.requests();
    assert!(!before.is_empty() && after.len() == 2 * before.len(), "{} {err}", after.len());
    assert_eq!(form(&after[before.len()..]), form(&before), "{}", String::from_utf8_lossy(&text));
}

#[test]
fn an_exported_command_of_curl_sends_every_byte_again() {
    let test = "an_exported_command_of_curl_sends_every_byte_again";
    let Some(_curl) = program(test, "curl") else { return };
    let (bench, origin) = (Bench::new(), http());
    let url = format!("http://localhost:{}", origin.port());
    fs::write(bench.path("binary"), (0..70_000_u32).map(|it| (it * 7) as u8).collect::<Vec<_>>())
        .unwrap();
    let odd = r#"-H "X-Odd: it's \"odd\" \$HOME" -H 'X-Twice: 1' -H 'X-Twice: 2' -H 'X-Empty;'"#;
    let script = format!(
        "set -e; curl -sS '{url}/a?b={{c}}&d=%20' -g; curl -sS {odd} -d \"a='1'&b=@x\" {url}/form
         printf 'X-Latin: caf\\351' | curl -sS -H @- {url}/latin
         curl -sS -T binary {url}/binary; curl -sSI {url}/head
         curl -sS -X DELETE -H 'User-Agent:' -H 'Accept:' --path-as-is {url}/x/../y"
    );
    record(&bench, &script);
    check_again(&bench, &origin, "curl", Command::new("sh").arg("-e"), bytes);
}

#[test]
fn an_exported_command_of_wget_sends_every_byte_again() {
    let test = "an_exported_command_of_wget_sends_every_byte_again";
    let Some(_wget) = program(test, "wget") else { return };
    let (bench, origin) = (Bench::new(), http());
    let url = format!("http://localhost:{}", origin.port());
    let script = format!(
        "set -e; wget -qO- '{url}/a?b'; wget -qO- --method PUT --body-data \"it's\" {url}/b"
    );
    record(&bench, &script);
    // Wget keeps what it knows of servers in its user's home.
    let mut sh = Command::new("sh");
    check_again(&bench, &origin, "wget", sh.arg("-e").env("HOME", bench.folder.path()), bytes);
}

#[test]
fn an_exported_program_of_python_sends_every_byte_again() {
    let test = "an_exported_program_of_python_sends_every_byte_again";
    let Some(_curl) = program(test, "curl") else { return };
    let Some(python) = python(test, "requests", &["requests==2.32.5"], false) else { return };
    let (bench, origin) = (Bench::new(), http());
    let url = format!("http://localhost:{}", origin.port());
    let script = format!(
        "curl -sS -H \"X-Odd: it's \\\"odd\\\"\" --data-binary \"$(printf 'a\\377b')\" {url}/a?b"
    );
    record(&bench, &script);
    check_again(&bench, &origin, "python", Command::new(python).arg("-"), bytes);
}

/// What a caller of `fetch` decides of a request.
fn essence(requests: &[Request]) -> Vec<String> {
    let one = |request: &Request| {
        let own = |name: &str| matches!(name, "x-odd" | "content-type" | "user-agent");
        let fields = request.headers().map(|(name, value)| (name.to_ascii_lowercase(), value));
        let fields: BTreeMap<_, _> = fields.filter(|(name, _)| own(name)).collect();
        let body = request.body().escape_ascii();
        format!("{} {} {fields:?} {body}", request.method(), request.target())
    };
    requests.iter().map(one).collect()
}

#[test]
fn an_exported_call_of_fetch_sends_the_same_again() {
    let test = "an_exported_call_of_fetch_sends_the_same_again";
    let Some(_curl) = program(test, "curl") else { return };
    let Some(node) = program(test, "node") else { return };
    let (bench, origin) = (Bench::new(), http());
    let url = format!("http://localhost:{}", origin.port());
    let script = format!(
        "set -e; curl -sS -H \"X-Odd: it's \\\"odd\\\"\" --data-binary \"$(printf 'a\\377b')\" {url}/a?b
         curl -sS -H 'Content-Type: text/plain' -d 'ünïcödé' {url}/text"
    );
    record(&bench, &script);
    let mut node = Command::new(node);
    check_again(&bench, &origin, "fetch", node.args(["--input-type=module", "-"]), essence);
}

#[test]
fn an_exported_archive_is_valid_and_comes_back() {
    let test = "an_exported_archive_is_valid_and_comes_back";
    let Some(_curl) = program(test, "curl") else { return };
    let Some((node, npm)) = program(test, "node").zip(program(test, "npm")) else { return };
    let Some(packages) = installed(test, "har-validator", |folder| {
        let mut npm = Command::new(npm);
        npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"]);
        succeeds(npm.arg("har-validator@5.1.5").current_dir(folder))
    }) else {
        return;
    };
    let (bench, origin) = (Bench::new(), bench_origin());
    let url = format!("http://localhost:{}", origin.port());
    let script = format!(
        "curl -sS '{url}/a?b=c' -b 'k=v' -d 'x=1&y=2'; curl -sS {url}/binary
         curl -sS --data-binary \"$(printf '\\377')\" {url}/; curl -sS --max-time 9 {url}/cut; true"
    );
    record(&bench, &script);
    ours(&bench, &["export", "har", "a.session", "-o", "a.har"]);
    let refused = bench.sidestream(["export", "har", "a.session", "-o", "a.har"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let check = "const {har} = require('har-validator/lib/promise'); const fs = require('fs');
        har(JSON.parse(fs.readFileSync(process.argv[1]))).then(
            log => console.log(log.log.entries.length),
            error => { console.error(error.errors); process.exit(1) })";
    let valid = |file: &str| {
        let mut command = Command::new(&node);
        command.args(["-e", check]).arg(bench.path(file)).current_dir(&packages);
        let output = command.output().unwrap();
        assert_eq!(output.stdout, b"4\n", "{}", String::from_utf8_lossy(&output.stderr));
    };
    valid("a.har");
    ours(&bench, &["import", "a.har", "b.session"]);
    ours(&bench, &["export", "har", "b.session", "-o", "b.har"]);
    valid("b.har");
    let entries = |file: &str| {
        let text = fs::read(bench.path(file)).unwrap();
        let archive: serde_json::Value = serde_json::from_slice(&text).unwrap();
        let mut entries = archive["log"]["entries"].as_array().unwrap().clone();
        for entry in &mut entries {
            // Ids are new, and an archive has no address of a flow that was never connected.
            let entry = entry.as_object_mut().unwrap();
            for name in ["connection", "comment", "time", "timings"] {
                entry.remove(name);
            }
        }
        entries
    };
    assert_eq!(entries("b.har"), entries("a.har"));
}

/// An origin that answers with what is no text, and at times with less than it announces.
fn bench_origin() -> Origin {
    Origin::http(|request, wire| {
        if request.target() == "/cut" {
            return wire
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut")
                .and_then(|()| wire.close());
        }
        let head = "HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Secure\r\nContent-Length: 4\r\n\r\n";
        wire.write_all(head.as_bytes())?;
        wire.write_all(if request.target() == "/binary" { b"\x00\xff\x01\xfe" } else { b"text" })
    })
}

#[test]
fn mitmproxy_reads_what_is_exported_and_what_it_wrote_is_imported() {
    let test = "mitmproxy_reads_what_is_exported_and_what_it_wrote_is_imported";
    let Some(_curl) = program(test, "curl") else { return };
    let packages = ["mitmproxy==12.2.3"];
    let Some(python) = python(test, "mitmproxy", &packages, true) else { return };
    let (bench, origin) = (Bench::new(), http());
    let url = format!("http://localhost:{}", origin.port());
    record(&bench, &format!("curl -sS {url}/a?b; curl -sS -d \"$(printf '\\377')\" {url}/c"));
    ours(&bench, &["export", "mitmproxy", "a.session", "-o", "a.flows"]);
    let told = |file: &str, more: &[&str]| {
        let mut command = Command::new(python.with_file_name("mitmdump"));
        command.arg("-nr").arg(bench.path(file)).args(more).env("HOME", bench.folder.path());
        let output = command.stdin(Stdio::null()).output().unwrap();
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{err}");
        let text = String::from_utf8(output.stdout).unwrap();
        let lines = text.lines().filter_map(|line| line.split_once(": "));
        lines.map(|(_, told)| told.to_owned()).collect::<Vec<_>>()
    };
    let again = bench.path("again.flows");
    let expected = [format!("GET {url}/a?b"), format!("POST {url}/c")];
    assert_eq!(told("a.flows", &["-w", again.to_str().unwrap()]), expected);
    ours(&bench, &["import", "again.flows", "b.session"]);
    let columns = ["export", "csv", "b.session", "--columns", "method,url,status,request_bytes"];
    let rows = String::from_utf8(ours(&bench, &columns)).unwrap();
    let expected =
        format!("method,url,status,request_bytes\r\nGET,{url}/a?b,200,0\r\nPOST,{url}/c,200,1\r\n");
    assert_eq!(rows, expected);
}

#[test]
fn sqlite_and_mitmproxy_read_what_is_noted_and_what_mitmproxy_noted_is_imported() {
    let test = "sqlite_and_mitmproxy_read_what_is_noted_and_what_mitmproxy_noted_is_imported";
    let Some(_curl) = program(test, "curl") else { return };
    let Some(sqlite) = program(test, "sqlite3") else { return };
    let packages = ["mitmproxy==12.2.3"];
    let Some(python) = python(test, "mitmproxy", &packages, true) else { return };
    let (bench, origin) = (Bench::new(), http());
    let url = format!("http://localhost:{}", origin.port());
    record(&bench, &format!("curl -sS {url}/a {url}/b; curl -sS {url}/c"));
    let mark = ["session", "mark", "a.session"];
    ours(&bench, &[&mark[..], &["2", "--marker", ":red_circle:", "--comment", "ünder"]].concat());
    ours(&bench, &[&mark[..], &["~u c$", "--meta", "who=me"]].concat());
    let query = "SELECT id, marker, comment FROM exchange_list";
    let read = Command::new(sqlite).arg(bench.path("a.session")).arg(query).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&read.stdout), "1||\n2|:red_circle:|ünder\n3||\n");

    ours(&bench, &["export", "mitmproxy", "a.session", "-o", "a.flows"]);
    let dumped = |args: &[&str]| {
        let mut command = Command::new(python.with_file_name("mitmdump"));
        command.args(["-nr", "a.flows"]).args(args);
        command.env("HOME", bench.folder.path()).current_dir(bench.folder.path());
        let output = command.stdin(Stdio::null()).output().unwrap();
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{err}");
        let text = String::from_utf8(output.stdout).unwrap();
        let path = |line: &str| Some(line.split_once(": GET ")?.1.rsplit_once('/')?.1.to_owned());
        text.lines().filter_map(path).collect::<Vec<_>>()
    };
    assert_eq!(dumped(&["~marked"]), ["b"]);
    assert_eq!(dumped(&["~marker red"]), ["b"]);
    assert_eq!(dumped(&["~comment ^ünder$"]), ["b"]);
    assert_eq!(dumped(&["~meta '^who: me$'"]), ["c"]);
    assert_eq!(dumped(&["~replay"]), [""; 0]);

    let addon = "def request(flow):\n    flow.marked = ':default:'\n    flow.comment = 'twice'\n    \
        flow.metadata['n'] = [1, None]\n    flow.is_replay = 'request'\n";
    fs::write(bench.path("addon.py"), addon).unwrap();
    dumped(&["-s", "addon.py", "-w", "b.flows", "~u a$"]);
    ours(&bench, &["import", "b.flows", "b.session"]);
    let filter = "~marker ^:default:$ & ~comment ^twice$ & ~meta '^n: \\[1,null\\]$' & ~replayq";
    let columns = ["--columns", "path,marker,comment"];
    let rows = ours(&bench, &[&["export", "csv", "b.session", filter], &columns[..]].concat());
    let rows = String::from_utf8(rows).unwrap();
    assert_eq!(rows, "path,marker,comment\r\n/a,:default:,twice\r\n");
}

#[test]
fn a_session_that_is_recorded_is_not_marked() {
    let test = "a_session_that_is_recorded_is_not_marked";
    let Some(_curl) = program(test, "curl") else { return };
    let (bench, origin) = (Bench::new(), http());
    record(&bench, &format!("curl -sS http://localhost:{}/a", origin.port()));
    let inner = format!(
        "'{}' session mark a.session 1",
        bench.sidestream([""]).get_program().to_string_lossy()
    );
    let mut command = bench.sidestream(["run", "--session", "a.session", "--", "sh", "-c", &inner]);
    let recording = command.stderr(Stdio::piped()).spawn().unwrap();
    let number = recording.id();
    let output = recording.wait_with_output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(err.contains(&format!("is in use: process {number} writes to it")), "{err}");
    assert_eq!(output.status.code(), Some(1));
    // What was recorded meanwhile is whole, and is marked then.
    ours(&bench, &["session", "mark", "a.session", "1"]);
    let listed = ours(&bench, &["session", "list", "a.session", "~marked"]);
    assert_eq!(String::from_utf8_lossy(&listed).lines().count(), 1);
}

/// Every byte of the requests that arrived, the fields in the order of their names: HTTPie has one
/// of its own.
fn lines(requests: &[Request]) -> Vec<String> {
    let sorted = |request: &Request| {
        let head = request.head().escape_ascii().to_string();
        let mut lines: Vec<_> = head.split("\\r\\n").collect();
        lines[1..].sort_unstable();
        format!("{} {}", lines.join("\n"), request.body().escape_ascii())
    };
    requests.iter().map(sorted).collect()
}

#[test]
fn an_exported_command_of_httpie_sends_every_field_and_body_again() {
    let test = "an_exported_command_of_httpie_sends_every_field_and_body_again";
    let Some(_curl) = program(test, "curl") else { return };
    let Some(python) = python(test, "httpie", &["httpie==3.2.4"], false) else { return };
    let (bench, origin) = (Bench::new(), http());
    let url = format!("http://localhost:{}", origin.port());
    let path = std::env::join_paths(
        [python.parent().unwrap().to_owned()]
            .into_iter()
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
    );
    let path = path.unwrap();
    // What its own users send, which it can all send again.
    let script = format!(
        "set -e; export PATH='{}' HOME='{}'
         http --ignore-stdin -q GET '{url}/a?b={{c}}&d=%20' \"X-Odd:it's \\\"odd\\\" \\$HOME\"
         http --ignore-stdin -q POST {url}/json name=ada n:=1
         http --ignore-stdin -q --form POST {url}/form \"a='1'&b=@x\"
         printf 'a\\377b' | http -q PUT {url}/raw Content-Type:application/octet-stream
         http --ignore-stdin -q DELETE {url}/x",
        path.to_str().unwrap(),
        bench.folder.path().display()
    );
    record(&bench, &script);
    let mut sh = Command::new("sh");
    sh.arg("-e").env("PATH", &path).env("HOME", bench.folder.path());
    check_again(&bench, &origin, "httpie", &mut sh, lines);
}

#[test]
fn an_export_is_not_written_to_what_others_have_put_there() {
    let test = "an_export_is_not_written_to_what_others_have_put_there";
    let Some(_curl) = program(test, "curl") else { return };
    let (bench, origin) = (Bench::new(), http());
    record(&bench, &format!("curl -sS http://localhost:{}/a", origin.port()));
    let of_others = bench.write("of-others", "not ours");
    std::os::unix::fs::symlink(&of_others, bench.path("out-new")).unwrap();
    ours(&bench, &["export", "csv", "a.session", "--columns", "path", "-o", "out"]);
    assert_eq!(fs::read_to_string(of_others).unwrap(), "not ours");
    assert_eq!(fs::read_to_string(bench.path("out")).unwrap(), "path\r\n/a\r\n");
    assert!(!fs::symlink_metadata(bench.path("out")).unwrap().is_symlink());
}

#[test]
fn what_makes_no_sense_is_told_and_changes_nothing() {
    let bench = Bench::new();
    fs::write(bench.path("a.dump"), flow(b"a.test", "identity", b"body")).unwrap();
    ours(&bench, &["import", "a.dump", "a.session"]);
    bench.write("letter", "Dear all,");
    fs::create_dir(bench.path("folder")).unwrap();
    let before = fs::read(bench.path("a.session")).unwrap();
    for (command, expected) in [
        ("export curl a.session 7", "no exchange has the number 7; `sidestream session list"),
        ("export har a.session 1,5-9", "no exchange has a number from 5 to 9; "),
        ("export har a.session -o a.session --force", "a.session is the session itself; choose"),
        ("export har a.session -o ./a.session --force", "is the session itself; choose"),
        ("export har a.session -o folder --force", "folder is a folder; name a file in it"),
        ("export har a.session -o letter", "letter is there already; --force writes over it"),
        ("export har letter", "letter is not a session; name a file that was recorded"),
        ("session compact none", "cannot open none; check the path and the rights"),
        ("session show a.session 7 --raw", "no exchange has the number 7"),
        ("session mark a.session 7", "nothing is noted: no exchange is that"),
        ("import letter a.session", "is of no kind that can be imported"),
        ("import a.dump letter", "exists and is not a session; it was left as it is"),
        ("import /dev/stdin a.session", "is a session in a pipe, of which its file is needed"),
    ] {
        let mut command = bench.sidestream(command.split(' '));
        let output = fed(command.env("NO_COLOR", "1"), &before);
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{command:?}: {err}");
        assert!(err.contains(expected) && output.stdout.is_empty(), "{command:?}: {err}");
    }
    assert!(fs::read(bench.path("a.session")).unwrap() == before);
    assert_eq!(fs::read(bench.path("letter")).unwrap(), b"Dear all,");
    // What comes through a pipe is imported.
    let dump = fs::read(bench.path("a.dump")).unwrap();
    let output = fed(&mut bench.sidestream(["import", "/dev/stdin", "b.session"]), &dump);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let rows = ours(&bench, &["export", "csv", "b.session", "--columns", "host"]);
    assert_eq!(rows, b"host\r\na.test\r\n");
}

#[test]
fn on_a_full_disk_nothing_is_left_half() {
    let test = "on_a_full_disk_nothing_is_left_half";
    let Some(_curl) = program(test, "curl") else { return };
    let Some(unshare) = program(test, "unshare") else { return };
    let (bench, origin) = (Bench::new(), http());
    let url = format!("http://localhost:{}", origin.port());
    // What does not shrink.
    record(&bench, &format!("head -c 300000 /dev/urandom | curl -sS --data-binary @- {url}/a"));
    fs::create_dir(bench.path("small")).unwrap();
    let binary = bench.sidestream([""]).get_program().to_string_lossy().into_owned();
    let script = format!(
        "mount -t tmpfs -o size=1M none small || exit 77
         cp a.session small/b.session
         head -c 1M /dev/zero >small/filler 2>/dev/null
         for format in har mitmproxy raw; do
             '{binary}' export $format a.session -o small/x 2>>told && echo \"$format fit\"
         done
         '{binary}' session merge a.session -o small/m 2>>told && echo 'merge fit'
         '{binary}' session compact small/b.session 2>>told && echo 'compact fit'
         cmp a.session small/b.session || echo 'compact changed it'
         rm small/filler; ls small"
    );
    let user = if sidestream_testkit::is_root() { "-m" } else { "-rm" };
    let mut command = Command::new(unshare);
    command.args([user, "sh", "-c", &script]).current_dir(bench.folder.path());
    let output = command.stdin(Stdio::null()).output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(77) || err.contains("unshare") {
        return skip(test, "no file system can be mounted here");
    }
    let out = String::from_utf8_lossy(&output.stdout);
    assert_eq!(out, "b.session\n", "{err}");
    let told = fs::read_to_string(bench.path("told")).unwrap();
    assert_eq!(told.matches("cannot write all of it to small/x").count(), 3, "{told}");
    assert_eq!(told.matches("check the space").count(), 2, "{told}");
}

#[test]
fn dumps_of_each_version_are_read_as_mitmproxy_reads_them() {
    let test = "dumps_of_each_version_are_read_as_mitmproxy_reads_them";
    let packages = ["mitmproxy==12.2.3"];
    let Some(python) = python(test, "mitmproxy", &packages, true) else { return };
    let bench = Bench::new();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/old_dumps.py");
    let output = Command::new(python).arg(script).arg(bench.folder.path()).output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{err}");
    let names = String::from_utf8(output.stdout).unwrap();
    let names: Vec<_> = names.lines().collect();
    // 0.11 to 0.19, 1.0 to 3.0, 4 to 21.
    assert_eq!((names.len(), names.last()), (30, Some(&"21")));
    let columns =
        "method,url,version,status,client,server,started,duration_ms,request_bytes,response_bytes";
    let shown = |name: &str| {
        let (dump, session) = (format!("{name}.flows"), format!("{name}.session"));
        ours(&bench, &["import", &dump, &session]);
        let rows = ours(&bench, &["export", "csv", &session, "~replayq", "--columns", columns]);
        let raw = ours(&bench, &["export", "raw", &session]);
        format!("{}{}", String::from_utf8_lossy(&rows), String::from_utf8_lossy(&raw))
    };
    let newest = shown("21");
    assert!(newest.contains("\r\nPOST,https://a.test/x?y,HTTP/1.1,201,10.0.0.2:4000,"), "{newest}");
    assert!(
        newest.contains("\r\nX-One: 2\r\n") && newest.contains("\r\nthe answer\r\n"),
        "{newest}"
    );
    for (at, name) in names.iter().enumerate() {
        if at + 1 < names.len() {
            assert_eq!(shown(name), newest, "{name}");
        }
        // Marks came with 0.18, metadata with 0.19.
        let found = |filter: &str| {
            let session = format!("{name}.session");
            let listed = ours(&bench, &["session", "list", &session, filter]);
            String::from_utf8_lossy(&listed).lines().count()
        };
        assert_eq!(found("~marker ^:default:$"), usize::from(at >= 7), "{name}");
        assert_eq!(found("~meta '^key: value$'"), usize::from(at >= 8), "{name}");
    }
}
