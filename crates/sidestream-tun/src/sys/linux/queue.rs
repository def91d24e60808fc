//! One descriptor of a device, within a tokio runtime.

use std::future::Future;
use std::io::{self, ErrorKind, IoSlice, IoSliceMut};
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

use rustix::io::{readv, writev};
use sidestream_capture::Received;
use sidestream_packet::Offload;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::header;
use crate::Losses;
use crate::losses::Count;

/// The longest packet that the kernel makes of segments: the longest payload that IPv6 has, and
/// its header.
pub(super) const LARGEST: usize = 65_535 + 40;

/// A queue, which a runtime knows from the first poll on.
pub(crate) enum Queue {
    Open(Option<OwnedFd>),
    Running(Running),
}

/// A queue that a runtime knows.
pub(crate) struct Running {
    /// Ready once the device has gone, and then `None`. The kernel shows an error and nothing to
    /// read, for which a waiting reader would not be woken.
    gone: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    fd: Arc<AsyncFd<OwnedFd>>,
}

impl Running {
    fn new(fd: OwnedFd) -> io::Result<Self> {
        let interest = Interest::READABLE | Interest::WRITABLE | Interest::ERROR;
        // SAFETY: the descriptor is owned, so that it stays open and the same until it is dropped.
        let registered = unsafe { AsyncFd::register_with_interest(fd, interest) };
        let fd = Arc::new(registered.map_err(io::Error::from)?);
        let watched = Arc::clone(&fd);
        let gone = Box::pin(async move {
            // It fails as the runtime ends, and so does all else.
            drop(watched.ready(Interest::ERROR).await);
        });
        Ok(Self { gone: Some(gone), fd })
    }

    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(gone) = &mut self.gone {
            ready!(gone.as_mut().poll(cx));
            self.gone = None;
        }
        Poll::Ready(())
    }
}

impl From<OwnedFd> for Queue {
    fn from(fd: OwnedFd) -> Self {
        Self::Open(Some(fd))
    }
}

impl Queue {
    fn running(&mut self) -> io::Result<&mut Running> {
        if let Self::Open(fd) = self {
            // It is gone only if registering it has failed before.
            let fd = fd.take().ok_or(ErrorKind::NotConnected)?;
            *self = Self::Running(Running::new(fd)?);
        }
        match self {
            Self::Running(running) => Ok(running),
            Self::Open(_) => Err(ErrorKind::NotConnected.into()),
        }
    }

    pub(crate) fn poll_recv(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
        losses: &Losses,
    ) -> Poll<io::Result<Option<Received>>> {
        let running = self.running()?;
        loop {
            let Poll::Ready(readable) = running.fd.poll_read_ready(cx) else {
                return running.poll_gone(cx).map(|()| Ok(None));
            };
            match readable?.try_io(|fd| receive(fd.get_ref(), buf)) {
                Ok(Ok(Arrival::Packet(received))) => return Poll::Ready(Ok(Some(received))),
                Ok(Ok(Arrival::Malformed(error))) => {
                    tracing::debug!(%error, "packet lost");
                    count(&losses.0.malformed);
                }
                Ok(Ok(Arrival::Truncated)) => count(&losses.0.truncated),
                Ok(Err(error)) if is_gone(&error) => return Poll::Ready(Ok(None)),
                Ok(Err(error)) => return Poll::Ready(Err(error)),
                // Another look at the readiness, which is over.
                Err(_would_block) => {}
            }
        }
    }

    pub(crate) fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        packet: &[u8],
        offload: Offload,
        losses: &Losses,
    ) -> Poll<io::Result<()>> {
        if packet.len() > LARGEST {
            return Poll::Ready(Err(io::Error::new(
                ErrorKind::InvalidInput,
                "longer than any packet",
            )));
        }
        let header = header::encode(packet, offload);
        let header = header.map_err(|error| io::Error::new(ErrorKind::InvalidInput, error))?;
        let running = self.running()?;
        loop {
            let mut writable = ready!(running.fd.poll_write_ready(cx))?;
            let slices = [IoSlice::new(&header), IoSlice::new(packet)];
            match writable.try_io(|fd| Ok(writev(fd.get_ref(), &slices)?)) {
                Ok(Ok(_len)) => return Poll::Ready(Ok(())),
                Ok(Err(error)) => return Poll::Ready(sorted(error, losses)),
                // Another look at the readiness, which is over.
                Err(_would_block) => {}
            }
        }
    }
}

/// What one read brought.
enum Arrival {
    Packet(Received),
    Malformed(header::HeaderError),
    Truncated,
}

fn receive(fd: &OwnedFd, buf: &mut [u8]) -> io::Result<Arrival> {
    let (mut header, mut beyond, room) = ([0; header::LEN], [0], buf.len());
    let mut slices =
        [IoSliceMut::new(&mut header), IoSliceMut::new(buf), IoSliceMut::new(&mut beyond)];
    let len = readv(fd, &mut slices)?.saturating_sub(header::LEN);
    if len > room {
        return Ok(Arrival::Truncated);
    }
    Ok(match header::parse(&header, len) {
        Ok(offload) => Arrival::Packet(Received { len, offload }),
        Err(error) => Arrival::Malformed(error),
    })
}

/// Tells what a refused packet means for the device.
fn sorted(error: io::Error, losses: &Losses) -> io::Result<()> {
    match error.raw_os_error() {
        // It is down, or there is no memory: a network loses packets for less.
        Some(libc::EIO | libc::ENOBUFS | libc::ENOMEM) => {
            count(&losses.0.undelivered);
            Ok(())
        }
        Some(libc::EINVAL | libc::EMSGSIZE | libc::E2BIG) => {
            Err(io::Error::new(ErrorKind::InvalidInput, error))
        }
        _ if is_gone(&error) => Err(io::Error::new(ErrorKind::NotConnected, error)),
        _ => Err(error),
    }
}

/// Whether the descriptor is no longer one of a device.
fn is_gone(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EBADFD)
}

fn count(count: &Count) {
    count.0.fetch_add(1, Ordering::Relaxed);
}
