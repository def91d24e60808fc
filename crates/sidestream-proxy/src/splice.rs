//! Flows that nobody looks at: their two connections are relayed as they are.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use sidestream_capture::Stream;
use sidestream_flow::Peer;
use sidestream_proto::{Input, SpliceEnd};
use sidestream_relay::{End, Ending, Relay, Which};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::side::Side;

/// The two connections of a flow, the client's first.
pub(crate) struct Splice {
    relay: Relay,
    server: u32,
}

impl Splice {
    pub(crate) fn new(client: Side, server: Side, number: u32) -> Self {
        let ((client, to_client), (server, to_server)) = (client.into_parts(), server.into_parts());
        let relay = Relay::new(Box::new(Relayed(client)), Box::new(Relayed(server)));
        Self { relay: relay.with_early(to_client, to_server), server: number }
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Input> {
        self.relay.poll_relayed(cx).map(|relayed| {
            self.over(match relayed.ending {
                Ending::Reset(Which::A) => SpliceEnd::Reset(Peer::Client),
                Ending::Reset(Which::B) => SpliceEnd::Reset(Peer::Server(self.server)),
                _ => SpliceEnd::Closed,
            })
        })
    }

    /// Ends it because the proxy is to stop. What one peer has ended is nearly over anyway.
    pub(crate) fn stop(self) -> Input {
        self.over(if self.relay.is_ending() { SpliceEnd::Closed } else { SpliceEnd::Stopped })
    }

    fn over(&self, end: SpliceEnd) -> Input {
        let (from_client, from_server) = (self.relay.from_a(), self.relay.from_b());
        Input::Spliced { from_client, from_server, end }
    }
}

/// A connection of a flow, as the relay knows them.
struct Relayed(Box<dyn Stream>);

impl End for Relayed {
    fn reset(self: Box<Self>) {
        self.0.reset();
    }

    fn socket(&self) -> Option<&TcpStream> {
        self.0.socket()
    }
}

impl AsyncRead for Relayed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Relayed {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_shutdown(cx)
    }
}
