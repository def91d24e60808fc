//! Associations that last as long as the command.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use sidestream_capture::{Association, BoxFuture, Capabilities, Capture, Control, Incoming, Kind};
use tokio::sync::watch;
use tokio::time::sleep;

/// How long after the command's end its last datagrams are waited for. They are in the socket
/// already; what may still have to be made is the socket towards the server.
const TAIL: Duration = Duration::from_millis(50);

/// A capture whose UDP associations end with the command.
///
/// A connection says when it is over, an association does not: without this each would last
/// until it has been silent for long, and so would the proxy.
pub(crate) struct Lasting<C> {
    inner: C,
    ended: watch::Receiver<bool>,
}

impl<C> Lasting<C> {
    /// Ends the associations of a capture soon after `ended` says so.
    pub(crate) const fn new(inner: C, ended: watch::Receiver<bool>) -> Self {
        Self { inner, ended }
    }
}

impl<C: Capture> Capture for Lasting<C> {
    fn poll_incoming(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Incoming>>> {
        let incoming = ready!(self.inner.poll_incoming(cx));
        Poll::Ready(incoming.map(|incoming| {
            incoming.map(|Incoming { info, kind }| {
                let kind = match kind {
                    Kind::Udp(inner) => Kind::Udp(Box::new(Tied::new(inner, self.ended.clone()))),
                    tcp @ Kind::Tcp(_) => tcp,
                };
                Incoming { info, kind }
            })
        }))
    }

    fn close(&mut self) -> bool {
        self.inner.close()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn control(&self) -> Option<Arc<dyn Control>> {
        self.inner.control()
    }
}

/// An association that ends soon after the command.
struct Tied {
    inner: Box<dyn Association>,
    over: BoxFuture<'static, ()>,
}

impl Tied {
    fn new(inner: Box<dyn Association>, mut ended: watch::Receiver<bool>) -> Self {
        let over = Box::pin(async move {
            // Whoever cannot say any more that the command has ended has gone with it.
            _ = ended.wait_for(|ended| *ended).await;
            sleep(TAIL).await;
        });
        Self { inner, over }
    }
}

impl Association for Tied {
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        // What came is received first, however long ago the command ended.
        match self.inner.poll_recv(cx) {
            Poll::Pending => self.over.as_mut().poll(cx).map(|()| Ok(None)),
            received => received,
        }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, datagram: &[u8]) -> Poll<io::Result<()>> {
        self.inner.poll_send(cx, datagram)
    }
}
