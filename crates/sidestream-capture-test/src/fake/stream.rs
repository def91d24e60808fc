//! A stream of frames.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use sidestream_capture::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::flow::Flow;
use super::frame::Body;
use super::link::{End, Tasks};

/// How many bytes go into one frame, such that flows share the link evenly.
const CHUNK: usize = 16 * 1024;

/// One end of a TCP flow on the link.
#[derive(Debug)]
pub(super) struct FrameStream {
    id: u64,
    flow: Arc<Flow>,
    end: Arc<End>,
    local: SocketAddr,
    state: State,
    /// Keeps the link up, where this end lives by its sockets.
    link: Option<Arc<Tasks>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Not answered yet: dropping it resets.
    Waiting,
    Open,
    HalfClosed,
    /// Everything was said.
    Over,
}

impl FrameStream {
    pub(super) fn new(end: Arc<End>, id: u64, local: SocketAddr) -> Self {
        let flow = end.add_stream(id);
        Self { id, flow, end, local, state: State::Waiting, link: None }
    }

    pub(super) fn with_link(mut self, link: Arc<Tasks>) -> Self {
        self.link = Some(link);
        self
    }

    /// Waits for the driver's answer.
    pub(super) async fn answered(&mut self) -> io::Result<()> {
        let answer = std::future::poll_fn(|cx| self.flow.poll_answer(cx)).await;
        self.state = if answer.is_ok() { State::Open } else { State::Over };
        answer
    }

    /// Answers the client.
    pub(super) fn answer(&mut self, body: Body) -> io::Result<()> {
        if self.flow.is_reset() {
            self.state = State::Over;
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        self.state = if body == Body::Accept { State::Open } else { State::Over };
        self.end.send(self.id, body);
        Ok(())
    }
}

impl AsyncRead for FrameStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let room = ready!(self.flow.poll_read(cx, buf))?;
        if let Some(room) = u32::try_from(room).ok().filter(|room| *room > 0) {
            self.end.send(self.id, Body::Credit(room));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for FrameStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.state != State::Open {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let len = ready!(self.flow.poll_take_credit(cx, buf.len().min(CHUNK)))?;
        if len > 0 {
            self.end.send(self.id, Body::Data(Bytes::copy_from_slice(&buf[..len])));
        }
        Poll::Ready(Ok(len))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.state == State::Open {
            self.state = State::HalfClosed;
            self.end.send(self.id, Body::Eof);
        }
        Poll::Ready(Ok(()))
    }
}

impl Stream for FrameStream {
    fn reset(mut self: Box<Self>) {
        self.state = State::Waiting;
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        Some(self.local)
    }
}

impl Drop for FrameStream {
    fn drop(&mut self) {
        self.end.remove(self.id);
        if self.flow.is_reset() {
            return;
        }
        match self.state {
            State::Waiting => self.end.send(self.id, Body::Reset),
            // As TCP does: the other side learns that what it sent was not read.
            State::Open | State::HalfClosed if self.flow.has_unread() => {
                self.end.send(self.id, Body::Reset);
            }
            State::Open => self.end.send(self.id, Body::Eof),
            State::HalfClosed | State::Over => {}
        }
    }
}
