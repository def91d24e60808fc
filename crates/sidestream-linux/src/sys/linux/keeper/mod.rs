//! The keeper: a process that stays inside of the namespaces, makes sockets there, runs the
//! command, and ends what is left of it.
//!
//! It is a fork of the caller that never becomes another program. Only the forking thread lives
//! on in it, so everything here works on memory that was made before ([`Plan`]) and makes system
//! calls. Nothing is allocated: the C library keeps its allocator usable after a fork, but no
//! other lock of the caller's threads would ever be released here.

mod command;
mod namespaces;

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use super::passing::{self, MAX_PASSED};
use super::plan::Plan;
use super::raw;
use super::sockets::transparent;
use super::wire::{Report, Request, SOCKET_KINDS, Step};

/// How often what survived its grace is killed again, until nothing is left.
const KILL_EVERY_MS: i64 = 20;

/// Runs the keeper; it ends with the process.
pub(super) fn run(plan: Plan) -> ! {
    // A panic would unwind into the caller's code, in this copy of it.
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            raw::exit(70);
        }
    }
    let _bomb = Bomb;
    raw::set_name(c"sidestream-keep");
    raw::default_action(libc::SIGCHLD);
    close_descriptors(&[plan.control.as_raw_fd(), plan.service.as_raw_fd()], true);
    let control = plan.control.as_fd();
    let reported = match plan.filter {
        Some(_) => Ok(raw::send(control, &Report::Ready.encode())),
        None => namespaces::make(&plan)
            .and_then(|()| netlink_sockets().map_err(|error| (Step::Netlink, error, 0)))
            .map(|sockets| {
                let fds = sockets.each_ref().map(AsRawFd::as_raw_fd);
                passing::send(control, &Report::Ready.encode(), &fds)
            }),
    };
    match reported {
        Ok(Ok(())) => {}
        Ok(Err(_gone)) => raw::exit(1),
        Err((step, error, overlay)) => {
            let errno = error.raw_os_error().unwrap_or(libc::EIO);
            _ = raw::send(control, &Report::Failed(step, errno, overlay).encode());
            raw::exit(1);
        }
    }
    let Ok(children) = raw::child_signals() else { raw::exit(1) };
    if raw::become_subreaper().is_err() {
        raw::exit(1);
    }
    let state = State::Waiting;
    Keeper { plan, children, state, heard: true, end: None }.run()
}

fn netlink_sockets() -> io::Result<[OwnedFd; 3]> {
    let open = |protocol| raw::socket(libc::AF_NETLINK, libc::SOCK_RAW, protocol);
    Ok([open(libc::NETLINK_ROUTE)?, open(libc::NETLINK_NETFILTER)?, open(libc::NETLINK_SOCK_DIAG)?])
}

/// Closes descriptors that came from the caller.
///
/// First those that the command would not inherit either: above all, the ends of other sandboxes'
/// sockets, whose keepers would not see their caller end. Once the command runs, with its own
/// copies, the rest as well, so that nobody waits for the end of a pipe that the keeper holds.
pub(super) fn close_descriptors(keep: &[RawFd], private_only: bool) {
    let mut close = |fd: RawFd, dir: RawFd| {
        // SAFETY: the call takes no pointers.
        let flags = unsafe { libc::fcntl(fd, libc::F_GETFD) };
        let private = flags >= 0 && flags & libc::FD_CLOEXEC != 0;
        if fd != dir && !keep.contains(&fd) && (private || !private_only) {
            raw::close(fd);
        }
    };
    _ = raw::numbers_in(c"/proc/self/fd", &mut close);
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing runs yet.
    Waiting,
    /// The command runs, with that pid.
    Running(i32),
    /// The command has ended; others may be left.
    Ended,
}

struct Keeper {
    plan: Plan,
    children: OwnedFd,
    state: State,
    /// Whether the caller is still there.
    heard: bool,
    /// When all that is left is killed next, once it has been told to end.
    end: Option<i64>,
}

impl Keeper {
    fn run(mut self) -> ! {
        loop {
            self.collect();
            let entry = |fd: Option<BorrowedFd<'_>>| libc::pollfd {
                fd: fd.map_or(-1, |fd| fd.as_raw_fd()),
                events: libc::POLLIN,
                revents: 0,
            };
            let control = self.heard.then_some(self.plan.control.as_fd());
            let service = self.heard.then_some(self.plan.service.as_fd());
            let mut fds = [entry(control), entry(service), entry(Some(self.children.as_fd()))];
            let timeout = self.end.map_or(-1, |at| (at - raw::now_ms()).clamp(0, 60_000));
            _ = raw::poll(&mut fds, timeout as i32);
            if fds[2].revents != 0 {
                // What it says is asked of `wait`; it only has to be emptied.
                _ = raw::read(self.children.as_fd(), &mut [0; 512]);
            }
            if fds[1].revents & libc::POLLIN != 0 {
                self.serve();
            }
            if fds[0].revents != 0 {
                self.handle_request();
            }
            if self.end.is_some_and(|at| raw::now_ms() >= at) {
                self.signal_all(libc::SIGKILL);
                self.end = Some(raw::now_ms() + KILL_EVERY_MS);
            }
        }
    }

    fn report(&self, report: Report) {
        // A caller that has gone is noticed when it is listened to.
        _ = raw::send(self.plan.control.as_fd(), &report.encode());
    }

    /// Collects the children that have ended; ends with the last.
    fn collect(&mut self) {
        if self.state == State::Waiting {
            return;
        }
        loop {
            match raw::wait(-1, libc::WNOHANG) {
                Ok(Some((pid, status))) => {
                    if self.state == State::Running(pid) {
                        self.state = State::Ended;
                        self.report(Report::Exited(status));
                    }
                }
                Ok(None) => return,
                Err(error) if error.raw_os_error() == Some(libc::EINTR) => {}
                Err(_no_child) => {
                    self.report(Report::Gone);
                    raw::exit(0);
                }
            }
        }
    }

    fn handle_request(&mut self) {
        match Request::receive(self.plan.control.as_fd()) {
            Request::Start if self.state == State::Waiting => {
                let report = match command::start(&mut self.plan) {
                    Ok(pid) => {
                        self.state = State::Running(pid);
                        Report::Started(pid)
                    }
                    Err(error) => Report::NotStarted(error.raw_os_error().unwrap_or(libc::EIO)),
                };
                let [control, service] = [&self.plan.control, &self.plan.service];
                let keep = [control, service, &self.children].map(AsRawFd::as_raw_fd);
                close_descriptors(&keep, false);
                self.report(report);
            }
            Request::Start => {}
            Request::Signal(signal) => {
                // Until it is collected its pid cannot be another's.
                if let State::Running(pid) = self.state {
                    _ = raw::kill(pid, signal);
                }
            }
            Request::End => {
                self.heard = !self.caller_ended();
                self.begin_end();
            }
        }
    }

    fn caller_ended(&self) -> bool {
        let flags = libc::MSG_PEEK | libc::MSG_DONTWAIT;
        matches!(raw::receive(self.plan.control.as_fd(), &mut [0; 16], flags), Ok(0))
    }

    fn begin_end(&mut self) {
        if self.state == State::Waiting {
            raw::exit(0);
        }
        if self.end.is_none() {
            self.signal_all(libc::SIGTERM);
            // A stopped process would not see it.
            self.signal_all(libc::SIGCONT);
            self.end = Some(raw::now_ms().saturating_add(self.plan.grace_ms));
        }
    }

    fn signal_all(&mut self, signal: i32) {
        // SAFETY: the call takes no pointers.
        let me = unsafe { libc::getpid() };
        self.plan.processes.signal_below(me, signal);
    }

    /// Makes sockets: the request is a kind and a count, the answer an error number and sockets.
    fn serve(&self) {
        let service = self.plan.service.as_fd();
        let mut request = [0; 2];
        let Ok(2) = raw::receive(service, &mut request, 0) else { return };
        let Some(&kind) = SOCKET_KINDS.get(usize::from(request[0])) else { return };
        let mut made: [Option<OwnedFd>; MAX_PASSED] = [const { None }; _];
        let mut fds = [-1; MAX_PASSED];
        let (mut len, mut errno) = (0, 0);
        for (slot, fd) in made.iter_mut().zip(&mut fds).take(usize::from(request[1])) {
            match transparent(kind) {
                Ok(socket) => {
                    *fd = socket.as_raw_fd();
                    *slot = Some(socket);
                    len += 1;
                }
                Err(error) => {
                    errno = error.raw_os_error().unwrap_or(libc::EIO);
                    break;
                }
            }
        }
        let fds = fds.get(..len).unwrap_or_default();
        _ = passing::send(service, &errno.to_ne_bytes(), fds);
    }
}
