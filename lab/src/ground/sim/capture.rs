//! The driver of the sim ground: it takes the connections of one host's programs.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use sidestream_capture::{
    BoxFuture, Capabilities, Capture, Destination, Dial, Dialed, DialedAssociation, Egress,
    FlowInfo, Incoming, Kind, Pending, Refusal, Stream, Target,
};
use sidestream_flow::{FlowKey, Process, Transport};
use sidestream_record::DialFailure;
use sidestream_spec::{Fact, Facts, ProcessFacts, Spec, Verdict};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};

use super::mail::{Mail, mail};
use super::net::Net;
use super::pipe::{End, pair};
use super::way::Way;
use crate::model::{Family, Program, Quality};

/// How long a server may take to answer, as the dialler of every driver has it.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a program's connections meet on a host that is captured.
#[derive(Clone)]
pub(super) struct Trap {
    incoming: mpsc::UnboundedSender<Incoming>,
    spec: Arc<Mutex<Spec>>,
    via: &'static str,
}

/// The other side of traps.
pub(super) struct Driver(mpsc::UnboundedReceiver<Incoming>);

/// Reaches servers from a host.
pub(super) struct Dialer {
    pub(super) net: Net,
    pub(super) host: usize,
    pub(super) family: Family,
}

/// A connection whose program waits.
struct Waiting {
    addrs: [SocketAddr; 2],
    answer: oneshot::Sender<io::Result<End>>,
}

/// Returns the executable of a program.
pub(super) fn path(program: Program) -> PathBuf {
    let name = match program {
        Program::Curl => "curl",
        Program::Python => "python3",
        Program::Node => "node",
        Program::Java => "java",
        Program::Dig => "dig",
        Program::Lab => "sidestream-lab",
    };
    PathBuf::from("/usr/bin").join(name)
}

impl Trap {
    /// Makes a trap and the driver behind it.
    pub(super) fn new(spec: Spec, via: &'static str) -> (Self, Driver) {
        let (incoming, driver) = mpsc::unbounded_channel();
        (Self { incoming, spec: Arc::new(Mutex::new(spec)), via }, Driver(driver))
    }

    /// Sets who is taken from now on.
    pub(super) fn set_spec(&self, spec: Spec) {
        *self.spec.lock().unwrap_or_else(PoisonError::into_inner) = spec;
    }

    /// Takes a connection, unless the spec leaves it alone; then `None`.
    pub(super) async fn connect(
        &self,
        program: Program,
        client: SocketAddr,
        server: SocketAddr,
    ) -> Option<io::Result<End>> {
        let info = self.info(program, Transport::Tcp, client, server)?;
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting { addrs: [client, server], answer };
        let incoming = Incoming { info, kind: Kind::Tcp(Box::new(waiting)) };
        // Where the proxy has ended meanwhile, and forgot the connection, it is as if reset.
        _ = self.incoming.send(incoming);
        Some(answered.await.unwrap_or_else(|_gone| Err(ErrorKind::ConnectionReset.into())))
    }

    /// Takes an association, unless the spec leaves it alone.
    pub(super) fn associate(
        &self,
        program: Program,
        client: SocketAddr,
        server: SocketAddr,
    ) -> Option<Mail> {
        let info = self.info(program, Transport::Udp, client, server)?;
        let (end, other) = mail(near());
        _ = self.incoming.send(Incoming { info, kind: Kind::Udp(Box::new(other)) });
        Some(end)
    }

    /// Returns what the proxy is told of a flow that is to be taken.
    fn info(
        &self,
        program: Program,
        transport: Transport,
        client: SocketAddr,
        server: SocketAddr,
    ) -> Option<FlowInfo> {
        let path = path(program);
        let process = ProcessFacts::ABSENT.with_path(&path);
        let (ancestors, host) = (Fact::Known(&[][..]), Fact::Unknown);
        let facts = Facts { process, ancestors, destination: server.into(), host };
        let spec = self.spec.lock().unwrap_or_else(PoisonError::into_inner);
        let residual = match spec.decide(&facts) {
            Verdict::Intercept => None,
            Verdict::Pass => return None,
            Verdict::Needs(_) => Some(Arc::new(spec.residual(&facts))),
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let process = Process { name, path: Some(path.clone()), ..Process::default() };
        Some(FlowInfo {
            key: FlowKey { transport, client, server },
            process: Some(Arc::new(process)),
            via: self.via,
            destination: Destination::Original,
            egress: Egress::default(),
            residual,
        })
    }
}

/// The ways within a host.
fn near() -> [Way; 2] {
    [0, 1].map(|number| Way::new(&Quality::PERFECT, number))
}

impl Capture for Driver {
    fn poll_incoming(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Incoming>>> {
        self.0.poll_recv(cx).map(Ok)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default().with_udp().with_ipv6().with_refusal(Refusal::Same)
    }

    fn close(&mut self) -> bool {
        self.0.close();
        true
    }
}

impl Pending for Waiting {
    fn accept(self: Box<Self>) -> BoxFuture<'static, io::Result<Box<dyn Stream>>> {
        let (end, other) = pair(near(), self.addrs, Instant::now());
        let answered = self.answer.send(Ok(end));
        let accepted = answered.map_err(|_gone| ErrorKind::ConnectionAborted.into());
        let accepted = accepted.map(|()| Box::new(other) as Box<dyn Stream>);
        Box::pin(std::future::ready(accepted))
    }

    fn refuse(self: Box<Self>, reason: &DialFailure) {
        let kind = match reason {
            DialFailure::Unreachable | DialFailure::Unknown { .. } => ErrorKind::HostUnreachable,
            DialFailure::TimedOut => ErrorKind::TimedOut,
            _ => ErrorKind::ConnectionRefused,
        };
        // A program that went away needs no answer.
        _ = self.answer.send(Err(kind.into()));
    }
}

impl Dialer {
    fn resolve(&self, target: &Target) -> Result<SocketAddr, DialFailure> {
        match target {
            Target::Addr(addr) => Ok(*addr),
            Target::Name(name, port) => {
                let unknown = || DialFailure::Unknown { host: name.clone() };
                let ip = self.net.resolve(name, self.family).ok_or_else(unknown)?;
                Ok(SocketAddr::new(ip, *port))
            }
        }
    }
}

impl Dial for Dialer {
    fn dial<'a>(
        &'a self,
        _: &'a FlowInfo,
        target: &'a Target,
    ) -> BoxFuture<'a, Result<Dialed, DialFailure>> {
        Box::pin(async move {
            let addr = self.resolve(target)?;
            match timeout(PATIENCE, self.net.connect(self.host, addr)).await {
                Err(_elapsed) => Err(DialFailure::TimedOut),
                Ok(Err(error)) => Err(error.into()),
                Ok(Ok(end)) => Ok(Dialed { stream: Box::new(end), addr, via: None }),
            }
        })
    }

    fn associate<'a>(
        &'a self,
        _: &'a FlowInfo,
        target: &'a Target,
    ) -> BoxFuture<'a, Result<DialedAssociation, DialFailure>> {
        Box::pin(async move {
            let addr = self.resolve(target)?;
            let mail = self.net.associate(self.host, addr).map_err(DialFailure::from)?;
            Ok(DialedAssociation { association: Box::new(mail), addr, via: None })
        })
    }
}
