//! `ps`, asked about processes of the test's own.

use std::process::{Child, Command, Stdio};

use sidestream_testkit::sidestream_binary;

/// A process that waits; it ends with the test.
struct Waiting(Child);

impl Waiting {
    fn start() -> Self {
        Self(Command::new("sleep").arg("600").stdin(Stdio::null()).spawn().unwrap())
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Runs `ps`, and returns its exit status, and what it printed where.
fn ps(args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(sidestream_binary());
    let output = command.arg("ps").args(args).env_clear().stdin(Stdio::null()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// Returns the words of the line of a process.
fn line(table: &str, pid: u32) -> Option<Vec<&str>> {
    let mut lines = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    lines.find(|words| words[0] == pid.to_string())
}

/// Waits until a process that was just made runs its program.
fn settle(process: &Waiting) {
    let path = format!("/proc/{}/exe", process.pid());
    while std::fs::read_link(&path).unwrap() == std::env::current_exe().unwrap() {
        std::thread::yield_now();
    }
}

fn has_processes(test: &str) -> bool {
    let has = std::path::Path::new("/proc/self/exe").exists();
    if !has {
        sidestream_testkit::skip(test, "no /proc here");
    }
    has
}

#[test]
fn without_a_spec_every_process_is_listed_without_a_verdict() {
    if !has_processes("without_a_spec_every_process_is_listed_without_a_verdict") {
        return;
    }
    let process = Waiting::start();
    settle(&process);
    let (status, table, err) = ps(&[]);
    // As an ordinary user one cannot see what others run, and is told so.
    assert!(err.is_empty() || err.contains("hidden from this user"), "{err}");
    assert_eq!(status, Some(0));
    assert!(!table.contains("VERDICT"), "{table}");
    let [.., program, argument] = line(&table, process.pid()).unwrap()[..] else { panic!() };
    assert!(program.ends_with("sleep") && argument == "600", "{table}");
    assert!(line(&table, std::process::id()).is_some(), "{table}");
    let pids = table.lines().skip(1).map(|line| line.split_whitespace().next().unwrap());
    let pids: Vec<u32> = pids.map(|pid| pid.parse().unwrap()).collect();
    assert!(pids.is_sorted(), "{pids:?}");
}

/// Checks the verdict that a spec with the process's id for `PID` gets.
#[track_caller]
fn check(spec: &str, verdict: Option<&str>) {
    let process = Waiting::start();
    settle(&process);
    let spec = spec.replace("PID", &process.pid().to_string());
    let (status, table, err) = ps(&[&spec]);
    assert_eq!(status, Some(0), "{err}");
    let words = line(&table, process.pid()).map(|words| words.join(" "));
    match (verdict, words) {
        (None, found) => assert_eq!(found, None),
        (Some(verdict), Some(found)) => {
            assert!(found.contains(&format!(" {verdict} ")), "{found}");
        }
        (Some(_), None) => panic!("{table}{err}"),
    }
}

#[test]
fn the_verdict_of_each_process_is_told() {
    if !has_processes("the_verdict_of_each_process_is_told") {
        return;
    }
    check("PID", Some("intercept"));
    check("tree:PID,!port:22", Some("intercept, but !port:22"));
    check("!sidestream,host:*.test,!PID,net:::1", Some("pass, but net:::1"));
    check("name:no-such-program", None);
}

#[test]
fn what_is_passed_is_listed_on_demand_and_we_are_never_taken() {
    if !has_processes("what_is_passed_is_listed_on_demand_and_we_are_never_taken") {
        return;
    }
    let process = Waiting::start();
    settle(&process);
    let spec = format!("!{}", process.pid());
    let (_, table, err) = ps(&[&spec]);
    assert!(table.contains("  never (Sidestream itself)"), "{table}");
    assert_eq!(line(&table, process.pid()), None);
    let told = "sidestream: processes that are passed: 1, --all lists them\n";
    assert!(err.starts_with(told), "{err}");
    let (_, table, err) = ps(&[&spec, "--all"]);
    assert!(line(&table, process.pid()).unwrap().contains(&"pass"), "{table}");
    assert!(!err.contains("--all"), "{err}");
    let (.., err) = ps(&[&spec, "-q"]);
    assert_eq!(err, "");
}

#[test]
fn json_has_a_line_for_each_process() {
    if !has_processes("json_has_a_line_for_each_process") {
        return;
    }
    let process = Waiting::start();
    settle(&process);
    let spec = format!("{},!port:22", process.pid());
    let (status, lines, err) = ps(&["--json", "-q", &spec]);
    assert_eq!((status, err.as_str()), (Some(0), ""));
    let found: serde_json::Value = serde_json::from_str(&lines).unwrap();
    assert_eq!(found["pid"], process.pid());
    assert_eq!(found["args"], serde_json::json!(["sleep", "600"]));
    assert_eq!(found["verdict"], "destination");
    assert_eq!(found["residual"], "!port:22");
    assert_eq!(found["parents"][0]["pid"], std::process::id());
    assert!(found["started"].is_string() && found["user"]["uid"].is_u64(), "{found}");
}

#[cfg(target_os = "linux")]
#[test]
fn what_hides_its_executable_is_not_judged_by_it() {
    use sidestream_testkit::is_root;
    use std::os::unix::process::CommandExt;
    let test = "what_hides_its_executable_is_not_judged_by_it";
    let ps = |args: &[&str]| {
        let mut command = Command::new(sidestream_binary());
        command.arg("ps").args(args).env_clear().stdin(Stdio::null()).current_dir("/");
        if is_root() {
            command.uid(65534).gid(65534);
        }
        command.output()
    };
    let Ok(output) = ps(&["--json", "--all", "!no-such-program"]) else {
        return sidestream_testkit::skip(test, "another user cannot run the program");
    };
    let lines = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // Another user's, and the parent of all: it is hidden from everybody but root.
    let init = lines.iter().find(|line| line["pid"] == 1).unwrap();
    assert_eq!((&init["path"], &init["verdict"]), (&serde_json::Value::Null, &"unknown".into()));
    let shown = lines.iter().filter(|line| line["path"].is_string());
    assert!(shown.clone().count() > 0 && shown.clone().all(|line| line["verdict"] != "unknown"));

    let output = ps(&["user:0"]).unwrap();
    let table = String::from_utf8(output.stdout).unwrap();
    let init = line(&table, 1).unwrap();
    assert_eq!(init[1..3], ["root", "intercept"]);
    assert!(init[3..].iter().any(|word| word.starts_with('[')), "{table}");
    assert!(String::from_utf8(output.stderr).unwrap().contains("hidden from this user"));
}

#[test]
fn a_spec_that_is_none_is_shown_with_its_error() {
    let (status, out, err) = ps(&["curl,"]);
    assert_eq!((status, out.as_str()), (Some(2), ""));
    assert!(err.contains("curl,\n     ^ an item is missing"), "{err}");
    let (status, _, err) = ps(&["--all"]);
    assert_eq!(status, Some(2), "{err}");
}
