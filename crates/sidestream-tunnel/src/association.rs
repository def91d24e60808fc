//! A UDP association out of packets.

use std::io;
use std::task::{Context, Poll};

use bytes::Bytes;
use sidestream_capture::Association;
use sidestream_netstack::AssociationId;
use sidestream_packet::Unreachable;
use tokio::time::Instant;

use crate::state::{Shared, keep};

/// A client's datagrams to and from one server.
pub(crate) struct TunnelAssociation {
    shared: Shared,
    id: AssociationId,
}

impl TunnelAssociation {
    pub(crate) const fn new(shared: Shared, id: AssociationId) -> Self {
        Self { shared, id }
    }
}

impl Association for TunnelAssociation {
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        let mut state = self.shared.lock();
        let Some(queue) = state.associations.get_mut(&self.id) else {
            return Poll::Ready(Ok(None));
        };
        if let Some(datagram) = queue.datagrams.pop_front() {
            queue.len_bytes -= datagram.len();
            return Poll::Ready(Ok(Some(datagram)));
        }
        if std::mem::take(&mut queue.is_refused) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionRefused.into()));
        }
        if queue.is_over {
            return Poll::Ready(Ok(None));
        }
        keep(&mut queue.reader, cx);
        Poll::Pending
    }

    fn poll_send(&mut self, _: &mut Context<'_>, datagram: &[u8]) -> Poll<io::Result<()>> {
        let mut state = self.shared.lock();
        if state.associations.get(&self.id).is_none_or(|queue| queue.is_over) {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        }
        state.stack.send(self.id, datagram, Instant::now().into_std());
        state.kick();
        Poll::Ready(Ok(()))
    }

    fn refuse(&mut self) {
        let mut state = self.shared.lock();
        if state.associations.get(&self.id).is_some_and(|queue| !queue.is_over) {
            state.stack.unreachable(self.id, Unreachable::Port);
            state.kick();
        }
    }
}

impl Drop for TunnelAssociation {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        if state.associations.remove(&self.id).is_some_and(|queue| !queue.is_over) {
            state.stack.close(self.id);
            state.kick();
        }
    }
}
