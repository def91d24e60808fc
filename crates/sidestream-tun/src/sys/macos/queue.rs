//! The socket of a device, within a tokio runtime.

use std::io::{self, ErrorKind, IoSlice, IoSliceMut};
use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

use rustix::io::{readv, writev};
use sidestream_capture::Received;
use sidestream_packet::Offload;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::Losses;
use crate::losses::Count;
use crate::sys::{plain, utun};

/// A queue, which a runtime knows from the first poll on.
pub(crate) enum Queue {
    Open(Option<OwnedFd>),
    Running(AsyncFd<OwnedFd>),
}

impl From<OwnedFd> for Queue {
    fn from(socket: OwnedFd) -> Self {
        Self::Open(Some(socket))
    }
}

impl Queue {
    fn running(&mut self) -> io::Result<&mut AsyncFd<OwnedFd>> {
        if let Self::Open(socket) = self {
            // It is gone only if registering it has failed before.
            let socket = socket.take().ok_or(ErrorKind::NotConnected)?;
            let interest = Interest::READABLE | Interest::WRITABLE;
            // SAFETY: the descriptor is owned, so that it stays open and the same until it is dropped.
            let registered = unsafe { AsyncFd::register_with_interest(socket, interest) };
            *self = Self::Running(registered.map_err(io::Error::from)?);
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
            let mut readable = ready!(running.poll_read_ready(cx))?;
            match readable.try_io(|socket| receive(socket.get_ref(), buf)) {
                Ok(Ok(Arrival::Packet(len))) => {
                    let received = Received { len, offload: Offload::default() };
                    return Poll::Ready(Ok(Some(received)));
                }
                Ok(Ok(Arrival::Malformed)) => count(&losses.0.malformed),
                Ok(Ok(Arrival::Truncated)) => count(&losses.0.truncated),
                Ok(Ok(Arrival::End)) => return Poll::Ready(Ok(None)),
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
        plain::check_packet(packet, offload)?;
        let header = utun::header(packet).ok_or(ErrorKind::InvalidInput)?;
        let running = self.running()?;
        loop {
            let mut writable = ready!(running.poll_write_ready(cx))?;
            let slices = [IoSlice::new(&header), IoSlice::new(packet)];
            match writable.try_io(|socket| Ok(writev(socket.get_ref(), &slices)?)) {
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
    Packet(usize),
    Malformed,
    Truncated,
    End,
}

fn receive(socket: &OwnedFd, buf: &mut [u8]) -> io::Result<Arrival> {
    let (mut header, mut beyond, room) = ([0; utun::LEN], [0], buf.len());
    let mut slices =
        [IoSliceMut::new(&mut header), IoSliceMut::new(buf), IoSliceMut::new(&mut beyond)];
    let read = readv(socket, &mut slices)?;
    Ok(match read.checked_sub(utun::LEN) {
        None if read == 0 => Arrival::End,
        None => Arrival::Malformed,
        Some(len) if len > room => Arrival::Truncated,
        Some(len) if !utun::agrees(header, &buf[..len]) => Arrival::Malformed,
        Some(len) => Arrival::Packet(len),
    })
}

/// Tells what a refused packet means for the device.
fn sorted(error: io::Error, losses: &Losses) -> io::Result<()> {
    match error.raw_os_error() {
        // It is down, or there is no memory: a network loses packets for less.
        Some(libc::EIO | libc::ENETDOWN | libc::ENOBUFS | libc::ENOMEM) => {
            count(&losses.0.undelivered);
            Ok(())
        }
        Some(libc::EINVAL | libc::EMSGSIZE) => Err(io::Error::new(ErrorKind::InvalidInput, error)),
        _ if is_gone(&error) => Err(io::Error::new(ErrorKind::NotConnected, error)),
        _ => Err(error),
    }
}

/// Whether the socket is no longer one of a device.
fn is_gone(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOTCONN | libc::ENXIO | libc::ECONNRESET))
}

fn count(count: &Count) {
    count.0.fetch_add(1, Ordering::Relaxed);
}
