//! The thread that answers the kernel.

use std::collections::HashSet;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use super::abi::{self, Answer, Notification};
use super::call::Shared;
use super::filter::NATIVE;
use super::{connect, files, foreign, grip, names, receive, route, send};
use crate::Notice;
use crate::sys::imp::raw;

/// How often sockets that were made for the command are looked for in it.
const SWEEP_MS: i32 = 500;

/// Answers as long as it lives; then the kernel refuses what is asked about.
#[derive(Debug)]
pub(in crate::sys::imp) struct Supervisor {
    /// Closed to end the thread.
    quit: Option<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

impl Supervisor {
    pub(super) fn start(shared: Shared, keeper: u32) -> io::Result<Self> {
        let (theirs, quit) = raw::pipe()?;
        abi::wake_in_step(shared.fd());
        let shared = Arc::new(shared);
        let run = move || {
            serve(&shared, &theirs, keeper);
            // A call that still waits holds on to all else.
            shared.fall_silent();
        };
        let thread = thread::Builder::new().name("sidestream-seccomp".into()).spawn(run)?;
        Ok(Self { quit: Some(quit), thread: Some(thread) })
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.quit = None;
        if let Some(thread) = self.thread.take() {
            // It has nothing to say.
            _ = thread.join();
        }
    }
}

fn serve(shared: &Arc<Shared>, quit: &OwnedFd, keeper: u32) {
    let entry = |fd: i32| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    let timeout = if shared.grips.is_making() { SWEEP_MS } else { -1 };
    let mut swept = raw::now_ms();
    loop {
        let mut fds = [entry(shared.fd().as_raw_fd()), entry(quit.as_fd().as_raw_fd())];
        _ = raw::poll(&mut fds, timeout);
        // The listener hangs up with the last process under the filter.
        if fds[1].revents != 0 || fds[0].revents & (libc::POLLHUP | libc::POLLERR) != 0 {
            return;
        }
        if fds[0].revents & libc::POLLIN != 0 {
            match abi::receive(shared.fd()) {
                Ok(call) => {
                    let answer = answer(shared, &call);
                    shared.respond(&call, answer);
                }
                // Its thread was killed before it was its turn.
                Err(error) if error.raw_os_error() == Some(libc::ENOENT) => {}
                Err(error) if error.raw_os_error() == Some(libc::EINTR) => {}
                Err(error) => {
                    tracing::warn!(%error, "the kernel's questions cannot be read");
                    return;
                }
            }
        }
        if timeout > 0 && raw::now_ms() - swept > i64::from(SWEEP_MS) {
            swept = raw::now_ms();
            sweep(shared, keeper);
        }
    }
}

fn answer(shared: &Arc<Shared>, call: &Notification) -> Answer {
    if call.data.arch != NATIVE {
        return foreign::handle(shared, call);
    }
    match libc::c_long::from(call.data.nr) {
        libc::SYS_openat | libc::SYS_openat2 => files::handle(shared, call),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_open => files::handle(shared, call),
        libc::SYS_connect => connect::handle(shared, call),
        libc::SYS_getpeername => names::handle(shared, call, true),
        libc::SYS_getsockname => names::handle(shared, call, false),
        libc::SYS_sendto => send::to(shared, call),
        libc::SYS_sendmsg => send::message(shared, call),
        libc::SYS_sendmmsg => send::messages(shared, call),
        libc::SYS_recvfrom => receive::from(shared, call),
        libc::SYS_recvmsg => receive::message(shared, call),
        libc::SYS_recvmmsg => receive::messages(shared, call),
        libc::SYS_socket => make(shared, call),
        libc::SYS_listen => listen(shared, call),
        libc::SYS_io_uring_setup => {
            shared.tell("io_uring", Notice::IoUring);
            Answer::Failed(libc::ENOSYS)
        }
        libc::SYS_seccomp => {
            // The kernel says that there is a listener already.
            shared.tell("listener", Notice::NoListener);
            Answer::Continue
        }
        _ => Answer::Continue,
    }
}

/// Makes a socket for a process, since none can be taken from it.
fn make(shared: &Shared, call: &Notification) -> Answer {
    let [domain, kind, protocol, ..] = call.data.args.map(|argument| argument as i32);
    let Ok(socket) = raw::socket(domain, kind, protocol) else { return Answer::Continue };
    let close_on_exec = kind & libc::SOCK_CLOEXEC != 0;
    match abi::respond_with(shared.fd(), call.id, socket.as_fd(), close_on_exec) {
        Ok(()) => {
            if let Err(error) = shared.grips.keep(socket) {
                tracing::debug!(%error, "a socket cannot be kept");
            }
            Answer::Sent
        }
        Err(error) => Err::<i64, _>(error).into(),
    }
}

/// Lets go of a socket that serves others: it is closed when its process closes it.
fn listen(shared: &Shared, call: &Notification) -> Answer {
    if let Ok(inode) = grip::inode(call.pid, call.data.args[0] as i32) {
        shared.grips.release(inode);
    }
    Answer::Continue
}

/// Closes the sockets that were made for processes and that none has any more.
fn sweep(shared: &Shared, keeper: u32) {
    let mut inodes: HashSet<u64> = shared.grips.kept().into_iter().collect();
    inodes.extend(shared.book.inodes());
    if inodes.is_empty() {
        return;
    }
    let held = route::held(&inodes, keeper);
    // What was made meanwhile was not looked for.
    let stays = |inode: u64| held.contains(&inode) || !inodes.contains(&inode);
    shared.grips.retain(&stays);
    shared.book.retain_inodes(&stays);
}
