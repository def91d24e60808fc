//! Sessions where there is no room, where nothing may be written, and where somebody else writes.

use std::fs;
use std::process::{Command, Stdio};

use sidestream_testkit::skip;

use crate::dumps::{flow, lines, noise};
use crate::harness::{Bench, http, program};

/// Makes `a.session`, of which no text is noted, `b.session` and the dump.
fn bench() -> Bench {
    let bench = Bench::new();
    // A body that does not shrink, and one that does.
    let bodies = [(&b"noise.test"[..], noise(300_000)), (b"text.test", lines().into_bytes())];
    let flows = bodies.iter().flat_map(|(host, body)| flow(host, "identity", body));
    fs::write(bench.path("a.dump"), flows.collect::<Vec<_>>()).unwrap();
    for session in ["a.session", "b.session"] {
        let output = bench.sidestream(["import", "a.dump", session]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    for folder in ["small", "open"] {
        fs::create_dir(bench.path(folder)).unwrap();
    }
    bench
}

/// Runs a script where it may mount what it likes; `None` where nobody may.
fn mounting(test: &str, bench: &Bench, script: &str) -> Option<String> {
    let unshare = program(test, "unshare")?;
    let user = if sidestream_testkit::is_root() { "-m" } else { "-rm" };
    let ours = bench.sidestream([""]);
    let mut command = Command::new(unshare);
    command.args([user, "bash", "-c", script]).current_dir(bench.folder.path());
    command.envs(ours.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("OURS", ours.get_program());
    let output = command.stdin(Stdio::null()).output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(77) || err.contains("unshare") {
        skip(test, "no file system can be mounted here");
        return None;
    }
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{out}{err}");
    Some(out)
}

#[test]
fn a_full_disk_changes_no_session_and_says_so() {
    let test = "a_full_disk_changes_no_session_and_says_so";
    let bench = bench();
    // Each with so much room, from none to enough.
    let script = r#"
        mount -t tmpfs -o size=6M none small || exit 77
        "$OURS" session show a.session --json >before || exit 1
        try() {
            what=$1; shift; failed=0
            for room in 0 16 32 100 160 640 3000; do
                rm -f small/*; cp a.session small/; echo old >small/old
                head -c 6M /dev/zero >small/filler 2>/dev/null
                truncate -s -${room}K small/filler
                "$OURS" "$@" >out 2>err; code=$?
                rm small/filler
                if [ $code = 1 ]; then
                    failed=$((failed + 1))
                    grep -qi 'disk is full\|no space left' err || echo "$what $room told: $(cat err)"
                    [ "$(echo $(ls small))" = "a.session old" ] || echo "$what $room left:" $(ls small)
                    "$OURS" session show small/a.session --json 2>&1 | cmp - before || echo "$what $room"
                    grep -qx old small/old || echo "$what $room wrote over"
                    "$OURS" "$@" >/dev/null 2>err || echo "$what $room not again: $(cat err)"
                elif [ $code = 0 ]; then
                    last=$room
                else
                    echo "$what $room ends with $code: $(cat err)"
                fi
                for session in small/*; do
                    [ "$(head -c 6 $session)" != SQLite ] || "$OURS" session verify $session 2>err ||
                        echo "$what $room is damaged: $(cat err)"
                done
            done
            echo "$what: $((failed > 0)) $((last == 3000))"
        }
        try merge session merge a.session b.session -o small/m
        try trim session trim small/a.session --newest 1
        try compact session compact small/a.session
        try import import a.dump small/new
        try 'import into' import a.dump small/a.session
        try 'import session' import b.session small/new
        try 'import session into' import b.session small/a.session
        try mark session mark small/a.session '~all' --comment "$(head -c 30000 a.dump | base64 -w0)"
        try har export har a.session -o small/x
        try 'dump over' export mitmproxy a.session -o small/old --force
        try raw export raw a.session -o small/x"#;
    let Some(told) = mounting(test, &bench, script) else { return };
    let expected = [
        "merge",
        "trim",
        "compact",
        "import",
        "import into",
        "import session",
        "import session into",
        "mark",
        "har",
        "dump over",
        "raw",
    ];
    let expected: String = expected.iter().map(|what| format!("{what}: 1 1\n")).collect();
    assert_eq!(told, expected);
}

#[test]
fn a_full_disk_leaves_what_is_noted_of_text_for_later() {
    let test = "a_full_disk_leaves_what_is_noted_of_text_for_later";
    let bench = bench();
    let script = r#"
        mount -t tmpfs -o size=6M none small || exit 77
        cp a.session small/
        head -c 6M /dev/zero >small/filler 2>/dev/null
        "$OURS" session index small/a.session 2>err && echo 'it fits'
        grep -qi 'disk is full' err || cat err
        rm small/filler
        ls small
        "$OURS" session grep -l small/a.session 'line 79190000' 2>&1
        "$OURS" session index small/a.session 2>&1
        "$OURS" session grep -l small/a.session 'line 79190000' 2>&1
        "$OURS" session verify small/a.session 2>/dev/null && ls small"#;
    let Some(told) = mounting(test, &bench, script) else { return };
    insta::assert_snapshot!(told, @r"
    a.session
    2 GET http://text.test/
    sidestream: 512.0 KiB of text more can be looked up
    2 GET http://text.test/
    a.session
    ");
}

#[test]
fn what_may_not_be_written_is_read_and_refuses_the_rest() {
    let test = "what_may_not_be_written_is_read_and_refuses_the_rest";
    let bench = bench();
    // A folder, and a file in a folder in which others can be written.
    let script = r#"
        mount -t tmpfs -o size=6M none small || exit 77
        cp a.session small/; mount -o remount,bind,ro small || exit 77
        cp a.session open/; mount --bind open/a.session open/a.session || exit 77
        mount -o remount,bind,ro open/a.session || exit 77
        for folder in small open; do
            for command in 'session grep a.session 79190000' 'session list a.session' \
                'session list a.session ~b.line' 'session list a.session --sort size:desc' \
                'session list a.session --follow' \
                'session show a.session' 'session show a.session 2 --raw --part response' \
                'session verify a.session' 'export har a.session' 'export raw a.session'
            do
                expected=$("$OURS" $command 2>&1 | sha256sum)
                found=$(cd $folder && "$OURS" $command 2>&1 | sha256sum)
                [ "$expected" = "$found" ] || (cd $folder && "$OURS" $command | head -c 1000)
            done
            for command in 'trim a.session --newest 1' 'compact a.session' 'index a.session' \
                'mark a.session 1'
            do
                echo "$folder: $command: $(cd $folder; "$OURS" session $command 2>&1) $?"
            done
            for command in 'import ../a.dump a.session' 'import ../b.session a.session'; do
                echo "$folder: $command: $(cd $folder; "$OURS" $command 2>&1) $?"
            done
            cmp a.session $folder/a.session
            ls $folder
        done
        echo "$("$OURS" session merge a.session -o small/b 2>&1)"
        echo "$("$OURS" export har a.session -o small/b 2>&1)"
        echo "$("$OURS" import a.dump small/b 2>&1)""#;
    let Some(told) = mounting(test, &bench, script) else { return };
    let told = told.replace(&bench.folder.path().display().to_string(), "FOLDER");
    insta::assert_snapshot!(told, @r"
    small: trim a.session --newest 1: sidestream: cannot write FOLDER/small/a.session; check that its folder exists and that both can be written to: Read-only file system (os error 30) 1
    small: compact a.session: sidestream: cannot write FOLDER/small/a.session; check that its folder exists and that both can be written to: Read-only file system (os error 30) 1
    small: index a.session: sidestream: cannot write FOLDER/small/a.session; check that its folder exists and that both can be written to: Read-only file system (os error 30) 1
    small: mark a.session 1: sidestream: cannot write FOLDER/small/a.session; check that its folder exists and that both can be written to: Read-only file system (os error 30) 1
    small: import ../a.dump a.session: sidestream: cannot write FOLDER/small/a.session; check that its folder exists and that both can be written to: Read-only file system (os error 30) 1
    small: import ../b.session a.session: sidestream: cannot write FOLDER/small/a.session; check that its folder exists and that both can be written to: Read-only file system (os error 30) 1
    a.session
    open: trim a.session --newest 1: sidestream: cannot write FOLDER/open/a.session; check that its folder exists and that both can be written to: permission denied 1
    open: compact a.session: sidestream: cannot write FOLDER/open/a.session; check that its folder exists and that both can be written to: permission denied 1
    open: index a.session: sidestream: cannot write to the session FOLDER/open/a.session; check the space and the rights there: attempt to write a readonly database 1
    open: mark a.session 1: sidestream: cannot write to the session FOLDER/open/a.session; check the space and the rights there: attempt to write a readonly database 1
    open: import ../a.dump a.session: sidestream: cannot write to the session FOLDER/open/a.session; check the space and the rights there: attempt to write a readonly database 1
    open: import ../b.session a.session: sidestream: cannot write FOLDER/open/a.session; check that its folder exists and that both can be written to: permission denied 1
    a.session
    sidestream: cannot write FOLDER/small/b; check that its folder exists and that both can be written to: Read-only file system (os error 30)
    sidestream: cannot write small/b: Read-only file system (os error 30)
    sidestream: cannot write FOLDER/small/b; check that its folder exists and that both can be written to: Read-only file system (os error 30)
    ");
}

#[test]
fn who_records_to_a_session_is_named_to_whoever_else_wants_to_write_to_it() {
    let test = "who_records_to_a_session_is_named_to_whoever_else_wants_to_write_to_it";
    let Some(_curl) = program(test, "curl") else { return };
    let (bench, origin) = (bench(), http());
    let script = format!(
        r#"curl -sS http://localhost:{}/one
        ln -s a.session link
        for command in 'session trim a.session --newest 1' 'session compact link' \
            'session index a.session' 'session mark a.session 1' 'import a.dump a.session' \
            'import a.dump link' 'import b.session a.session' \
            'run --session a.session -- true' 'run --session link -- true'
        do
            told=$("$OURS" $command 2>&1)
            echo "$? $command: $told" >>told
        done
        curl -sS http://localhost:{}/two"#,
        origin.port(),
        origin.port()
    );
    let mut command =
        bench.sidestream(["run", "--session", "a.session", "--", "sh", "-c", &script]);
    let ours = command.get_program().to_owned();
    command.env("OURS", ours).stdout(Stdio::piped()).stderr(Stdio::piped());
    let recording = command.spawn().unwrap();
    let number = recording.id();
    let output = recording.wait_with_output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{err}");
    let told = fs::read_to_string(bench.path("told")).unwrap();
    assert_eq!(told.lines().count(), 9, "{told}");
    let named = format!("is in use: process {number} writes to it");
    for line in told.lines() {
        assert!(line.starts_with("1") && line.contains(&named), "{line}");
    }
    let verified = bench.sidestream(["session", "verify", "a.session"]).output().unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
    let urls =
        bench.sidestream(["export", "csv", "a.session", "--columns", "path"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&urls.stdout), "path\r\n/\r\n/\r\n/one\r\n/two\r\n");
}
