//! A Docker engine that the lab starts and ends, in namespaces of its own.

mod home;
mod needs;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use home::Home;

/// Ends all that is inside, and tidies up.
const KEEP: &str = include_str!("keep.sh");
/// What is inside.
const INSIDE: &str = include_str!("inside.sh");
/// Where the engine listens, inside.
const SOCKET: &str = "/run/docker.sock";
/// How long it may take to be ready, or to be gone.
const PATIENCE: Duration = Duration::from_secs(30);
/// How much of its log is told when it does not start.
const TOLD_BYTES: usize = 2000;

/// An engine, and a small machine around it: network, mounts and processes of its own.
///
/// When it is dropped, or this process dies, it ends with all its containers, and a keeper
/// removes what namespaces cannot hold. Where the keeper is killed, too, the next engine does.
#[derive(Debug)]
pub struct Engine {
    home: Home,
    keeper: Child,
    pid: u32,
    swept: Vec<String>,
}

impl Engine {
    /// Checks that this machine and user can have one.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](crate::ground::Unavailable) with the packages to install.
    pub fn check() -> Result<()> {
        Ok(needs::check()?)
    }

    /// Starts one whose home is in `homes`; `fill` puts into its data what it is to know from the
    /// start.
    ///
    /// # Errors
    ///
    /// As [`Engine::check`]; else when it does not start: the error has the end of its log.
    pub fn start(homes: &Path, fill: impl FnOnce(&Path) -> Result<()>) -> Result<Self> {
        Self::check()?;
        let (home, lock, swept) = Home::make(homes)?;
        let data = home.folder.join("data");
        fs::create_dir(&data).context("making a folder for the engine's data")?;
        fill(&data)?;
        Self::over(home, lock, &data, swept)
    }

    /// Starts one whose data are there and stay.
    ///
    /// # Errors
    ///
    /// As [`Engine::start`].
    pub fn start_over(homes: &Path, data: &Path) -> Result<Self> {
        Self::check()?;
        let (home, lock, swept) = Home::make(homes)?;
        Self::over(home, lock, data, swept)
    }

    fn over(home: Home, lock: File, data: &Path, swept: Vec<String>) -> Result<Self> {
        let log = File::create(home.folder.join("keeper.log"))?;
        let keeper = Command::new("sh")
            .args(["-c", KEEP, "keeper"])
            .args([home.folder.as_os_str(), OsStr::new(&home.group), data.as_os_str()])
            .arg(INSIDE)
            .env("PATH", needs::path())
            // They would be for another engine.
            .env_remove("DOCKER_HOST")
            .env_remove("DOCKER_CONTEXT")
            .current_dir("/")
            // What ends the lab's process group does not end who tidies up after it.
            .process_group(0)
            .stdin(Stdio::piped())
            // It is locked as long as anything of the engine has it.
            .stdout(lock)
            .stderr(log)
            .spawn()
            .context("starting an engine's keeper")?;
        let mut engine = Self { home, keeper, pid: 0, swept };
        engine.wait_until_ready()?;
        Ok(engine)
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.keeper.try_wait()? {
                bail!("the engine has ended with {status}\n{}", self.log());
            }
            if self.pid == 0 {
                let said = fs::read_to_string(self.home.folder.join("pid")).unwrap_or_default();
                self.pid = said.trim().parse().unwrap_or_default();
            } else if self.answers() {
                return Ok(());
            }
            if Instant::now() > until {
                bail!("the engine is not ready after {PATIENCE:?}\n{}", self.log());
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Asks whether it is ready.
    fn answers(&self) -> bool {
        let ask = || {
            let mut stream = UnixStream::connect(self.socket())?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.write_all(b"GET /_ping HTTP/1.0\r\n\r\n")?;
            let mut answer = [0; 12];
            stream.read_exact(&mut answer)?;
            std::io::Result::Ok(answer.ends_with(b" 200"))
        };
        ask().unwrap_or(false)
    }

    /// The end of what it and its keeper said.
    fn log(&self) -> String {
        let mut told = String::new();
        for name in ["keeper.log", "engine.log"] {
            let text = fs::read_to_string(self.home.folder.join(name)).unwrap_or_default();
            let from = text.ceil_char_boundary(text.len().saturating_sub(TOLD_BYTES));
            told.push_str(&text[from..]);
        }
        told
    }

    /// The way to its socket through its own root: as long as it lives, and short.
    fn socket(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{SOCKET}", self.pid))
    }

    /// Returns its address as `DOCKER_HOST`, from outside.
    #[must_use]
    pub fn host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// Returns the number of its first process; its namespaces are the engine's machine.
    #[must_use]
    pub const fn pid(&self) -> u32 {
        self.pid
    }

    /// Returns what earlier engines had left and was removed for this one, in words.
    #[must_use]
    pub fn swept(&self) -> &[String] {
        &self.swept
    }

    /// Prepares a program on the engine's machine: there the engine is where everybody looks for
    /// it, and its containers' processes have the numbers that they have for it.
    #[must_use]
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--target={}", self.pid)).args(["--net", "--mount", "--pid", "--"]);
        command.arg(program).env("DOCKER_HOST", format!("unix://{SOCKET}"));
        command
    }

    /// Runs a command of the `docker` program to its end and returns what it prints.
    ///
    /// # Errors
    ///
    /// When it fails, with its words.
    pub fn docker(&self, args: &[&str]) -> Result<String> {
        let mut command = Command::new("docker");
        command.env("DOCKER_HOST", self.host()).env("PATH", needs::path());
        super::docker::run(command.args(args))
    }

    /// Ends it and waits until nothing is left of it.
    ///
    /// # Errors
    ///
    /// When it does not end, or something of it cannot be removed.
    pub fn stop(mut self) -> Result<()> {
        self.end().context("ending an engine").map(drop)
    }

    fn end(&mut self) -> Result<ExitStatus> {
        drop(self.keeper.stdin.take());
        let until = Instant::now() + PATIENCE;
        let status = loop {
            match self.keeper.try_wait()? {
                Some(status) => break status,
                None if Instant::now() > until => {
                    // Its namespaces go with it.
                    self.keeper.kill()?;
                    break self.keeper.wait()?;
                }
                None => thread::sleep(Duration::from_millis(5)),
            }
        };
        self.home.remove()?;
        Ok(status)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // Whatever is still there then, the next engine removes and tells.
        _ = self.end();
    }
}
