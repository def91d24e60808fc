//! What every call is answered with: the state that all share.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use sidestream_process::Table;
use tokio::sync::mpsc;

use super::abi::{self, Answer, Notification};
use super::book::Book;
use super::files::Files;
use super::grip::Grips;
use super::relay::NewRelay;
use super::route::Routes;
use crate::Notice;

/// How often a call that waits looks whether its thread still does.
const GLANCE: Duration = Duration::from_millis(20);

/// All that answering needs.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) listener: OwnedFd,
    pub(super) grips: Grips,
    pub(super) book: Arc<Book>,
    pub(super) files: Files,
    pub(super) routes: Routes,
    pub(super) table: Table,
    pub(super) relays: mpsc::UnboundedSender<NewRelay>,
    /// Until the end; who hears waits for it.
    pub(super) notices: Mutex<Option<mpsc::UnboundedSender<Notice>>>,
    /// Our listeners, by family.
    pub(super) listeners: [Option<SocketAddr>; 2],
    pub(super) told: Mutex<HashSet<&'static str>>,
}

impl Shared {
    /// Returns our listener for connections to that server.
    pub(super) fn listener_for(&self, server: SocketAddr) -> Option<SocketAddr> {
        self.listeners[usize::from(server.is_ipv6())]
    }

    pub(super) fn is_ours(&self, addr: SocketAddr) -> bool {
        self.listeners.contains(&Some(addr))
    }

    /// Tells something, once.
    pub(super) fn tell(&self, what: &'static str, notice: Notice) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        if let (true, Some(notices)) = (told.insert(what), &*notices) {
            // Nobody has to listen.
            _ = notices.send(notice);
        }
    }

    /// Tells nothing from now on.
    pub(super) fn fall_silent(&self) {
        *self.notices.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }

    /// Whether the thread still waits for its answer.
    pub(super) fn is_waiting(&self, call: &Notification) -> bool {
        abi::is_waiting(self.fd(), call.id)
    }

    pub(super) fn respond(&self, call: &Notification, answer: Answer) {
        if let Err(error) = abi::respond(self.fd(), call.id, answer) {
            // The thread was killed, or a signal came first.
            tracing::trace!(%error, pid = call.pid, "nobody waits for the answer");
        }
    }
}

/// Answers a call that may wait from a thread of its own, so that the others do not wait for it.
pub(super) fn later(
    shared: &Arc<Shared>,
    call: Notification,
    work: impl FnOnce(&Arc<Shared>, &Notification) -> Answer + Send + 'static,
) -> Answer {
    let theirs = Arc::clone(shared);
    let run = move || {
        let answer = work(&theirs, &call);
        theirs.respond(&call, answer);
    };
    match thread::Builder::new().name("sidestream-call".into()).stack_size(256 << 10).spawn(run) {
        Ok(_) => Answer::Sent,
        Err(error) => Answer::Failed(error.raw_os_error().unwrap_or(libc::EAGAIN)),
    }
}

/// What the kernel takes for "ask again once the signal has been seen to".
const RESTART: i32 = 512;

/// Waits until a socket may be read or has an error; an answer means that it was in vain.
pub(super) fn wait_readable(
    shared: &Shared,
    call: &Notification,
    socket: BorrowedFd<'_>,
    timeout: Option<Duration>,
) -> Option<Answer> {
    let until = timeout.map(|timeout| std::time::Instant::now() + timeout);
    loop {
        let mut fds = [libc::pollfd {
            fd: std::os::fd::AsRawFd::as_raw_fd(&socket),
            events: libc::POLLIN,
            revents: 0,
        }];
        let ready = crate::sys::imp::raw::poll(&mut fds, GLANCE.as_millis() as i32);
        if matches!(ready, Ok(1..)) {
            return None;
        }
        if !shared.is_waiting(call) {
            return Some(Answer::Sent);
        }
        if until.is_some_and(|until| std::time::Instant::now() >= until) {
            return Some(Answer::Failed(libc::EAGAIN));
        }
        if has_signal(call.pid) {
            return Some(Answer::Failed(RESTART));
        }
    }
}

/// Whether a signal waits that the thread would be interrupted by.
fn has_signal(thread: u32) -> bool {
    let Ok(status) = std::fs::read_to_string(format!("/proc/{thread}/status")) else {
        return false;
    };
    let mask = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
    };
    (mask("SigPnd:") | mask("ShdPnd:")) & !mask("SigBlk:") != 0
}
