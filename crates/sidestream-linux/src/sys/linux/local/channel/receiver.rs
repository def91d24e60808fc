//! The direction from the other side.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, ErrorKind, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, recvmsg};
use sidestream_ipc::{Decoder, MAX_DESCRIPTORS, Message};
use tokio::io::Interest;
use tokio::net::UnixStream;

use super::ChannelError;

/// A message with its descriptors; `None` when the other side has gone, and after an error.
///
/// The descriptors of a message are missing where this process had no room for them.
pub(crate) type Received = Result<Option<(Message, Vec<OwnedFd>)>, ChannelError>;

const BUF_BYTES: usize = 64 * 1024;

/// Receives messages in order, each with its descriptors.
#[derive(Debug)]
pub(crate) struct Receiver {
    stream: Arc<UnixStream>,
    decoder: Decoder,
    /// What came with frames that were not given back yet.
    fds: VecDeque<OwnedFd>,
    buf: Box<[u8]>,
    /// The kernel had descriptors of the next frame that takes any, and no number for all of them.
    lost: bool,
    /// Whether the other side has gone, or failed.
    over: bool,
}

impl Receiver {
    pub(super) fn new(stream: Arc<UnixStream>) -> Self {
        let buf = vec![0; BUF_BYTES].into_boxed_slice();
        Self {
            stream,
            decoder: Decoder::new(),
            fds: VecDeque::new(),
            buf,
            lost: false,
            over: false,
        }
    }

    /// Receives the next message; `None` when the other side has gone, and after an error.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if it is dropped before it is ready.
    pub(crate) async fn receive(&mut self) -> Received {
        poll_fn(|cx| self.poll_receive(cx)).await
    }

    /// Receives the next message; `None` when the other side has gone, and after an error.
    pub(crate) fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Received> {
        if self.over {
            return Poll::Ready(Ok(None));
        }
        let received = ready!(self.poll_next(cx));
        if !matches!(received, Ok(Some(_))) {
            self.over = true;
            self.fds.clear();
        }
        Poll::Ready(received)
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Received> {
        loop {
            while let Some(frame) = self.decoder.poll_frame()? {
                let fds = self.take(frame.descriptors)?;
                if let Some(message) = frame.message {
                    return Poll::Ready(Ok(Some((message, fds))));
                }
                tracing::debug!(fds = fds.len(), "a message of a newer version is skipped");
            }
            let pending = self.decoder.pending_bytes();
            // What is left came with the frame that is not whole.
            let count = self.fds.len();
            if count > if pending == 0 { 0 } else { MAX_DESCRIPTORS } {
                return Poll::Ready(Err(ChannelError::Unannounced { count }));
            }
            match ready!(self.poll_read(cx))? {
                0 if pending == 0 => return Poll::Ready(Ok(None)),
                0 => return Poll::Ready(Err(ChannelError::CutOff { pending })),
                len => self.decoder.feed(self.buf.get(..len).unwrap_or_default()),
            }
        }
    }

    /// Takes the descriptors of a frame.
    fn take(&mut self, announced: usize) -> Result<Vec<OwnedFd>, ChannelError> {
        let came = self.fds.len();
        if announced > came {
            // A read ends with the descriptors that it brings, so these are of this frame.
            if std::mem::take(&mut self.lost) {
                self.fds.clear();
                return Ok(Vec::new());
            }
            return Err(ChannelError::Missing { announced, came });
        }
        Ok(self.fds.drain(..announced).collect())
    }

    /// Receives bytes and descriptors; 0 bytes at the end.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<usize, ChannelError>> {
        loop {
            ready!(self.stream.poll_read_ready(cx))?;
            let read = || read(&self.stream, &mut self.buf, &mut self.fds);
            match self.stream.try_io(Interest::READABLE, read) {
                Ok((len, flags)) => {
                    if flags.contains(ReturnFlags::CTRUNC) {
                        // No frame has more than there was space for.
                        if self.fds.len() >= MAX_DESCRIPTORS {
                            return Poll::Ready(Err(ChannelError::TooMany));
                        }
                        self.lost = true;
                    }
                    return Poll::Ready(Ok(len));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                // It went before it had read all that we sent.
                Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                    return Poll::Ready(Ok(0));
                }
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
    }
}

fn read(
    stream: &UnixStream,
    buf: &mut [u8],
    fds: &mut VecDeque<OwnedFd>,
) -> io::Result<(usize, ReturnFlags)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
    let received = recvmsg(stream, &mut [IoSliceMut::new(buf)], &mut control, flags)?;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(came) = message {
            fds.extend(came);
        }
    }
    Ok((received.bytes, received.flags))
}
