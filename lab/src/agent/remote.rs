//! The other side of an agent: asks it from outside of its host.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::wire::{self, Hex, VERSION};
use super::words::{Exec, Given, Hello, ProcessId, Refusal, Reply, Request, Said, Serving, Want};
use crate::model::OriginSeen;

/// How long an agent may take for what is done at once; only a failing trial waits so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// The longest piece of a file in one frame.
const PIECE: usize = 1 << 20;

/// An agent, seen from outside; when it is dropped, the agent ends, and all that it started.
#[derive(Debug)]
pub struct Remote {
    hello: Hello,
    input: Mutex<Option<Box<dyn Pipe>>>,
    waiting: Arc<Mutex<Waiting>>,
    next: AtomicU64,
    child: Option<Child>,
}

/// Why an agent did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RemoteError {
    /// It could not be started.
    #[error("cannot start {program}")]
    Spawn {
        /// The program.
        program: String,
        /// Why.
        source: std::io::Error,
    },
    /// It ended, or never spoke.
    #[error("the agent is gone: {reason}")]
    Gone {
        /// What was heard last.
        reason: String,
    },
    /// It is of another version.
    #[error("the agent speaks version {version}, and not {VERSION}; build and copy it anew")]
    Version {
        /// Its version.
        version: u32,
    },
    /// It took too long.
    #[error("the agent has not answered within {0:?}")]
    TimedOut(Duration),
    /// It refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

type Result<T, E = RemoteError> = std::result::Result<T, E>;

trait Pipe: Write + Send {}
impl<T: Write + Send> Pipe for T {}

impl std::fmt::Debug for dyn Pipe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pipe")
    }
}

/// Who waits for which answer; nobody any more once the agent is gone, for that reason.
#[derive(Debug)]
struct Waiting(std::result::Result<HashMap<u64, Sender<Reply>>, String>);

impl Remote {
    /// Starts a command that becomes an agent.
    ///
    /// # Errors
    ///
    /// When it does not start, or does not speak.
    pub fn spawn(command: &mut Command) -> Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = spawned.map_err(|source| RemoteError::Spawn { program, source })?;
        let pipes = child.stdin.take().zip(child.stdout.take()).expect("both are piped");
        match Self::over(pipes.0, pipes.1) {
            Ok(mut remote) => {
                remote.child = Some(child);
                Ok(remote)
            }
            Err(error) => {
                end(&mut child);
                Err(error)
            }
        }
    }

    /// Speaks with an agent over its standard input and output.
    ///
    /// # Errors
    ///
    /// When it does not speak, or is of another version.
    pub fn over(
        input: impl Write + Send + 'static,
        mut output: impl Read + Send + 'static,
    ) -> Result<Self> {
        let waiting = Arc::new(Mutex::new(Waiting(Ok(HashMap::new()))));
        let (greets, greeted) = mpsc::channel();
        let answers = Arc::clone(&waiting);
        thread::spawn(move || {
            let hello = wire::read::<Hello>(&mut output);
            let goes_on = matches!(hello, Ok(Some(_)));
            if greets.send(hello).is_err() || !goes_on {
                return;
            }
            let reason = hear(&mut output, &answers);
            lock(&answers).0 = Err(reason);
        });
        let gone = |reason: String| RemoteError::Gone { reason };
        let hello = greeted.recv_timeout(PATIENCE);
        let hello = hello.map_err(|_waited| RemoteError::TimedOut(PATIENCE))?;
        let hello = hello.map_err(|error| gone(error.to_string()))?;
        let hello = hello.ok_or_else(|| gone("it said nothing".to_owned()))?;
        if hello.version != VERSION {
            return Err(RemoteError::Version { version: hello.version });
        }
        let input = Mutex::new(Some(Box::new(input) as Box<dyn Pipe>));
        Ok(Self { hello, input, waiting, next: AtomicU64::new(0), child: None })
    }

    /// Returns what it said first.
    #[must_use]
    pub const fn hello(&self) -> &Hello {
        &self.hello
    }

    /// Returns the pid of the process that was spawned.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Starts a program.
    ///
    /// # Errors
    ///
    /// When it cannot be started; [`Refusal::missing`] names it where there is none.
    pub fn start(&self, exec: &Exec) -> Result<ProcessId> {
        match self.call(Want::Start(exec.clone()), PATIENCE)? {
            Given::Started(process) => Ok(process),
            other => Err(unexpected(&other)),
        }
    }

    /// Waits for a process's end, or for words on its standard error, but not longer than that.
    ///
    /// # Errors
    ///
    /// When there is no such process.
    pub fn wait(
        &self,
        process: ProcessId,
        or_said: Option<&str>,
        patience: Duration,
    ) -> Result<Said> {
        let or_said = or_said.map(str::to_owned);
        match self.call(Want::Wait { process, patience, or_said }, patience + PATIENCE)? {
            Given::Said(said) => Ok(said),
            other => Err(unexpected(&other)),
        }
    }

    /// Runs a program to its end, or for so long at most.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn run(&self, exec: &Exec, patience: Duration) -> Result<Said> {
        let process = self.start(exec)?;
        self.wait(process, None, patience)
    }

    /// Sends a signal to a process, or to what it started that runs a program of that name.
    ///
    /// # Errors
    ///
    /// When there is no such process any more.
    pub fn signal(&self, process: ProcessId, program: Option<&str>, signal: i32) -> Result<()> {
        let program = program.map(str::to_owned);
        self.call(Want::Signal { process, program, signal }, PATIENCE).map(drop)
    }

    /// Counts the sockets of a process and its descendants.
    ///
    /// # Errors
    ///
    /// When there is no such process.
    pub fn sockets(&self, process: ProcessId) -> Result<usize> {
        match self.call(Want::Sockets { process }, PATIENCE)? {
            Given::Count(count) => Ok(count),
            other => Err(unexpected(&other)),
        }
    }

    /// Writes a file.
    ///
    /// # Errors
    ///
    /// When that is not possible there.
    pub fn put(&self, path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
        let mut offset = 0;
        loop {
            let rest = &bytes[offset..];
            let piece = Hex(rest[..rest.len().min(PIECE)].to_vec());
            let (path, sent) = (path.to_owned(), piece.0.len());
            self.call(Want::Put { path, offset: offset as u64, bytes: piece, mode }, PATIENCE)?;
            offset += sent;
            if offset == bytes.len() {
                return Ok(());
            }
        }
    }

    /// Reads a file; `None` where there is none.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn get(&self, path: &Path) -> Result<Option<Vec<u8>>> {
        let mut whole = Vec::new();
        loop {
            let want = Want::Get { path: path.to_owned(), offset: whole.len() as u64 };
            match self.call(want, PATIENCE)? {
                Given::Piece(Some((piece, len))) => {
                    let ended = piece.0.is_empty();
                    whole.extend(piece.0);
                    if ended || whole.len() as u64 >= len {
                        return Ok(Some(whole));
                    }
                }
                Given::Piece(None) => return Ok(None),
                other => return Err(unexpected(&other)),
            }
        }
    }

    /// Serves a port; it is ready when this returns.
    ///
    /// # Errors
    ///
    /// When the port is taken, or a program is missing.
    pub fn serve(&self, serving: Serving) -> Result<()> {
        self.call(Want::Serve(Box::new(serving)), PATIENCE).map(drop)
    }

    /// Returns what origins saw, by port and arrival.
    ///
    /// # Errors
    ///
    /// When the agent is gone.
    pub fn seen(&self) -> Result<Vec<OriginSeen>> {
        match self.call(Want::Seen, PATIENCE)? {
            Given::Seen(seen) => Ok(seen),
            other => Err(unexpected(&other)),
        }
    }

    /// Lists what is on the system, and the files in these folders.
    ///
    /// # Errors
    ///
    /// When a list cannot be had.
    pub fn traces(&self, folders: &[&Path]) -> Result<String> {
        let folders = folders.iter().map(|folder| (*folder).to_owned()).collect();
        match self.call(Want::Traces { folders }, PATIENCE)? {
            Given::Traces(text) => Ok(text),
            other => Err(unexpected(&other)),
        }
    }

    /// Writes packets to a file from now on, or no more.
    ///
    /// # Errors
    ///
    /// When they cannot be seen, or the file not be written.
    pub fn tap(&self, path: Option<&Path>) -> Result<()> {
        let want = path.map_or(Want::Untap, |path| Want::Tap { path: path.to_owned() });
        self.call(want, PATIENCE).map(drop)
    }

    fn call(&self, ask: Want, patience: Duration) -> Result<Given> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (answers, answered) = mpsc::channel();
        match &mut lock(&self.waiting).0 {
            Ok(waiting) => _ = waiting.insert(id, answers),
            Err(reason) => return Err(RemoteError::Gone { reason: reason.clone() }),
        }
        let sent = match &mut *lock(&self.input) {
            Some(input) => wire::write(input, &Request { id, ask }),
            None => Err(std::io::ErrorKind::BrokenPipe.into()),
        };
        sent.map_err(|error| RemoteError::Gone { reason: error.to_string() })?;
        match answered.recv_timeout(patience) {
            Ok(reply) => Ok(reply.result?),
            Err(RecvTimeoutError::Timeout) => Err(RemoteError::TimedOut(patience)),
            Err(RecvTimeoutError::Disconnected) => {
                let reason = lock(&self.waiting).0.as_ref().err().cloned();
                Err(RemoteError::Gone { reason: reason.unwrap_or_default() })
            }
        }
    }
}

impl RemoteError {
    /// Names what the host lacks, if that is why.
    #[must_use]
    pub fn missing(&self) -> Option<&str> {
        match self {
            Self::Refused(refusal) => refusal.missing.as_deref(),
            _ => None,
        }
    }
}

/// Hands out answers until there are none, and tells why.
fn hear(output: &mut impl Read, waiting: &Mutex<Waiting>) -> String {
    loop {
        match wire::read::<Reply>(output) {
            Ok(Some(reply)) => {
                let waits = lock(waiting).0.as_mut().ok().and_then(|all| all.remove(&reply.id));
                // Nobody, where patience was lost.
                _ = waits.map(|waits| waits.send(reply));
            }
            Ok(None) => return "it has ended".to_owned(),
            Err(error) => return error.to_string(),
        }
    }
}

fn unexpected(given: &Given) -> RemoteError {
    RemoteError::Gone { reason: format!("it answers something else: {given:?}") }
}

/// What a panicking thread left is good enough to end by.
fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets a child end whose standard input has ended.
fn end(child: &mut Child) {
    let until = Instant::now() + Duration::from_secs(5);
    while matches!(child.try_wait(), Ok(None)) && Instant::now() < until {
        thread::sleep(Duration::from_millis(2));
    }
    // It has ended, or has to.
    _ = child.kill();
    _ = child.wait();
}

impl Drop for Remote {
    fn drop(&mut self) {
        *lock(&self.input) = None;
        if let Some(child) = &mut self.child {
            end(child);
        }
    }
}
