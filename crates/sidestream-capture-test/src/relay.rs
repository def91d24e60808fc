//! A relay just large enough to try a driver: every flow is dialled and copied both ways.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use sidestream_capture::{
    Association, Capture, Destination, Dial, FlowInfo, Incoming, Kind, Pending, Stream, Target,
    next_incoming,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::{JoinHandle, JoinSet};

/// Serves the flows of a driver; dropping it drops the driver and all flows.
#[derive(Debug)]
pub(crate) struct Relay {
    log: Arc<Mutex<Log>>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Log {
    flows: Vec<FlowInfo>,
    problems: Vec<String>,
}

impl Relay {
    pub(crate) fn start(capture: Box<dyn Capture>, dial: Arc<dyn Dial>) -> Self {
        let log = Arc::default();
        let task = tokio::spawn(serve(capture, dial, Arc::clone(&log)));
        Self { log, task }
    }

    /// The flows so far, in the order in which the driver gave them.
    pub(crate) fn flows(&self) -> Vec<FlowInfo> {
        lock(&self.log).flows.clone()
    }

    /// What went wrong, for the messages of failed checks.
    pub(crate) fn problems(&self) -> String {
        match &lock(&self.log).problems[..] {
            [] => String::new(),
            problems => format!(" (the relay says: {})", problems.join("; ")),
        }
    }

    /// Whether the driver gives no more flows.
    pub(crate) fn is_over(&self) -> bool {
        self.task.is_finished()
    }

    /// Ends the relay; the driver has been dropped when this returns.
    pub(crate) async fn stop(mut self) {
        self.task.abort();
        drop((&mut self.task).await);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock(log: &Mutex<Log>) -> std::sync::MutexGuard<'_, Log> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(mut capture: Box<dyn Capture>, dial: Arc<dyn Dial>, log: Arc<Mutex<Log>>) {
    let mut flows = JoinSet::new();
    loop {
        match next_incoming(&mut *capture).await {
            Ok(Some(incoming)) => {
                lock(&log).flows.push(incoming.info.clone());
                let (dial, log) = (Arc::clone(&dial), Arc::clone(&log));
                flows.spawn(async move {
                    let key = incoming.info.key;
                    if let Err(error) = carry(incoming, &*dial).await {
                        lock(&log).problems.push(format!("{key}: {error}"));
                    }
                });
            }
            Ok(None) => return lock(&log).problems.push("the capture is over".to_owned()),
            Err(error) => return lock(&log).problems.push(format!("the capture broke: {error}")),
        }
        while flows.try_join_next().is_some() {}
    }
}

async fn carry(Incoming { info, kind }: Incoming, dial: &dyn Dial) -> io::Result<()> {
    if info.destination != Destination::Original {
        return Err(io::Error::other("the suite is for drivers that know the destination"));
    }
    let target = Target::Addr(info.key.server);
    match kind {
        Kind::Tcp(pending) => carry_tcp(pending, &info, &target, dial).await,
        Kind::Udp(client) => match dial.associate(&info, &target).await {
            Ok(server) => copy_datagrams(client, server.association).await,
            Err(failure) => Err(io::Error::other(failure.to_string())),
        },
    }
}

async fn carry_tcp(
    pending: Box<dyn Pending>,
    info: &FlowInfo,
    target: &Target,
    dial: &dyn Dial,
) -> io::Result<()> {
    match dial.dial(info, target).await {
        Ok(server) => copy(pending.accept().await?, server.stream).await,
        Err(failure) => {
            pending.refuse(&failure);
            Err(io::Error::other(failure.to_string()))
        }
    }
}

/// Copies both ways until both sides have ended; the end of one side is passed on as a
/// half-close, and a broken one as a reset.
pub(crate) async fn copy(
    mut client: Box<dyn Stream>,
    mut server: Box<dyn Stream>,
) -> io::Result<()> {
    let (mut up, mut down) = (OneWay::new(), OneWay::new());
    let copied = std::future::poll_fn(|cx| {
        let up = up.poll(cx, &mut *client, &mut *server)?;
        let down = down.poll(cx, &mut *server, &mut *client)?;
        if up.is_ready() && down.is_ready() { Poll::Ready(Ok(())) } else { Poll::Pending }
    });
    match copied.await {
        Ok(()) => Ok(()),
        Err(error) => {
            client.reset();
            server.reset();
            // A peer may end its connection as it likes.
            if is_peers(&error) { Ok(()) } else { Err(error) }
        }
    }
}

fn is_peers(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
}

struct OneWay {
    buf: Box<[u8]>,
    from: usize,
    to: usize,
    state: State,
}

enum State {
    Copying,
    Ending,
    Ended,
}

impl OneWay {
    fn new() -> Self {
        let buf = vec![0; 64 * 1024].into_boxed_slice();
        Self { buf, from: 0, to: 0, state: State::Copying }
    }

    fn poll<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut R,
        writer: &mut W,
    ) -> Poll<io::Result<()>>
    where
        R: AsyncRead + Unpin + ?Sized,
        W: AsyncWrite + Unpin + ?Sized,
    {
        loop {
            match self.state {
                State::Copying if self.from < self.to => {
                    let rest = &self.buf[self.from..self.to];
                    let written = ready!(Pin::new(&mut *writer).poll_write(cx, rest))?;
                    if written == 0 {
                        return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                    }
                    self.from += written;
                }
                State::Copying => {
                    let mut buf = ReadBuf::new(&mut self.buf);
                    ready!(Pin::new(&mut *reader).poll_read(cx, &mut buf))?;
                    (self.from, self.to) = (0, buf.filled().len());
                    if self.to == 0 {
                        self.state = State::Ending;
                    }
                }
                State::Ending => {
                    ready!(Pin::new(&mut *writer).poll_shutdown(cx))?;
                    self.state = State::Ended;
                }
                State::Ended => return Poll::Ready(Ok(())),
            }
        }
    }
}

/// Copies datagrams both ways until the client's side is over.
async fn copy_datagrams(
    mut client: Box<dyn Association>,
    mut server: Box<dyn Association>,
) -> io::Result<()> {
    let (mut up, mut down) = (None, None);
    std::future::poll_fn(|cx| {
        let up = poll_datagrams(cx, &mut *client, &mut *server, &mut up)?;
        let down = poll_datagrams(cx, &mut *server, &mut *client, &mut down)?;
        if up.is_ready() || down.is_ready() { Poll::Ready(Ok(())) } else { Poll::Pending }
    })
    .await
}

fn poll_datagrams(
    cx: &mut Context<'_>,
    from: &mut dyn Association,
    to: &mut dyn Association,
    held: &mut Option<Bytes>,
) -> Poll<io::Result<()>> {
    loop {
        if let Some(datagram) = held {
            // One that cannot be sent is lost, as datagrams may be.
            drop(ready!(to.poll_send(cx, datagram)));
            *held = None;
        }
        match ready!(from.poll_recv(cx)) {
            Ok(Some(datagram)) => *held = Some(datagram),
            Ok(None) => return Poll::Ready(Ok(())),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
            Err(error) => return Poll::Ready(Err(error)),
        }
    }
}
