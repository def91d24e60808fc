//! The first datagrams of associations; what follows goes by a socket of the association's own.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sidestream_bpf::Slot;
use sidestream_flow::Transport;
use sidestream_ipc::Message;
use tracing::debug;

use super::super::listen::associate;
use super::engine::Engine;

/// Datagrams that were sent before an association had its socket are taken from the listener
/// this much later at most. What comes even later starts another one: the proxy has given the
/// first one up.
const STRAGGLING: Duration = Duration::from_secs(2);

/// The most that waits for the proxy before datagrams are dropped.
const MAX_QUEUED: usize = 2 << 20;

/// The associations, by the fake address that stands for each.
#[derive(Debug, Default)]
pub(crate) struct Associations {
    by_slot: HashMap<Slot, Association>,
    /// Those that their programs have closed, while the listener may still hold something of
    /// theirs.
    closing: Vec<Slot>,
}

#[derive(Clone, Copy, Debug)]
struct Association {
    flow: u64,
    made_at: Instant,
}

impl Associations {
    /// Returns the flow of an association whose socket is so young that it may have missed
    /// something.
    fn young(&self, slot: Slot, now: Instant) -> Option<u64> {
        let association = self.by_slot.get(&slot)?;
        let is_young = now.duration_since(association.made_at) < STRAGGLING;
        is_young.then_some(association.flow)
    }

    fn insert(&mut self, slot: Slot, flow: u64, made_at: Instant) {
        self.by_slot.insert(slot, Association { flow, made_at });
    }

    /// Notes that a program has closed the socket of an association.
    pub(super) fn close(&mut self, slot: Slot) {
        if self.by_slot.contains_key(&slot) {
            self.closing.push(slot);
        }
    }

    /// Tells whether the listeners have to be emptied so that associations can end.
    pub(crate) fn is_closing(&self) -> bool {
        !self.closing.is_empty()
    }

    /// Removes what was closed, and returns the flows.
    fn end(&mut self) -> Vec<u64> {
        let closed = self.closing.drain(..).filter_map(|slot| self.by_slot.remove(&slot));
        closed.map(|association| association.flow).collect()
    }
}

impl Engine {
    /// Takes a datagram in that came to the listener from `client` for the address `fake`.
    ///
    /// # Errors
    ///
    /// No socket could be made for the association.
    pub(crate) fn handle_datagram(
        &mut self,
        client: SocketAddr,
        fake: SocketAddr,
        payload: &[u8],
        now: Instant,
    ) -> io::Result<()> {
        let Some(slot) = Slot::of(fake) else { return Ok(()) };
        let flow = match self.associations.young(slot, now) {
            Some(flow) => Some(flow),
            None => self.open_association(client, fake, slot, now)?,
        };
        let Some(flow) = flow else { return Ok(()) };
        if self.out.queued_bytes() > MAX_QUEUED {
            debug!(flow, len = payload.len(), "datagram dropped, too much waits");
            return Ok(());
        }
        self.out.push(&Message::Datagram { flow, payload: Bytes::copy_from_slice(payload) });
        Ok(())
    }

    /// Ends the associations that their programs have closed: the listeners are empty.
    pub(crate) fn end_closed(&mut self) {
        for flow in self.associations.end() {
            self.out.push(&Message::Closed { flow });
        }
    }

    fn open_association(
        &mut self,
        client: SocketAddr,
        fake: SocketAddr,
        slot: Slot,
        now: Instant,
    ) -> io::Result<Option<u64>> {
        let Some(origin) = self.claim(fake, Transport::Udp) else {
            debug!(?slot, "a datagram that nobody is known to have sent");
            return Ok(None);
        };
        let net = self.nets.number(origin.netns_cookie)?;
        let socket = self.nets.within(net, || associate(fake, client))?;
        let Some(flow) = self.flow(&origin, client) else { return Ok(None) };
        let id = flow.id;
        self.out.push_with(&flow.into(), socket.into());
        self.associations.insert(slot, id, now);
        if origin.closed {
            self.associations.close(slot);
        }
        Ok(Some(id))
    }
}
