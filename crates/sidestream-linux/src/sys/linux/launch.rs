//! Launching a sandbox.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::{fs, io};

use tokio::sync::mpsc;

use super::capture::SandboxCapture as NamespaceCapture;
use super::driver::{Inner, SandboxCapture};
use super::link::Sockets;
use super::loopback::Loopback;
use super::netlink::Netlink;
use super::network::Host;
use super::plan::Plan;
use super::running::{Keeper, Running};
use super::sockets::{self, Listening};
use super::wire::{Report, Request, SocketKind, Step};
use super::{hints, keeper, nft, notify, passing, raw, remedy};
use crate::{Driver, Feature, LaunchError, Notice, Notices, Options};

/// Where our listeners are inside: off the address and the ports that programs use, as a program
/// that binds a port on all addresses collides with them.
pub(super) const LISTEN_V4: Ipv4Addr = Ipv4Addr::new(127, 83, 83, 1);
pub(super) const LISTEN_PORT: u16 = 1;

/// A command that runs in a sandbox, whose connections wait to be served.
///
/// Dropping it ends the command and all its descendants.
#[derive(Debug)]
pub struct Sandbox {
    keeper: Keeper,
    ground: Ground,
    command: u32,
    options: Options,
    notices: Channel,
}

type Channel = (mpsc::UnboundedSender<Notice>, mpsc::UnboundedReceiver<Notice>);

/// What the driver that was picked has made.
#[derive(Debug)]
enum Ground {
    Namespace(Box<Prepared>),
    Seccomp(Box<notify::Prepared>),
}

/// What takes part in serving a sandbox.
#[derive(Debug)]
#[non_exhaustive]
pub struct Parts {
    /// Yields the flows of the command and of its descendants.
    pub capture: SandboxCapture,
    /// The command.
    pub running: Running,
    /// What its user should be told.
    pub notices: Notices,
}

impl Sandbox {
    /// Makes what the driver needs, by default the namespaces, and starts the command in it.
    ///
    /// It needs no runtime and is best called before there is one: it forks, and the fork that
    /// stays (the keeper) has the calling thread only. It allocates nothing and takes no lock, so
    /// threads of the caller do it no harm. The caller becomes a *child subreaper*: should the
    /// keeper be killed, its orphans are the caller's, which ends them.
    ///
    /// The command keeps the caller's terminal, session, process group, working directory, open
    /// descriptors and signal dispositions; what the caller means to ignore itself, as SIGINT, it
    /// must ignore after this call.
    ///
    /// # Errors
    ///
    /// The command cannot be run, or the system cannot give it a sandbox: the error says what to
    /// do. Nothing is left behind then.
    pub fn launch(options: Options) -> Result<Self, LaunchError> {
        match options.driver {
            Driver::Namespace => Self::by_namespaces(options),
            Driver::Seccomp => Self::by_filter(options, None),
            Driver::Auto => match Self::by_namespaces(options.clone()) {
                Err(LaunchError::Unavailable { feature, remedy, source }) => {
                    tracing::debug!(%source, %feature, "no namespaces");
                    let notice = Notice::Fallback { feature, remedy };
                    match Self::by_filter(options, Some(notice)) {
                        // The first is what can be mended.
                        Err(LaunchError::Unavailable { .. }) => {
                            Err(LaunchError::Unavailable { feature, remedy, source })
                        }
                        launched => launched,
                    }
                }
                launched => launched,
            },
        }
    }

    fn by_filter(options: Options, notice: Option<Notice>) -> Result<Self, LaunchError> {
        let notices = mpsc::unbounded_channel();
        let (keeper, prepared, command) = notify::launch(&options, notices.0.clone())?;
        for notice in notice.into_iter().chain(hints::under_filter(&options)) {
            // The receiver is here.
            _ = notices.0.send(notice);
        }
        let ground = Ground::Seccomp(Box::new(prepared));
        Ok(Self { keeper, ground, command, options, notices })
    }

    fn by_namespaces(options: Options) -> Result<Self, LaunchError> {
        let (mut keeper, mut prepared) = prepare(&options)?;
        prepared.configure()?;
        for kind in [SocketKind::Udp4, SocketKind::Udp6] {
            // A machine without IPv6 has none to give.
            if let Err(error) = prepared.sockets.prepare(kind) {
                tracing::debug!(%error, ?kind, "no sockets in store");
            }
        }
        Request::Start.send(keeper.control())?;
        let command = match keeper.receive()?.0 {
            Some(Report::Started(pid)) => {
                keeper.started = true;
                pid.cast_unsigned()
            }
            Some(Report::NotStarted(errno)) => return Err(not_started(&options, errno)),
            _ => return Err(ended_early().into()),
        };
        let notices = mpsc::unbounded_channel();
        for notice in hints::at_start(&options, prepared.rootless) {
            // The receiver is here.
            _ = notices.0.send(notice);
        }
        let ground = Ground::Namespace(Box::new(prepared));
        Ok(Self { keeper, ground, command, options, notices })
    }

    /// Returns which driver runs the command.
    pub fn driver(&self) -> Driver {
        match self.ground {
            Ground::Namespace(_) => Driver::Namespace,
            Ground::Seccomp(_) => Driver::Seccomp,
        }
    }

    /// Returns the pid of the command.
    pub fn pid(&self) -> u32 {
        self.command
    }

    /// Begins to serve, within the current tokio runtime.
    ///
    /// # Errors
    ///
    /// The runtime has no I/O driver, or there is no descriptor left.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn start(self) -> io::Result<Parts> {
        let Self { keeper, ground, command, options, notices } = self;
        let keeper = keeper.share();
        let mut running = Running::new(keeper.clone(), command, &options, notices.0.clone())?;
        let inner = match ground {
            Ground::Namespace(prepared) => Inner::Namespace(Box::new(NamespaceCapture::new(
                keeper, *prepared, command, &options, notices.0,
            )?)),
            Ground::Seccomp(prepared) => {
                running.supervise_by(Arc::clone(&prepared.supervisor));
                Inner::Seccomp(Box::new(notify::NotifyCapture::new(keeper, *prepared, &options)?))
            }
        };
        Ok(Parts { capture: SandboxCapture(inner), running, notices: Notices(notices.1) })
    }
}

pub(super) fn ended_early() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the keeper of the sandbox has ended")
}

pub(super) fn not_started(options: &Options, errno: i32) -> LaunchError {
    let program = options.command.first().cloned().unwrap_or_default();
    match errno {
        libc::ENOENT => LaunchError::NotFound(program),
        // What cannot be reached may be a folder of the search path and no program at all.
        libc::EACCES if hints::find(options, &program).is_none() => LaunchError::NotFound(program),
        _ => {
            let source = io::Error::from_raw_os_error(errno);
            LaunchError::NotExecutable { program, source }
        }
    }
}

/// Namespaces without a command.
#[derive(Debug)]
pub(super) struct Prepared {
    route: Netlink,
    pub(super) netfilter: Netlink,
    pub(super) diag: sidestream_process::Sockets,
    pub(super) sockets: Sockets,
    pub(super) listening: Option<Listening>,
    pub(super) loopback: Loopback,
    rootless: bool,
}

/// Makes the namespaces.
pub(super) fn prepare(options: &Options) -> Result<(Keeper, Prepared), LaunchError> {
    let (control, their_control) = raw::socket_pair()?;
    let (service, their_service) = raw::socket_pair()?;
    let plan = Plan::new(options, their_control, their_service)?;
    raw::become_subreaper()?;
    let pid = fork(plan)?;
    let mut keeper = Keeper::new(pid, control);
    let fds = match keeper.receive()? {
        (Some(Report::Ready), fds) => fds,
        (Some(Report::Failed(step, errno, overlay)), _) => {
            return Err(failed(options, step, errno, overlay));
        }
        _ => return Err(ended_early().into()),
    };
    let [route, netfilter, diag] =
        <[OwnedFd; 3]>::try_from(fds).map_err(|_other_count| ended_early())?;
    let rootless = keeper.enter();
    let prepared = Prepared {
        route: route.into(),
        netfilter: netfilter.into(),
        diag: diag.into(),
        sockets: Sockets::new(service),
        listening: None,
        loopback: Loopback::open()?,
        rootless: rootless?,
    };
    Ok((keeper, prepared))
}

pub(super) fn fork(mut plan: Plan) -> io::Result<i32> {
    // A signal handler of the caller must not run in the keeper.
    plan.mask = raw::block_signals();
    let mask = plan.mask;
    // SAFETY: the keeper makes system calls on memory that was made before, and never returns.
    let forked = unsafe { raw::fork() };
    if let Ok(0) = forked {
        keeper::run(plan);
    }
    raw::restore_signals(&mask);
    forked
}

fn failed(options: &Options, step: Step, errno: i32, overlay: i32) -> LaunchError {
    let source = io::Error::from_raw_os_error(errno);
    let feature = match step {
        Step::User => Feature::UserNamespace,
        Step::Network => Feature::NetworkNamespace,
        Step::Mount => Feature::MountNamespace,
        Step::Tmpfs => Feature::Tmpfs,
        Step::Netlink => Feature::Tproxy,
        Step::Filter => Feature::Filter,
        Step::Overlay => {
            let overlay = usize::try_from(overlay).ok().and_then(|at| options.overlays.get(at));
            let path = overlay.map(|overlay| overlay.path.clone()).unwrap_or_default();
            return LaunchError::Overlay { path, source };
        }
    };
    unavailable(feature, source)
}

fn unavailable(feature: Feature, source: io::Error) -> LaunchError {
    LaunchError::Unavailable { feature, remedy: remedy::of(feature, &source), source }
}

impl Prepared {
    /// Makes the network inside: addresses, routes, rules and our listeners.
    pub(super) fn configure(&mut self) -> Result<(), LaunchError> {
        let host = Host::read()?;
        host.make(&self.route).map_err(|error| unavailable(Feature::Routing, error))?;
        let v4 = SocketAddr::from((LISTEN_V4, LISTEN_PORT));
        let v6 = host.has_v6().then(|| SocketAddr::from((Ipv6Addr::LOCALHOST, LISTEN_PORT)));
        let listening = sockets::listen(&self.sockets, v4, v6);
        self.listening =
            Some(listening.map_err(|error| unavailable(Feature::TransparentSockets, error))?);
        let listeners = nft::Listeners { v4, v6 };
        nft::make(&self.netfilter, listeners, self.loopback.ports())
            .map_err(|error| unavailable(Feature::Tproxy, error))
    }
}

/// Reads which namespace a process is in.
pub(super) fn namespace(pid: i32, kind: &str) -> io::Result<PathBuf> {
    fs::read_link(format!("/proc/{pid}/ns/{kind}"))
}

impl Keeper {
    /// Waits for the keeper's next report, and takes the descriptors that come with it.
    pub(super) fn receive(&self) -> io::Result<(Option<Report>, Vec<OwnedFd>)> {
        let mut buf = [0; 16];
        let (len, fds) = passing::receive(self.control(), &mut buf)?;
        Ok((Report::decode(buf.get(..len).unwrap_or_default()), fds))
    }
}
