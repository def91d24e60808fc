//! The helper's process: started, its words heard, collected when it has ended.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStderr, Command};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::way::Way;
use crate::helper::NAME;
use crate::{Notice, StartError};

/// How long a helper that was told to end may take.
const GRACE: Duration = Duration::from_secs(1);

/// How long its last words are waited for; what it started may hold its standard error open.
const HEARING: Duration = Duration::from_millis(500);

/// How many of its lines are kept for an error, and how long one may be.
const MAX_LAST_WORDS: usize = 6;
const MAX_LINE: u64 = 4096;

/// A helper that was started and is not there yet.
#[derive(Debug)]
pub(super) struct Starting {
    child: Child,
    pid: u32,
    words: Arc<Mutex<VecDeque<String>>>,
    hearing: JoinHandle<()>,
}

impl Starting {
    /// Starts the helper so that it connects to that socket.
    pub(super) fn spawn(
        helper: &Path,
        way: Way,
        socket: &Path,
        uid: u32,
        notices: mpsc::UnboundedSender<Notice>,
    ) -> io::Result<Self> {
        let mut command = match way.program() {
            Some(program) => {
                let mut command = Command::new(program);
                command.arg(helper);
                command
            }
            // Keys pressed on the terminal are for this process, which ends the helper itself.
            // What asks for a password must stay in front.
            None => {
                let mut command = Command::new(helper);
                command.process_group(0);
                command
            }
        };
        command.arg("serve").arg("--socket").arg(socket);
        // One with capabilities knows by itself whose it is, and believes nobody else.
        if way != Way::Capabilities {
            command.arg("--uid").arg(uid.to_string());
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn()?;
        let pid = child.id().ok_or(io::ErrorKind::NotFound)?;
        let words = Arc::default();
        let stderr = child.stderr.take();
        let hearing = tokio::spawn(hear(stderr, Arc::clone(&words), notices));
        Ok(Self { child, pid, words, hearing })
    }

    /// Returns the pid of what was started.
    pub(super) const fn pid(&self) -> u32 {
        self.pid
    }

    /// Waits until it has ended.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if the future is dropped.
    pub(super) async fn ended(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Tells why it ended, in its own words if it had any.
    pub(super) async fn ended_early(&mut self) -> StartError {
        let status = timeout(GRACE, self.child.wait()).await;
        // All that it said is heard, or somebody else keeps the pipe open.
        _ = timeout(HEARING, &mut self.hearing).await;
        let mut words = lock(&self.words).iter().map(String::as_str).collect::<Vec<_>>().join("; ");
        if words.is_empty() {
            words = match status {
                Ok(Ok(status)) => status.to_string(),
                _ => "it gave no reason".into(),
            };
        }
        StartError::Ended { words }
    }

    /// Ends it.
    pub(super) async fn end(mut self) {
        collect(&mut self.child, Duration::ZERO).await;
    }

    /// Goes on without waiting for it; it is collected when it ends.
    pub(super) fn release(self) -> Running {
        let (until, over) = oneshot::channel::<()>();
        let mut child = self.child;
        let collected = tokio::spawn(async move {
            tokio::select! {
                ended = child.wait() => tracing::debug!(?ended, "the helper has ended"),
                _dropped = over => collect(&mut child, GRACE).await,
            }
        });
        Running { _until: until, collected }
    }
}

/// A helper that serves. Dropping it ends it, at the latest after a moment.
#[derive(Debug)]
pub(super) struct Running {
    _until: oneshot::Sender<()>,
    collected: JoinHandle<()>,
}

impl Running {
    /// Waits until it has ended, and ends it if it does not by itself.
    pub(super) async fn end(self) {
        let Self { _until: until, collected } = self;
        drop(until);
        // It fails only if the runtime ends, and then the helper ends as well.
        _ = collected.await;
    }
}

async fn collect(child: &mut Child, grace: Duration) {
    if timeout(grace, child.wait()).await.is_ok() {
        return;
    }
    // What `sudo` started is not ours to kill, and ends as its connection does.
    if let Err(error) = child.start_kill() {
        tracing::debug!(%error, "the helper is left to end by itself");
        return;
    }
    _ = child.wait().await;
}

/// Passes on what the helper says, line by line, and keeps the last lines.
async fn hear(
    stderr: Option<ChildStderr>,
    words: Arc<Mutex<VecDeque<String>>>,
    notices: mpsc::UnboundedSender<Notice>,
) {
    let Some(stderr) = stderr else { return };
    let mut lines = BufReader::new(stderr);
    loop {
        let mut line = Vec::new();
        let read = (&mut lines).take(MAX_LINE).read_until(b'\n', &mut line).await;
        if !matches!(read, Ok(1..)) {
            return;
        }
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        if line.is_empty() {
            continue;
        }
        let mut words = lock(&words);
        if words.len() == MAX_LAST_WORDS {
            words.pop_front();
        }
        // Who speaks is said beside it.
        let line =
            line.strip_prefix(NAME).and_then(|line| line.strip_prefix(": ")).unwrap_or(&line);
        words.push_back(line.to_owned());
        // Nobody may be listening.
        _ = notices.send(Notice::Helper(line.to_owned()));
    }
}

fn lock(words: &Mutex<VecDeque<String>>) -> MutexGuard<'_, VecDeque<String>> {
    words.lock().unwrap_or_else(PoisonError::into_inner)
}
