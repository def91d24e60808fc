//! Following the processes into their network namespaces.

use std::collections::HashSet;
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use sidestream_flow::Transport;
use sidestream_ipc::{Message, OpenSocket};
use tokio::time::timeout_at;
use tracing::{debug, warn};

use super::super::engine::Engine;
use super::super::processes::Key;
use super::enter::inode_of;
use super::maker::News;
use super::table::forget;
use crate::sys::imp::raw;

/// How long a start, or a change of the spec, waits for other namespaces at most: what asked for
/// it waits for an answer twice as long.
const SETTLING: Duration = Duration::from_secs(5);

/// A change of the spec whose answer waits for other namespaces.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unsettled {
    serial: u64,
    reset_existing: bool,
    until: Instant,
}

impl Engine {
    /// Takes in that a process is in a namespace where nobody listens yet.
    pub(crate) fn handle_namespace(&mut self, pid: u32, inum: u32, cookie: Option<u64>) {
        if !self.nets.follows() || self.nets.knows(inum) {
            return;
        }
        let entered = self.processes.find_pid(pid).is_some_and(|key| self.may_choose(key))
            && self.enter(pid, inum, cookie);
        if !entered && let Some(cookie) = cookie {
            // Whoever comes there next may be another one.
            forget(cookie, &self.hooks);
        }
    }

    /// Enters the namespaces of all processes, as far as somebody in them may be chosen.
    pub(crate) fn follow_all(&mut self) {
        if !self.nets.follows() {
            return;
        }
        let own = inode_of(std::process::id());
        let mut seen: HashSet<u32> = own.into_iter().collect();
        for key in self.processes.living() {
            let pid = self.processes.get(key).map_or(0, |entry| entry.identity.pid);
            let Some(inum) = inode_of(pid) else { continue };
            if seen.contains(&inum) || self.nets.knows(inum) || !self.may_choose(key) {
                continue;
            }
            self.enter(pid, inum, None);
            seen.insert(inum);
        }
    }

    /// Answers a change of the spec as soon as the namespaces that are being entered can be
    /// diverted; meanwhile all goes on, the proxy's signs of life too.
    pub(crate) fn answer_later(&mut self, serial: u64, reset_existing: bool) {
        let until = Instant::now() + SETTLING;
        self.unsettled.push(Unsettled { serial, reset_existing, until });
    }

    /// Gives the answers that need not wait any more.
    pub(crate) fn answer_settled(&mut self) {
        let is_making = !self.unsettled.is_empty() && self.nets.is_making();
        let now = Instant::now();
        let waits = |change: &Unsettled| is_making && now < change.until;
        let (later, settled): (Vec<_>, Vec<_>) = self.unsettled.drain(..).partition(waits);
        self.unsettled = later;
        for Unsettled { serial, reset_existing, .. } in settled {
            if reset_existing {
                self.reset_existing();
            }
            self.out.push(&Message::SpecSet { serial, error: None });
        }
    }

    /// Waits, within reason, until the namespaces that are being entered can be diverted.
    pub(crate) async fn settle_nets(&mut self) {
        let until = Instant::now() + SETTLING;
        while self.nets.is_making() {
            match timeout_at(until.into(), self.nets.news()).await {
                Ok(news) => self.handle_news(news),
                Err(_elapsed) => return debug!("network namespaces are still being entered"),
            }
        }
    }

    /// Tells whether a process, or what it will run, may be chosen.
    fn may_choose(&mut self, key: Key) -> bool {
        let Some(entry) = self.processes.get(key).filter(|entry| !self.is_foreign(entry.uid))
        else {
            return false;
        };
        self.verdicts.may_choose(self.people.living(entry).as_deref())
    }

    /// Tells whether the namespace is being entered, or has been tried to.
    fn enter(&mut self, pid: u32, inum: u32, cookie: Option<u64>) -> bool {
        match self.nets.enter(pid, inum, cookie) {
            Ok(true) => true,
            Ok(false) => {
                if !std::mem::replace(&mut self.nets.is_full_told, true) {
                    warn!(
                        "connections in further network namespaces pass: there are more than {}",
                        self.nets.room
                    );
                }
                false
            }
            Err(error) => {
                debug!(pid, inum, %error, "a network namespace is not entered");
                false
            }
        }
    }

    /// Takes in what became of a namespace.
    pub(crate) fn handle_news(&mut self, news: News) {
        let (net, done) = match news {
            News::Made { net, made } => {
                let done = made.and_then(|made| self.nets.handle_made(net, made, &self.hooks));
                (net, done)
            }
            News::Changed { net, shape } => {
                (net, self.nets.handle_changed(net, &shape, &self.hooks))
            }
        };
        if let Err(error) = done {
            // It may be gone already, which is no news to anybody.
            let is_news = error.kind() != io::ErrorKind::NotFound;
            if is_news && !std::mem::replace(&mut self.nets.is_refusal_told, true) {
                warn!("connections in another network namespace pass: {error}");
            }
            debug!(net, %error, "nothing is captured in a network namespace");
            self.nets.leave(net, &[], &self.hooks);
        }
    }

    /// Lets go of the namespaces without processes.
    pub(crate) fn look_at_nets(&mut self) {
        let pids = self.processes.living().into_iter();
        let pids = pids.filter_map(|key| Some(self.processes.get(key)?.identity.pid));
        // What was accepted is the proxy's.
        let own = self.own.iter().copied().filter(|&pid| pid != std::process::id());
        self.nets.look(pids, &own.collect::<Vec<_>>(), &self.hooks);
    }

    /// Makes a socket in a namespace for the proxy, by which it reaches a server from there.
    pub(crate) fn open_socket(&mut self, request: OpenSocket) {
        let OpenSocket { serial, net, transport, ipv6 } = request;
        let family = if ipv6 { libc::AF_INET6 } else { libc::AF_INET };
        let kind = match transport {
            Transport::Tcp => libc::SOCK_STREAM,
            Transport::Udp => libc::SOCK_DGRAM,
        };
        let open = || raw::socket(family, kind | libc::SOCK_NONBLOCK, 0);
        let opened: io::Result<OwnedFd> = self.nets.within(Some(net), open);
        match opened {
            Ok(socket) => self.out.push_with(&Message::Opened { serial, error: None }, socket),
            Err(error) => {
                debug!(net, %error, "no socket for the proxy");
                let error = Some(error.raw_os_error().unwrap_or(libc::ENONET));
                self.out.push(&Message::Opened { serial, error });
            }
        }
    }
}
