//! A user's home, with a session's bus of its own.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use sidestream_journal::Journal;
use sidestream_sysproxy::{Desktop, Place};
use sidestream_testkit::skip;
use tempfile::TempDir;

pub(crate) const PROXY: &str = "127.0.0.1:4711";

const PLACE: &str = "SIDESTREAM_TEST_PLACE";

pub(crate) struct Home {
    folder: TempDir,
    bus: Option<(Child, String)>,
}

impl Home {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join(".config")).unwrap();
        Self { folder, bus: None }
    }

    /// A home with a bus; nothing without these tools.
    pub(crate) fn with_bus(test: &str, tools: &[&str]) -> Option<Self> {
        let missing = tools.iter().chain(&["dbus-daemon"]).find(|tool| {
            let folders = ["/usr/bin", "/bin"];
            !folders.iter().any(|folder| Path::new(folder).join(tool).is_file())
        });
        if let Some(missing) = missing {
            skip(test, &format!("no {missing} here"));
            return None;
        }
        let mut home = Self::new();
        let mut command = Command::new("dbus-daemon");
        command.args(["--session", "--nofork", "--print-address=1"]);
        let mut daemon =
            home.in_it(&mut command).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut address = String::new();
        BufReader::new(daemon.stdout.take().unwrap()).read_line(&mut address).unwrap();
        home.bus = Some((daemon, address.trim().to_owned()));
        Some(home)
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    pub(crate) fn env(&self, name: &str) -> Option<OsString> {
        match name {
            "HOME" => Some(self.folder.path().into()),
            "DBUS_SESSION_BUS_ADDRESS" => self.bus.as_ref().map(|(_, address)| address.into()),
            "PATH" => Some("/usr/bin:/bin".into()),
            _ => None,
        }
    }

    /// Gives a command this home and its bus, and no other.
    pub(crate) fn in_it<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env_clear().env("LC_ALL", "C");
        for name in ["HOME", "DBUS_SESSION_BUS_ADDRESS", "PATH"] {
            self.env(name).map(|value| command.env(name, value));
        }
        command
    }

    /// What a command prints in this home.
    pub(crate) fn says(&self, words: &[&str], more: &[(&str, &str)]) -> String {
        let mut command = Command::new(words[0]);
        self.in_it(command.args(&words[1..])).envs(more.iter().copied());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{words:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    pub(crate) fn journal(&self) -> Journal {
        Journal::open(&self.path("state")).unwrap()
    }

    pub(crate) fn with<T>(&self, act: impl FnOnce(Desktop<'_>) -> T) -> T {
        act(Desktop { env: &|name| self.env(name), fs_root: self.folder.path() })
    }

    /// Writes a program into a folder that is looked into first.
    pub(crate) fn program(&self, name: &str, script: &str) -> PathBuf {
        let folder = self.path("bin");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(name), script).unwrap();
        fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o755)).unwrap();
        folder
    }
}

/// Sets a place and says so, until it is killed; not a test but what the tests start.
#[test]
fn child() {
    let Ok(place) = env::var(PLACE) else { return };
    let desktop = Desktop { env: &|name| env::var_os(name), fs_root: Path::new("/") };
    let place = if place == "KDE" { Place::Kde } else { Place::Gnome };
    let journal = Journal::open(&PathBuf::from(env::var_os("HOME").unwrap()).join("state"));
    let _restore = desktop.set(place, PROXY.parse().unwrap(), &journal.unwrap()).unwrap();
    println!("it is set");
    std::thread::park();
}

impl Home {
    /// Has a process set a place, which is killed then.
    pub(crate) fn set_and_killed(&self, place: Place) {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", "home::child", "--nocapture"]);
        let child = self.in_it(&mut command).env(PLACE, place.to_string()).stdout(Stdio::piped());
        let mut child = child.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        assert!(lines.into_iter().any(|line| line.contains("it is set")));
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Ends the session's bus.
    pub(crate) fn end_session(&mut self) {
        if let Some((daemon, _)) = &mut self.bus {
            daemon.kill().unwrap();
            daemon.wait().unwrap();
        }
        self.bus = None;
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        self.end_session();
    }
}
