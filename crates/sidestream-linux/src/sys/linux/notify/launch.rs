//! Starting a command under a filter.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::{Arc, Mutex};

use sidestream_process::{Packages, Table};
use tokio::sync::mpsc;

use super::book::Book;
use super::call::Shared;
use super::files::Files;
use super::filter::{Extent, Filter, NATIVE};
use super::grip::{self, Grips};
use super::memory::Memory;
use super::relay::NewRelay;
use super::route::Routes;
use super::supervisor::Supervisor;
use crate::sys::imp::launch::{ended_early, fork, not_started};
use crate::sys::imp::plan::Plan;
use crate::sys::imp::running::Keeper;
use crate::sys::imp::wire::{Report, Request, Step};
use crate::sys::imp::{passing, raw, remedy};
use crate::{Feature, LaunchError, Notice, Options};

/// A command under a filter, which is being answered.
#[derive(Debug)]
pub(in crate::sys::imp) struct Prepared {
    pub(in crate::sys::imp) supervisor: Arc<Supervisor>,
    pub(super) listeners: Vec<TcpListener>,
    pub(super) book: Arc<Book>,
    pub(super) relays: mpsc::UnboundedReceiver<NewRelay>,
    pub(super) routes: Arc<Routes>,
    /// At whose end the keeper has ended.
    pub(super) service: OwnedFd,
}

const BACKLOG: libc::c_int = 4096;

/// Starts the command and the thread that answers for it.
pub(in crate::sys::imp) fn launch(
    options: &Options,
    notices: mpsc::UnboundedSender<Notice>,
) -> Result<(Keeper, Prepared, u32), LaunchError> {
    let takes = try_all().map_err(|(feature, source)| unavailable(feature, source))?;
    let files = Files::new(&options.overlays)?;
    let mut inside = options.clone();
    inside.overlays.clear();
    files.name_in(&mut inside.environment);
    let (control, their_control) = raw::socket_pair()?;
    let (service, their_service) = raw::socket_pair()?;
    let mut plan = Plan::new(&inside, their_control, their_service)?;
    let extent = Extent { sockets: !takes, files: !files.is_empty() };
    plan.filter = Some(Filter::new(extent, nonce()?));
    raw::become_subreaper()?;
    let pid = fork(plan)?;
    let mut keeper = Keeper::new(pid, control);
    keeper.enter_filter()?;
    match keeper.receive()?.0 {
        Some(Report::Ready) => {}
        _ => return Err(ended_early().into()),
    }
    let listeners = listen()?;
    Request::Start.send(keeper.control())?;
    let listener = match keeper.receive()? {
        (Some(Report::Listening), mut fds) => fds.pop().ok_or_else(ended_early)?,
        (Some(Report::Failed(Step::Filter, errno, _)), _) => {
            return Err(unavailable(Feature::Filter, io::Error::from_raw_os_error(errno)));
        }
        _ => return Err(ended_early().into()),
    };
    let pid = pid.cast_unsigned();
    let book = Arc::new(Book::default());
    let (relays, new_relays) = mpsc::unbounded_channel();
    let shared = Shared {
        listener,
        grips: if takes { Grips::default() } else { Grips::making() },
        book: Arc::clone(&book),
        files,
        routes: Routes::open(pid)?,
        table: Table::open()?.with_packages(Packages::default()),
        relays,
        notices: Mutex::new(Some(notices)),
        listeners: addresses(&listeners)?,
        told: Mutex::new(HashSet::new()),
    };
    let supervisor = Arc::new(Supervisor::start(shared, pid)?);
    let command = match keeper.receive()?.0 {
        Some(Report::Started(pid)) => pid.cast_unsigned(),
        Some(Report::NotStarted(errno)) => return Err(not_started(options, errno)),
        _ => return Err(ended_early().into()),
    };
    keeper.started = true;
    let routes = Arc::new(Routes::open(pid)?);
    let prepared = Prepared { supervisor, listeners, book, relays: new_relays, routes, service };
    Ok((keeper, prepared, command))
}

fn unavailable(feature: Feature, source: io::Error) -> LaunchError {
    LaunchError::Unavailable { feature, remedy: remedy::of(feature, &source), source }
}

/// Listens on loopback, where the command is led to.
fn listen() -> io::Result<Vec<TcpListener>> {
    let mut listeners = vec![TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?];
    // A machine without IPv6 has none.
    listeners.extend(TcpListener::bind((Ipv6Addr::LOCALHOST, 0)));
    for listener in &listeners {
        // The standard library's backlog is far below what may come at once.
        // SAFETY: the call takes no pointers.
        raw::check(unsafe { libc::listen(listener.as_raw_fd(), BACKLOG) })?;
    }
    Ok(listeners)
}

fn addresses(listeners: &[TcpListener]) -> io::Result<[Option<SocketAddr>; 2]> {
    let mut addresses = [None; 2];
    for listener in listeners {
        let addr = listener.local_addr()?;
        addresses[usize::from(matches!(addr.ip(), IpAddr::V6(_)))] = Some(addr);
    }
    Ok(addresses)
}

fn nonce() -> io::Result<u64> {
    let mut nonce = [0; 8];
    File::open("/dev/urandom")?.read_exact(&mut nonce)?;
    Ok(u64::from_ne_bytes(nonce))
}

/// Puts this process, which is about to become the command, under the filter, and passes the
/// listener on. Does not allocate.
pub(in crate::sys::imp) fn install(plan: &Plan) -> io::Result<()> {
    let Some(filter) = &plan.filter else { return Ok(()) };
    let control = plan.control.as_fd();
    let installed = filter.install();
    if let Err(error) = &installed {
        let errno = error.raw_os_error().unwrap_or(libc::EIO);
        _ = raw::send(control, &Report::Failed(Step::Filter, errno, 0).encode());
    }
    filter.send_past(control, &Report::Listening.encode(), installed?.as_fd())
}

/// Says which of the things that are needed can be had, in turn; the error is of the first that
/// cannot. What it returns is whether sockets may be taken from a process.
fn try_all() -> Result<bool, (Feature, io::Error)> {
    if NATIVE == 0 {
        return Err((Feature::Filter, io::ErrorKind::Unsupported.into()));
    }
    let failed = |error: io::Error| (Feature::Filter, error);
    let filter = nonce().map(|nonce| Filter::new(Extent::default(), nonce)).map_err(failed)?;
    let (ours, theirs) = raw::socket_pair().map_err(failed)?;
    let told = 0x5349_4445_u32;
    // SAFETY: the child makes system calls only.
    let pid = unsafe { raw::fork() }.map_err(failed)?;
    if pid == 0 {
        try_filter(&filter, &theirs);
    }
    drop(theirs);
    let tried = passing::receive(ours.as_fd(), &mut [0; 4]).and_then(|(len, fds)| {
        match (len, fds.is_empty()) {
            (1, false) => Ok(()),
            (4, _) => Err(io::ErrorKind::InvalidData.into()),
            _ => Err(io::Error::from_raw_os_error(libc::EACCES)),
        }
    });
    let pid_of = pid.cast_unsigned();
    let read = Memory(pid_of).read_u32((&raw const told) as u64).map(drop);
    let taken = grip::pidfd_open(pid_of, 0)
        .and_then(|process| grip::pidfd_getfd(process.as_fd(), 0))
        .map(drop);
    _ = raw::kill(pid, libc::SIGKILL);
    _ = raw::wait(pid, 0);
    tried.map_err(failed)?;
    read.map_err(|error| (Feature::Memory, error))?;
    // Descriptor 0 may be closed; that it may not be taken is what counts.
    Ok(!matches!(
        taken.map_err(|error| error.raw_os_error()),
        Err(Some(libc::EPERM | libc::ENOSYS))
    ))
}

/// What the child does that only tries: it waits until it is killed.
fn try_filter(filter: &Filter, to: &OwnedFd) -> ! {
    if let Ok(listener) = filter.install() {
        _ = filter.send_past(to.as_fd(), &[1], listener.as_fd());
    } else {
        raw::exit(1);
    }
    loop {
        // SAFETY: the call takes no pointers.
        unsafe { libc::pause() };
    }
}

/// Tries what is needed.
pub(in crate::sys::imp) fn check() -> Result<(), (Feature, io::Error)> {
    try_all().map(drop)
}
