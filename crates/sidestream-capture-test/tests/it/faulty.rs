//! Drivers that are broken, each in one way.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use sidestream_capture::{
    Association, BoxFuture, Capabilities, Capture, Control, FlowInfo, Incoming, Kind, Pending,
    SetSpecError, Stream,
};
use sidestream_record::DialFailure;
use sidestream_spec::Spec;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What a driver does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    AcceptsRefused,
    BreaksWithAClient,
    CapturesTheProxy,
    ClosesBothWays,
    CutsDatagrams,
    HoardsBytes,
    IgnoresSpec,
    LiesAboutClient,
    LiesAboutFamily,
    LiesAboutParents,
    LiesAboutProcess,
    LiesAboutServer,
    LosesEmptyDatagrams,
    LosesHalfClose,
    LosesWhatSpecsMeet,
    MixesFlows,
    NamesNoProcess,
    NeverAcknowledges,
    NoIpv6,
    NoUdpOverIpv6,
    None,
    Outlives,
    Reorders,
    StallsOthers,
    SurvivesDeath,
    SwallowsResets,
}

/// A driver with a fault.
pub(crate) struct FaultyCapture {
    inner: Option<Box<dyn Capture>>,
    fault: Fault,
    flows: u64,
    /// Whether the spec has changed since the last flow.
    changed: Arc<AtomicBool>,
}

impl FaultyCapture {
    pub(crate) fn boxed(inner: Box<dyn Capture>, fault: Fault) -> Box<dyn Capture> {
        Box::new(Self { inner: Some(inner), fault, flows: 0, changed: Arc::default() })
    }

    fn inner(&self) -> &dyn Capture {
        self.inner.as_deref().unwrap()
    }

    fn wrap(&mut self, Incoming { mut info, kind }: Incoming) -> io::Result<Incoming> {
        let fault = self.fault;
        self.flows += 1;
        if fault == Fault::BreaksWithAClient && self.flows > 1 {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        tell(&mut info, fault);
        let kind = match kind {
            Kind::Tcp(pending) if fault == Fault::NoIpv6 && info.key.server.is_ipv6() => {
                pending.refuse(&DialFailure::Unreachable);
                Kind::Tcp(Box::new(Gone))
            }
            Kind::Tcp(inner) => {
                let first = if self.flows == 1 { Some(0x55) } else { None };
                Kind::Tcp(Box::new(FaultyPending { inner, fault, first }))
            }
            Kind::Udp(_) if fault == Fault::NoUdpOverIpv6 && info.key.server.is_ipv6() => {
                return Err(io::ErrorKind::Unsupported.into());
            }
            Kind::Udp(inner) => Kind::Udp(Box::new(FaultyAssociation { inner, fault })),
        };
        Ok(Incoming { info, kind })
    }
}

/// Says something else of the flow than what is true.
fn tell(info: &mut FlowInfo, fault: Fault) {
    match fault {
        Fault::LiesAboutClient => info.key.client.set_port(9),
        // The discard port: nobody is there.
        Fault::LiesAboutServer => info.key.server.set_port(9),
        Fault::LiesAboutFamily => {
            if let IpAddr::V4(ip) = info.key.server.ip() {
                info.key.server.set_ip(ip.to_ipv6_mapped().into());
            }
        }
        Fault::NamesNoProcess => info.process = None,
        Fault::LiesAboutParents => {
            let mut process = (**info.process.as_ref().unwrap()).clone();
            process.parent = None;
            info.process = Some(Arc::new(process));
        }
        Fault::LiesAboutProcess => {
            let mut process = (**info.process.as_ref().unwrap()).clone();
            process.pid += 1;
            info.process = Some(Arc::new(process));
        }
        _ => {}
    }
}

impl Capture for FaultyCapture {
    fn poll_incoming(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Incoming>>> {
        let mut incoming = ready!(self.inner.as_mut().unwrap().poll_incoming(cx))?;
        if self.changed.swap(false, Ordering::Relaxed) {
            incoming = ready!(self.inner.as_mut().unwrap().poll_incoming(cx))?;
        }
        Poll::Ready(incoming.map(|incoming| self.wrap(incoming)).transpose())
    }

    fn capabilities(&self) -> Capabilities {
        self.inner().capabilities()
    }

    fn control(&self) -> Option<Arc<dyn Control>> {
        match self.fault {
            Fault::IgnoresSpec => Some(Arc::new(Ignores)),
            Fault::NeverAcknowledges => Some(Arc::new(Silent)),
            Fault::LosesWhatSpecsMeet => {
                let inner = self.inner().control()?;
                Some(Arc::new(Forgets { inner, changed: Arc::clone(&self.changed) }))
            }
            _ => self.inner().control(),
        }
    }
}

impl Drop for FaultyCapture {
    fn drop(&mut self) {
        if self.fault == Fault::Outlives {
            std::mem::forget(self.inner.take());
        }
    }
}

struct Ignores;

impl Control for Ignores {
    fn set_spec(&self, _: Spec) -> BoxFuture<'static, Result<(), SetSpecError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Sets the spec, and forgets the flow that comes next.
struct Forgets {
    inner: Arc<dyn Control>,
    changed: Arc<AtomicBool>,
}

impl Control for Forgets {
    fn set_spec(&self, spec: Spec) -> BoxFuture<'static, Result<(), SetSpecError>> {
        self.changed.store(true, Ordering::Relaxed);
        self.inner.set_spec(spec)
    }
}

struct Silent;

impl Control for Silent {
    fn set_spec(&self, _: Spec) -> BoxFuture<'static, Result<(), SetSpecError>> {
        Box::pin(std::future::pending())
    }
}

/// A client that has had its answer.
struct Gone;

impl Pending for Gone {
    fn accept(self: Box<Self>) -> BoxFuture<'static, io::Result<Box<dyn Stream>>> {
        Box::pin(std::future::ready(Err(io::ErrorKind::ConnectionReset.into())))
    }

    fn refuse(self: Box<Self>, _: &DialFailure) {}
}

struct FaultyPending {
    inner: Box<dyn Pending>,
    fault: Fault,
    first: Option<u8>,
}

impl Pending for FaultyPending {
    fn accept(self: Box<Self>) -> BoxFuture<'static, io::Result<Box<dyn Stream>>> {
        Box::pin(async move {
            let (fault, first) = (self.fault, self.first);
            let inner = self.inner.accept().await?;
            Ok(Box::new(FaultyStream { inner, fault, first, hoard: Vec::new() }) as Box<dyn Stream>)
        })
    }

    fn refuse(self: Box<Self>, reason: &DialFailure) {
        if self.fault == Fault::AcceptsRefused {
            tokio::spawn(self.inner.accept());
        } else {
            self.inner.refuse(reason);
        }
    }
}

struct FaultyStream {
    inner: Box<dyn Stream>,
    fault: Fault,
    /// What the first byte that is read is mixed with; only the first flow has it.
    first: Option<u8>,
    /// Whatever was written and not read, however much.
    hoard: Vec<u8>,
}

impl AsyncRead for FaultyStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.fault == Fault::StallsOthers && self.first.is_none() {
            return Poll::Pending;
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut *self.inner).poll_read(cx, buf))?;
        let read = &mut buf.filled_mut()[before..];
        match self.fault {
            // From another flow, so to say.
            Fault::MixesFlows if !read.is_empty() => {
                if let Some(first) = self.first.take() {
                    read[0] ^= first;
                }
            }
            Fault::Reorders if read.len() > 1 => read.swap(0, 1),
            Fault::LosesHalfClose if read.is_empty() => return Poll::Pending,
            _ => {}
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for FaultyStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let hoards = self.fault == Fault::HoardsBytes;
        let written = if self.hoard.is_empty() {
            Pin::new(&mut *self.inner).poll_write(cx, buf)
        } else {
            Poll::Pending
        };
        if written.is_pending() && hoards {
            self.hoard.extend_from_slice(buf);
            return Poll::Ready(Ok(buf.len()));
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.fault == Fault::LosesHalfClose {
            return Poll::Ready(Ok(()));
        }
        ready!(Pin::new(&mut *self.inner).poll_shutdown(cx))?;
        if self.fault == Fault::ClosesBothWays {
            self.inner = Box::new(Closed);
        }
        Poll::Ready(Ok(()))
    }
}

impl Stream for FaultyStream {
    fn reset(self: Box<Self>) {
        if self.fault == Fault::SwallowsResets {
            drop(self.inner);
        } else {
            self.inner.reset();
        }
    }
}

/// A stream that was closed.
struct Closed;

impl AsyncRead for Closed {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Closed {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Stream for Closed {
    fn reset(self: Box<Self>) {}
}

struct FaultyAssociation {
    inner: Box<dyn Association>,
    fault: Fault,
}

impl Association for FaultyAssociation {
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        loop {
            let received = ready!(self.inner.poll_recv(cx))?;
            return Poll::Ready(Ok(match received {
                Some(empty) if empty.is_empty() && self.fault == Fault::LosesEmptyDatagrams => {
                    continue;
                }
                Some(mut datagram) if self.fault == Fault::CutsDatagrams => {
                    datagram.truncate(1_500);
                    Some(datagram)
                }
                received => received,
            }));
        }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, datagram: &[u8]) -> Poll<io::Result<()>> {
        self.inner.poll_send(cx, datagram)
    }
}
