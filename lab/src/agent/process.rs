//! The programs that an agent starts.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};

use super::wire::Hex;
use super::words::{Exec, ProcessEnd, ProcessId, Refusal, Said};
use crate::sys;

/// How much a process may say on each side; what comes after is thrown away.
pub const MAX_SAID: usize = 12 << 20;

/// How long it is waited for what others say on behalf of a process that has ended.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// The programs that were started, ended ones as well.
#[derive(Debug, Default)]
pub(super) struct Processes {
    all: Mutex<BTreeMap<u64, Arc<Process>>>,
}

#[derive(Debug)]
struct Process {
    pid: u32,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    said: Said,
    /// Whether the pipes have ended, and the process with them.
    is_over: bool,
}

impl Processes {
    /// Starts a program.
    pub(super) fn start(&self, exec: &Exec, folder: &Path) -> Result<ProcessId> {
        let (program, args) = exec.argv.split_first().context("no program")?;
        let program = if program == "@lab" { own_program()? } else { PathBuf::from(program) };
        let mut command = Command::new(&program);
        command.args(args).envs(&exec.env).current_dir(exec.cwd.as_deref().unwrap_or(folder));
        exec.without.iter().for_each(|name| _ = command.env_remove(name));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn().map_err(|error| cannot_start(&program, &error))?;
        let process = Arc::new(Process::of(&child));
        feed(&mut child, exec.stdin.0.clone());
        let hears =
            [process.hear(child.stdout.take(), out), process.hear(child.stderr.take(), err)];
        let watched = Arc::clone(&process);
        thread::spawn(move || watched.await_end(&mut child, hears));
        let mut all = lock(&self.all);
        let id = all.last_key_value().map_or(1, |(last, _)| last + 1);
        all.insert(id, process);
        Ok(ProcessId(id))
    }

    /// Waits for its end, or those words, or that time.
    pub(super) fn wait(
        &self,
        id: ProcessId,
        patience: Duration,
        or_said: Option<&str>,
    ) -> Result<Said> {
        let process = self.find(id)?;
        let waits = |state: &mut State| {
            !state.is_over && !or_said.is_some_and(|words| contains(&state.said.stderr.0, words))
        };
        let state = lock(&process.state);
        let waited = process.changed.wait_timeout_while(state, patience, waits);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        Ok(state.said.clone())
    }

    /// Sends a signal to it, or to those of it that run a program.
    pub(super) fn signal(&self, id: ProcessId, program: Option<&str>, number: i32) -> Result<()> {
        let process = self.find(id)?;
        // As long as this is held it is not reaped, so its pid is its own.
        let state = lock(&process.state);
        if state.said.ended.is_some() {
            return Err(anyhow!("the process has ended"));
        }
        let Some(program) = program else {
            return sys::signal(process.pid, number).context("sending a signal");
        };
        let mut tree = descendants(process.pid);
        tree.insert(process.pid);
        let runs = |pid: &&u32| program_of(**pid).is_some_and(|name| name.starts_with(program));
        let found: Vec<_> = tree.iter().filter(runs).collect();
        if found.is_empty() {
            return Err(anyhow!("nothing of the process runs {program}"));
        }
        found.into_iter().try_for_each(|pid| sys::signal(*pid, number).context("sending a signal"))
    }

    /// Counts the sockets that it and its descendants hold.
    pub(super) fn sockets(&self, id: ProcessId) -> Result<usize> {
        let process = self.find(id)?;
        let mut tree = descendants(process.pid);
        tree.insert(process.pid);
        let links = tree.iter().flat_map(|pid| {
            let fds = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
            fds.filter_map(|fd| std::fs::read_link(fd.path()).ok())
        });
        Ok(links.filter(|link| link.to_string_lossy().starts_with("socket:")).count())
    }

    fn find(&self, id: ProcessId) -> Result<Arc<Process>> {
        lock(&self.all).get(&id.0).cloned().context("no such process")
    }
}

impl Process {
    fn of(child: &Child) -> Self {
        Self { pid: child.id(), state: Mutex::default(), changed: Condvar::new() }
    }

    /// Keeps what comes out of a pipe.
    fn hear(
        self: &Arc<Self>,
        pipe: Option<impl Read + Send + 'static>,
        side: fn(&mut Said) -> &mut Hex,
    ) -> JoinHandle<()> {
        let process = Arc::clone(self);
        let mut pipe = pipe.expect("it is piped");
        thread::spawn(move || {
            let mut buf = vec![0; 64 << 10];
            // A pipe that breaks has ended.
            while let Some(len) = read_some(&mut pipe, &mut buf) {
                let mut state = lock(&process.state);
                let said = &mut side(&mut state.said).0;
                let room = MAX_SAID.saturating_sub(said.len());
                said.extend_from_slice(&buf[..len.min(room)]);
                process.changed.notify_all();
            }
        })
    }

    /// Waits for the end of the process, and then for its last words.
    fn await_end(&self, child: &mut Child, hears: [JoinHandle<()>; 2]) {
        // Where that cannot be told, waiting tells it.
        _ = sys::has_ended(self.pid);
        {
            let mut state = lock(&self.state);
            let status = child.wait();
            state.said.ended = Some(status.map_or(ProcessEnd::Code(-1), end_of));
        }
        let until = Instant::now() + LAST_WORDS;
        while hears.iter().any(|hears| !hears.is_finished()) && Instant::now() < until {
            thread::sleep(Duration::from_millis(1));
        }
        lock(&self.state).is_over = true;
        self.changed.notify_all();
    }
}

/// Reads what there is; nothing at the end.
fn read_some(pipe: &mut impl Read, buf: &mut [u8]) -> Option<usize> {
    loop {
        match pipe.read(buf) {
            Ok(0) => return None,
            Ok(len) => return Some(len),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
}

/// Writes what the process reads, while it may already be speaking.
fn feed(child: &mut Child, bytes: Vec<u8>) {
    let Some(mut stdin) = child.stdin.take() else { return };
    if !bytes.is_empty() {
        // It may end without having read all.
        thread::spawn(move || _ = stdin.write_all(&bytes));
    }
}

const fn out(said: &mut Said) -> &mut Hex {
    &mut said.stdout
}

const fn err(said: &mut Said) -> &mut Hex {
    &mut said.stderr
}

fn contains(bytes: &[u8], words: &str) -> bool {
    bytes.windows(words.len().max(1)).any(|window| window == words.as_bytes())
}

fn end_of(status: ExitStatus) -> ProcessEnd {
    match (status.code(), sys::signal_of(status)) {
        (Some(code), _) => ProcessEnd::Code(code),
        (None, signal) => ProcessEnd::Signal(signal.unwrap_or(-1)),
    }
}

fn cannot_start(program: &Path, error: &io::Error) -> Refusal {
    let program = program.display().to_string();
    let text = format!("cannot start {program}: {error}");
    if error.kind() == io::ErrorKind::NotFound {
        Refusal::missing(&program, text)
    } else {
        Refusal::new(text)
    }
}

/// The agent's own program, also where its file has been replaced meanwhile.
pub(super) fn own_program() -> Result<PathBuf> {
    let running = std::fs::read_link("/proc/self/exe");
    running.or_else(|_no_proc| std::env::current_exe()).context("finding its own program")
}

/// Names the program that a process runs, without its folder.
pub(super) fn program_of(pid: u32) -> Option<String> {
    let exe = std::fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    Some(exe.file_name()?.to_string_lossy().into_owned())
}

/// Finds all that descend from a process and still are there.
pub(super) fn descendants(pid: u32) -> BTreeSet<u32> {
    let (mut found, mut next) = (BTreeSet::new(), vec![pid]);
    while let Some(pid) = next.pop() {
        found.insert(pid);
        let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        for task in tasks {
            let children = std::fs::read_to_string(task.path().join("children"));
            let children = children.unwrap_or_default();
            next.extend(children.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
        }
    }
    found.remove(&pid);
    found
}

/// Ends all that this process has started, and what that has started.
pub(super) fn end_all() {
    let own = std::process::id();
    for _ in 0..100 {
        let left = descendants(own);
        if left.is_empty() {
            return;
        }
        // They may end by themselves meanwhile.
        left.iter().for_each(|pid| _ = sys::signal(*pid, 9));
        thread::sleep(Duration::from_millis(5));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
