//! Datagrams that a SOCKS5 proxy relays.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use sidestream_capture::{Association, Stream, Target};
use tokio::io::ReadBuf;
use tracing::trace;

use crate::socks5::decode_datagram;

/// An association with one server, which lasts as long as the connection that asked for it.
pub(crate) struct Relayed {
    control: Box<dyn Stream>,
    relay: Box<dyn Association>,
    server: Target,
    header: Vec<u8>,
    /// A datagram with its header, which is made where the last one was.
    packet: Vec<u8>,
}

impl Relayed {
    pub(crate) fn new(
        control: Box<dyn Stream>,
        relay: Box<dyn Association>,
        server: Target,
        header: Vec<u8>,
    ) -> Self {
        Self { control, relay, server, header, packet: Vec::new() }
    }

    /// Polls for the end of the connection; what it says before that is nobody's.
    fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut buf = [0; 64];
        loop {
            let mut buf = ReadBuf::new(&mut buf);
            let read = ready!(Pin::new(&mut *self.control).poll_read(cx, &mut buf));
            if read.is_err() || buf.filled().is_empty() {
                return Poll::Ready(());
            }
        }
    }

    /// Takes the header off a datagram of the server's.
    fn unwrap(&self, datagram: &Bytes) -> Option<Bytes> {
        let (from, payload) = match decode_datagram(datagram) {
            Ok(decoded) => decoded,
            Err(error) => {
                trace!(%error, "a datagram of the proxy is dropped");
                return None;
            }
        };
        // Which address a name has, the proxy alone knows.
        let is_from = match &self.server {
            Target::Addr(_) => from == self.server,
            Target::Name(..) => true,
        };
        is_from.then(|| datagram.slice_ref(payload))
    }
}

impl Association for Relayed {
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        if self.poll_over(cx).is_ready() {
            return Poll::Ready(Ok(None));
        }
        loop {
            match ready!(self.relay.poll_recv(cx))? {
                None => return Poll::Ready(Ok(None)),
                Some(datagram) => {
                    if let Some(payload) = self.unwrap(&datagram) {
                        return Poll::Ready(Ok(Some(payload)));
                    }
                }
            }
        }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, datagram: &[u8]) -> Poll<io::Result<()>> {
        self.packet.clear();
        self.packet.extend_from_slice(&self.header);
        self.packet.extend_from_slice(datagram);
        self.relay.poll_send(cx, &self.packet)
    }
}
