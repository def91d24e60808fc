//! The command, and its end.

use std::collections::HashMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{fs, io};

use sidestream_process::{Table, tree};
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc;

use super::launch::namespace;
use super::notify::Supervisor;
use super::raw;
use super::sockets::readable;
use super::wire::{Report, Request};
use crate::{Notice, Options, WaitError};

/// The keeper, seen from its parent. Dropping it tells the keeper to end all that runs.
#[derive(Debug)]
pub(super) struct Keeper {
    pub(super) pid: i32,
    control: OwnedFd,
    /// By what the tree is known even without the keeper.
    mark: Mark,
    /// Whether the command runs; until then it ends at once.
    pub(super) started: bool,
}

impl Keeper {
    pub(super) fn new(pid: i32, control: OwnedFd) -> Self {
        Self { pid, control, mark: Mark::Namespace(PathBuf::new()), started: false }
    }

    /// Notes which namespaces were made, and says whether a user namespace is among them.
    pub(super) fn enter(&mut self) -> io::Result<bool> {
        self.mark = Mark::Namespace(namespace(self.pid, "net")?);
        Ok(namespace(self.pid, "user")? != namespace(std::process::id().cast_signed(), "user")?)
    }

    /// Notes that the command is under one filter more than we are.
    pub(super) fn enter_filter(&mut self) -> io::Result<()> {
        let pid = std::process::id();
        let ours = filters(pid).ok_or(io::ErrorKind::NotFound)?;
        self.mark = Mark::Filters { root: pid, ours };
        Ok(())
    }

    pub(super) fn control(&self) -> BorrowedFd<'_> {
        self.control.as_fd()
    }

    pub(super) fn share(self) -> Arc<Self> {
        Arc::new(self)
    }

    /// Has all that runs ended.
    pub(super) fn end(&self) {
        // A keeper that has gone needs no telling.
        _ = Request::End.send(self.control());
    }

    /// Lists the processes of the tree and their descendants, the keeper excepted.
    fn left(&self) -> Vec<i32> {
        let inside = |pid: &u32| pid.cast_signed() != self.pid && self.mark.is_on(*pid);
        let root = match self.mark {
            Mark::Namespace(_) => 1,
            // Orphans of the keeper are ours.
            Mark::Filters { root, .. } => root,
        };
        let roots: Vec<u32> = tree(root).into_iter().filter(inside).collect();
        let mut all: Vec<u32> = roots.iter().flat_map(|&pid| tree(pid)).collect();
        all.extend(roots);
        all.sort_unstable();
        all.dedup();
        all.into_iter().map(u32::cast_signed).collect()
    }
}

/// By what a process of the tree is known.
#[derive(Debug)]
enum Mark {
    /// It is in that network namespace.
    Namespace(PathBuf),
    /// It is below that process and under more filters.
    Filters { root: u32, ours: u32 },
}

impl Mark {
    fn is_on(&self, pid: u32) -> bool {
        match self {
            Self::Namespace(inside) => {
                namespace(pid.cast_signed(), "net").is_ok_and(|found| found == *inside)
            }
            Self::Filters { ours, .. } => filters(pid).is_some_and(|found| found > *ours),
        }
    }
}

/// Returns how many filters a process is under; before Linux 5.9, whether it is under any.
fn filters(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let value = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().parse().ok()
    };
    value("Seccomp_filters:").or_else(|| value("Seccomp:"))
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.end();
        let pid = self.pid;
        match raw::wait(pid, if self.started { libc::WNOHANG } else { 0 }) {
            Ok(None) => {}
            Ok(Some(_)) | Err(_) => return,
        }
        // It may take its time over a process that does; somebody has to collect it then.
        let collect = move || drop(raw::wait(pid, 0));
        _ = std::thread::Builder::new().name("sidestream-reap".into()).spawn(collect);
    }
}

/// A command that runs in a sandbox.
#[derive(Debug)]
pub struct Running {
    keeper: Arc<Keeper>,
    control: AsyncFd<OwnedFd>,
    command: u32,
    wait: bool,
    grace: Duration,
    notices: mpsc::UnboundedSender<Notice>,
    status: Option<ExitStatus>,
    /// Until the end, so that what is told to end still can.
    supervisor: Option<Arc<Supervisor>>,
}

impl Running {
    pub(super) fn new(
        keeper: Arc<Keeper>,
        command: u32,
        options: &Options,
        notices: mpsc::UnboundedSender<Notice>,
    ) -> io::Result<Self> {
        let control = readable(keeper.control().try_clone_to_owned()?)?;
        let (wait, grace) = (options.wait, options.grace);
        let (status, supervisor) = (None, None);
        Ok(Self { keeper, control, command, wait, grace, notices, status, supervisor })
    }

    /// Has the supervisor answer as long as this one is there.
    pub(super) fn supervise_by(&mut self, supervisor: Arc<Supervisor>) {
        self.supervisor = Some(supervisor);
    }

    /// Returns the pid of the command.
    pub fn pid(&self) -> u32 {
        self.command
    }

    /// Sends a signal to the command.
    ///
    /// # Errors
    ///
    /// The keeper has ended. A command that has ended is no error.
    pub fn forward(&self, signal: i32) -> io::Result<()> {
        Request::Signal(signal).send(self.keeper.control())
    }

    /// Waits until the command and all its descendants have ended, and returns how the command
    /// did.
    ///
    /// Descendants that outlive the command are named in a notice, told to end (SIGTERM), and
    /// killed after the grace; or waited for, if the options say so.
    ///
    /// # Errors
    ///
    /// The keeper was killed; all that ran has been ended nevertheless.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if the future is dropped; call it again.
    pub async fn wait(&mut self) -> Result<ExitStatus, WaitError> {
        loop {
            match self.next_report().await? {
                Some(Report::Exited(status)) => {
                    self.status = Some(ExitStatus::from_raw(status));
                    self.handle_exit();
                }
                Some(Report::Gone) => {
                    // It has said its last word, so this is for a moment only.
                    _ = raw::wait(self.keeper.pid, 0);
                    return self.status.ok_or(WaitError::KeeperLost { status: None });
                }
                Some(_) => {}
                None => return self.end_orphans().await,
            }
        }
    }

    /// Waits for the keeper's next report; `None` if it has ended without another one.
    async fn next_report(&self) -> io::Result<Option<Report>> {
        let mut end_seen = false;
        loop {
            let mut ready = self.control.readable().await?;
            let mut buf = [0; 16];
            let received = ready.try_io(|control| {
                raw::receive(control.get_ref().as_fd(), &mut buf, libc::MSG_DONTWAIT)
            });
            match received {
                // What the kernel first calls the end may be a message that came between its two
                // looks, at the queue and at the state of the socket.
                Ok(Ok(0)) if !end_seen => end_seen = true,
                Ok(Ok(len)) => return Ok(Report::decode(buf.get(..len).unwrap_or_default())),
                // It ended with a request unread; what it had said before can still be read.
                Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionReset => {}
                Ok(Err(error)) => return Err(error),
                Err(_would_block) => {}
            }
        }
    }

    /// Names what outlived the command, and has it ended unless it is waited for.
    fn handle_exit(&self) {
        if self.wait {
            return;
        }
        let left = tree(self.keeper.pid.cast_unsigned());
        if let (false, Ok(table)) = (left.is_empty(), Table::open()) {
            let mut left: Vec<_> = left.into_iter().filter_map(|pid| table.process(pid)).collect();
            left.sort_by_key(|process| process.pid);
            if !left.is_empty() {
                // Nobody has to listen.
                _ = self.notices.send(Notice::Descendants(left));
            }
        }
        self.keeper.end();
    }

    /// Does what the keeper would have done: its orphans are our children.
    async fn end_orphans(&mut self) -> Result<ExitStatus, WaitError> {
        _ = raw::wait(self.keeper.pid, 0);
        let kill_at = Instant::now() + self.grace;
        let mut told: HashMap<i32, i32> = HashMap::from([(self.command.cast_signed(), 0)]);
        loop {
            // One that has ended is in no namespace any more, and still has to be collected.
            for pid in told.keys() {
                if let Ok(Some((pid, status))) = raw::wait(*pid, libc::WNOHANG)
                    && pid.cast_unsigned() == self.command
                {
                    self.status = Some(ExitStatus::from_raw(status));
                }
            }
            let left = self.keeper.left();
            let signal = if Instant::now() < kill_at { libc::SIGTERM } else { libc::SIGKILL };
            for pid in &left {
                if told.insert(*pid, signal) != Some(signal) {
                    // One that has just ended needs no signal.
                    _ = raw::kill(*pid, signal);
                    _ = raw::kill(*pid, libc::SIGCONT);
                }
            }
            if left.is_empty() {
                return Err(WaitError::KeeperLost { status: self.status });
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.keeper.end();
    }
}
