//! The direction to the other side.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, ErrorKind, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use sidestream_ipc::{MAX_DESCRIPTORS, Message, encode};
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::time::{Sleep, sleep};

use super::ChannelError;

/// Frames are joined until they have so many bytes.
const BATCH_BYTES: usize = 64 * 1024;

/// How long to wait when too many descriptors are on their way: nothing tells when they have come.
const PAUSE: Duration = Duration::from_millis(2);

/// Sends messages in order; those that cannot be sent yet are kept.
#[derive(Debug)]
pub(crate) struct Sender {
    stream: Arc<UnixStream>,
    queue: VecDeque<Batch>,
    queued_bytes: usize,
    pause: Option<Pin<Box<Sleep>>>,
}

/// Frames that one call may send: descriptors go with the first of them alone.
#[derive(Debug)]
struct Batch {
    bytes: Vec<u8>,
    /// How many of them were sent.
    sent: usize,
    /// Empty once a byte was sent.
    fds: Vec<OwnedFd>,
}

impl Sender {
    pub(super) fn new(stream: Arc<UnixStream>) -> Self {
        Self { stream, queue: VecDeque::new(), queued_bytes: 0, pause: None }
    }

    /// Keeps a message and its descriptors for [`poll_flush`](Self::poll_flush) to send.
    ///
    /// The room is not bounded: look at [`queued_bytes`](Self::queued_bytes).
    pub(crate) fn queue(
        &mut self,
        message: &Message,
        fds: Vec<OwnedFd>,
    ) -> Result<(), ChannelError> {
        let (takes, given) = (message.descriptors(), fds.len());
        if takes != given {
            return Err(ChannelError::Mismatch { takes, given });
        }
        let joins = |batch: &&mut Batch| fds.is_empty() && batch.bytes.len() < BATCH_BYTES;
        let added = match self.queue.back_mut().filter(joins) {
            Some(batch) => {
                let before = batch.bytes.len();
                encode(message, &mut batch.bytes)?;
                batch.bytes.len() - before
            }
            None => {
                let mut bytes = Vec::new();
                encode(message, &mut bytes)?;
                let added = bytes.len();
                self.queue.push_back(Batch { bytes, sent: 0, fds });
                added
            }
        };
        self.queued_bytes += added;
        Ok(())
    }

    /// Sends a message and everything that was queued before it.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready, it leaves the message queued.
    pub(crate) async fn send(
        &mut self,
        message: &Message,
        fds: &[BorrowedFd<'_>],
    ) -> Result<(), ChannelError> {
        let fds: io::Result<Vec<_>> = fds.iter().map(BorrowedFd::try_clone_to_owned).collect();
        self.queue(message, fds?)?;
        self.flush().await
    }

    /// Sends what is queued.
    ///
    /// # Cancel safety
    ///
    /// What was not sent stays queued.
    pub(crate) async fn flush(&mut self) -> Result<(), ChannelError> {
        poll_fn(|cx| self.poll_flush(cx)).await
    }

    /// Sends what is queued; ready when nothing is left. After an error nothing is.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ChannelError>> {
        let flushed = ready!(self.poll_flush_io(cx));
        Poll::Ready(flushed.map_err(|error| {
            self.queue.clear();
            self.queued_bytes = 0;
            match error.kind() {
                ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => ChannelError::Closed,
                _ => ChannelError::Io(error),
            }
        }))
    }

    /// Returns how many bytes wait to be sent.
    pub(crate) fn queued_bytes(&self) -> usize {
        self.queued_bytes
    }

    fn poll_flush_io(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(batch) = self.queue.front_mut() {
            if let Some(pause) = &mut self.pause {
                ready!(pause.as_mut().poll(cx));
                self.pause = None;
            }
            ready!(self.stream.poll_write_ready(cx))?;
            match self.stream.try_io(Interest::WRITABLE, || batch.send(&self.stream)) {
                Ok(sent) => {
                    self.queued_bytes -= sent;
                    if batch.sent == batch.bytes.len() {
                        self.queue.pop_front();
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) if error.raw_os_error() == Some(libc::ETOOMANYREFS) => {
                    self.pause = Some(Box::pin(sleep(PAUSE)));
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl Batch {
    /// Sends as much as the socket takes, and gives up the descriptors once they are sent.
    fn send(&mut self, stream: &UnixStream) -> io::Result<usize> {
        let rest = self.bytes.get(self.sent..).unwrap_or_default();
        let fds: Vec<_> = self.fds.iter().map(AsFd::as_fd).collect();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !fds.is_empty() {
            // There is room: a message takes no more than `MAX_DESCRIPTORS`.
            control.push(SendAncillaryMessage::ScmRights(&fds));
        }
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        let sent = sendmsg(stream, &[IoSlice::new(rest)], &mut control, flags)?;
        self.sent += sent;
        self.fds.clear();
        Ok(sent)
    }
}
