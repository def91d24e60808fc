//! Mode `regular` as the system's proxy: programs that read the desktop's settings reach it, and
//! nothing of it stays.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

use insta::assert_snapshot;
use sidestream_testkit::{is_root, skip};

use crate::harness::{ANSWER, Bench, http};

/// A user's session: a home with a bus of its own.
struct Session {
    bench: Bench,
    bus: Child,
    address: String,
}

impl Session {
    /// Starts one; nothing without the programs of a desktop.
    fn start(test: &str) -> Option<Self> {
        let needed = ["dbus-daemon", "gsettings", "proxy", "kreadconfig5", "curl"];
        let is_here = |name: &&str| Path::new("/usr/bin").join(name).is_file();
        if let Some(missing) = needed.iter().find(|name| !is_here(name)) {
            skip(test, &format!("no {missing} here"));
            return None;
        }
        let bench = Bench::new();
        let mut daemon = Command::new("dbus-daemon");
        daemon.args(["--session", "--nofork", "--print-address=1"]).env_clear();
        daemon.env("HOME", bench.folder.path()).env("PATH", "/usr/bin:/bin");
        let mut bus = daemon.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut address = String::new();
        BufReader::new(bus.stdout.take().unwrap()).read_line(&mut address).unwrap();
        let session = Self { bench, bus, address: address.trim().to_owned() };
        session.says("gsettings", &["set", "org.gnome.system.proxy", "mode", "'none'"]);
        session.bench.write("kdeglobals", "");
        std::fs::create_dir_all(session.bench.path(".config")).unwrap();
        std::fs::write(session.bench.path(".config/kioslaverc"), KDE).unwrap();
        Some(session)
    }

    fn sidestream(&self, args: &[&str]) -> Command {
        let mut command = self.bench.sidestream(args);
        command.env("DBUS_SESSION_BUS_ADDRESS", &self.address);
        for name in ["XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR", "SUDO_UID"] {
            command.env_remove(name);
        }
        command
    }

    /// What a program of the session prints.
    fn says(&self, program: &str, args: &[&str]) -> String {
        let mut command = Command::new(Path::new("/usr/bin").join(program));
        command.args(args).env_clear().env("HOME", self.bench.folder.path());
        command.env("DBUS_SESSION_BUS_ADDRESS", &self.address).env("PATH", "/usr/bin:/bin");
        match program {
            // GNOME or KDE, as the first argument says.
            "proxy" if args[0] == "kde" => {
                command = rebuilt(command, &args[1..]);
                command.env("KDE_FULL_SESSION", "1").env("KDE_SESSION_VERSION", "5");
            }
            "proxy" => {
                command = rebuilt(command, args);
                command.env("DESKTOP_SESSION", "gnome");
            }
            _ => {}
        }
        let output = command.output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// All that the desktop's settings hold.
    fn settings(&self) -> String {
        let gnome = self.says("gsettings", &["list-recursively", "org.gnome.system.proxy"]);
        let kde = std::fs::read_to_string(self.bench.path(".config/kioslaverc")).unwrap();
        let environment = self.bench.path(".config/environment.d").exists();
        format!("{gnome}\n{kde}\n{environment}")
    }
}

const KDE: &str = "[Proxy Settings]\nProxyType=0\nNoProxyFor=intra.test\n";

/// The same command with other arguments.
fn rebuilt(command: Command, args: &[&str]) -> Command {
    let mut other = Command::new(command.get_program());
    other.args(args).env_clear();
    for (name, value) in command.get_envs() {
        value.map(|value| other.env(name, value));
    }
    other
}

impl Drop for Session {
    fn drop(&mut self) {
        self.bus.kill().unwrap();
        self.bus.wait().unwrap();
    }
}

/// A proxy that is the system's.
struct Proxy {
    child: Child,
    addr: String,
    stderr: BufReader<ChildStderr>,
    said: String,
}

impl Proxy {
    /// Starts it, and waits until it has said what it says about each place.
    fn start(session: &Session, option: &str) -> Self {
        let args = ["--mode", "regular@127.0.0.1:0", option, "--json"];
        let mut command = session.sidestream(&args);
        command.arg(session.bench.path("flows.json")).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        while !said.contains("must trust") {
            assert_ne!(stderr.read_line(&mut said).unwrap(), 0, "{said}");
        }
        let addr = said.split("listening on ").nth(1).unwrap().split([',', ';']).next().unwrap();
        Self { child, addr: addr.to_owned(), stderr, said }
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Kills the process that would clean up after it.
    fn kill_watcher(&self) {
        let pid = self.child.id();
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
        assert!(!children.trim().is_empty(), "nobody watches");
        for child in children.split_whitespace() {
            assert!(Command::new("kill").args(["-KILL", child]).status().unwrap().success());
        }
    }

    /// Has it end, and returns how it did and all that it said.
    fn end(mut self, signal: &str) -> (Option<i32>, String) {
        self.signal(signal);
        self.stderr.read_to_string(&mut self.said).unwrap();
        (self.child.wait().unwrap().code(), self.said)
    }
}

#[test]
fn programs_of_the_desktop_reach_it_until_it_ends() {
    let Some(session) = Session::start("programs_of_the_desktop_reach_it_until_it_ends") else {
        return;
    };
    let before = session.settings();
    let origin = http();
    let url = format!("http://{}/", origin.addr());
    for signal in ["-INT", "-TERM", "-HUP"] {
        let proxy = Proxy::start(&session, "--set-system-proxy");
        let told = format!("http://{}", proxy.addr);
        assert_eq!(session.says("proxy", &["http://example.test"]), told);
        assert_eq!(session.says("proxy", &["https://example.test"]), told);
        assert_eq!(session.says("proxy", &["kde", "https://example.test"]), told);
        assert_eq!(session.says("proxy", &["kde", "https://intra.test"]), "direct://");
        let curl = ["-sS", "--noproxy", "", "--proxy", &told, &url];
        assert_eq!(session.says("curl", &curl), ANSWER.trim());
        let (code, said) = proxy.end(signal);
        assert_eq!((code, session.settings()), (Some(0), before.clone()), "{signal}: {said}");
    }
    assert_eq!(origin.requests().len(), 3);
}

#[test]
fn a_killed_one_is_undone_at_once() {
    let Some(session) = Session::start("a_killed_one_is_undone_at_once") else { return };
    let before = session.settings();
    let proxy = Proxy::start(&session, "--set-system-proxy");
    assert_ne!(session.settings(), before);
    let (code, said) = proxy.end("-KILL");
    assert_eq!((code, session.settings()), (None, before), "{said}");
    assert!(said.contains("undid what a killed process left"), "{said}");
}

#[test]
fn a_killed_one_is_undone_by_the_next_start_or_by_repair() {
    let test = "a_killed_one_is_undone_by_the_next_start_or_by_repair";
    let Some(session) = Session::start(test) else { return };
    let before = session.settings();
    for next in [&["repair"][..], &["--mode", "regular@127.0.0.1:0"]] {
        // Root's environment is that of the machine, which is not ours to play with.
        let also = if is_root() { "" } else { ",environment" };
        let proxy = Proxy::start(&session, &format!("--set-system-proxy=desktop{also}"));
        assert_ne!(session.settings(), before);
        proxy.kill_watcher();
        proxy.end("-KILL");
        assert_ne!(session.settings(), before);
        let mut next = session.sidestream(next).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(next.stderr.take().unwrap());
        let mut said = String::new();
        while !said.contains("listening on") && stderr.read_line(&mut said).unwrap() > 0 {}
        assert_eq!(session.settings(), before, "{said}");
        _ = next.kill();
        next.wait().unwrap();
    }
}

#[test]
fn a_second_one_is_told_who_holds_it_and_the_table_names_it() {
    let test = "a_second_one_is_told_who_holds_it_and_the_table_names_it";
    let Some(session) = Session::start(test) else { return };
    let proxy = Proxy::start(&session, "--set-system-proxy=gnome");
    let pid = format!("(pid {})", proxy.child.id());
    let args = ["--mode", "regular@127.0.0.1:0", "--set-system-proxy=gnome"];
    let second = session.sidestream(&args).output().unwrap();
    let said = String::from_utf8_lossy(&second.stderr);
    assert_eq!(second.status.code(), Some(1), "{said}");
    assert!(
        said.contains("is changing the proxy settings of GNOME") && said.contains(&pid),
        "{said}"
    );
    let table = || {
        let output = session.sidestream(&["system-proxy"]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.replace(&proxy.addr, "ADDR").replace(&pid, "(pid N)").replace("  ", " ")
    };
    let told = table();
    let gnome = told.lines().next().unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    assert_snapshot!(gnome, @"GNOME ADDR set by sidestream (pid N)");
    let kde = told.lines().nth(1).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    assert_snapshot!(kde, @"KDE direct");
    // The first is not disturbed by the second's end.
    let now = session.says("proxy", &["http://example.test"]);
    assert_eq!(now, format!("http://{}", proxy.addr));
    proxy.end("-INT");
}

#[test]
fn what_the_user_sets_meanwhile_stays_and_is_told() {
    let test = "what_the_user_sets_meanwhile_stays_and_is_told";
    let Some(session) = Session::start(test) else { return };
    let proxy = Proxy::start(&session, "--set-system-proxy=gnome");
    session.says("gsettings", &["set", "org.gnome.system.proxy.http", "host", "'mine.test'"]);
    let (code, said) = proxy.end("-INT");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("what somebody else has set in GNOME meanwhile stays"), "{said}");
    let get = |key: &[&str]| session.says("gsettings", &[&["get"], key].concat());
    assert_eq!(get(&["org.gnome.system.proxy.http", "host"]), "'mine.test'");
    assert_eq!(get(&["org.gnome.system.proxy", "mode"]), "'manual'");
    assert_eq!(get(&["org.gnome.system.proxy.https", "host"]), "''");
}

#[test]
fn a_machine_without_a_desktop_is_told_what_to_do() {
    let bench = Bench::new();
    let args = ["--mode", "regular@127.0.0.1:0", "--set-system-proxy=kde,gnome"];
    let output =
        bench.sidestream(args).env("PATH", "/nonexistent").env("HOME", "relative").output();
    let output = output.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("no folder is known to note changes in"), "{said}");
}
