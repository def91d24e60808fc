//! What the stack says, told to whom it concerns.

use std::io;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use sidestream_capture::PacketDriver;
use sidestream_netstack::{AssociationId, EchoId, Output, StreamId};
use sidestream_packet::Offload;

use crate::state::{Arrived, End, Queue, Side, State};

/// How many datagrams of one association may wait, and how many bytes of them.
const MAX_DATAGRAMS: usize = 256;
const MAX_DATAGRAM_BYTES: usize = 1 << 20;

/// A ping that waits to be asked about.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) id: EchoId,
    pub(crate) server: std::net::IpAddr,
    pub(crate) payload: Bytes,
}

/// A driver, and the packet that it did not take yet.
pub(crate) struct Device {
    pub(crate) driver: Box<dyn PacketDriver>,
    held: Option<(Vec<u8>, Offload)>,
}

impl Device {
    pub(crate) fn new(driver: Box<dyn PacketDriver>) -> Self {
        Self { driver, held: None }
    }

    /// Sends what the driver did not take before.
    pub(crate) fn poll_held(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some((packet, offload)) = &self.held else { return Poll::Ready(Ok(())) };
        let sent = ready!(self.driver.poll_send(cx, packet, *offload));
        self.held = None;
        Poll::Ready(unless_refused(sent))
    }

    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        packet: &[u8],
        offload: Offload,
    ) -> Poll<io::Result<()>> {
        let Poll::Ready(sent) = self.driver.poll_send(cx, packet, offload) else {
            self.held = Some((packet.to_vec(), offload));
            return Poll::Pending;
        };
        Poll::Ready(unless_refused(sent))
    }
}

/// A packet that is none for this device is lost, and others are not.
fn unless_refused(sent: io::Result<()>) -> io::Result<()> {
    match sent {
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
            tracing::debug!(%error, "the device does not take a packet");
            Ok(())
        }
        other => other,
    }
}

/// Takes all that the stack has to say; returns when it wants to be asked again.
///
/// It is pending where the device takes no packet at the moment: that one is held, and the rest
/// waits in the stack.
pub(crate) fn drain(
    state: &mut State,
    device: &mut Device,
    asked: &mut Vec<Asked>,
    now: Instant,
    cx: &mut Context<'_>,
) -> Poll<io::Result<Option<Instant>>> {
    loop {
        let State { stack, streams, associations, .. } = state;
        match stack.poll_output(now) {
            Output::Packet { bytes, offload } => ready!(device.poll_send(cx, bytes, offload))?,
            Output::Syn { id, key } => {
                streams.insert(id, Side::default());
                state.arrive(Arrived::Stream(id, key));
            }
            Output::Association { id, key } => {
                associations.insert(id, Queue::default());
                state.arrive(Arrived::Association(id, key));
            }
            Output::Datagram { id, payload } => {
                if !associations.get_mut(&id).is_some_and(|queue| queue.push(payload)) {
                    state.datagrams_dropped += 1;
                }
            }
            Output::Unreachable(id) => with(associations, id, |queue| {
                queue.is_refused = true;
                queue.wake();
            }),
            Output::Expired(id) => {
                if associations.get(&id).is_some_and(|queue| !queue.is_taken) {
                    associations.remove(&id);
                }
                with(associations, id, Queue::end);
            }
            Output::Echo { id, server, payload, .. } => {
                asked.push(Asked { id, server, payload: Bytes::copy_from_slice(payload) });
            }
            Output::Readable(id) => readable(state, id),
            Output::Writable(id) => {
                if let Some(side) = streams.get_mut(&id) {
                    side.wake_writer();
                }
            }
            Output::HalfClosed(id) => {
                if let Some(side) = streams.get_mut(&id) {
                    side.half_closed = true;
                    side.wake_reader();
                }
            }
            Output::Closed(id) => ended(state, id, End::Closed),
            Output::Reset(id) => ended(state, id, End::Reset),
            Output::Wait(at) => return Poll::Ready(Ok(at)),
        }
    }
}

/// Has the stream read, or reset where nobody will read it any more.
fn readable(state: &mut State, id: StreamId) {
    let Some(side) = state.streams.get_mut(&id) else { return };
    if side.is_orphan {
        state.streams.remove(&id);
        state.stack.reset(id);
    } else {
        side.wake_reader();
    }
}

fn ended(state: &mut State, id: StreamId, end: End) {
    let Some(side) = state.streams.get_mut(&id) else { return };
    if side.is_orphan || !side.is_taken {
        state.streams.remove(&id);
    } else {
        side.end(end);
    }
}

fn with(
    associations: &mut std::collections::HashMap<AssociationId, Queue>,
    id: AssociationId,
    tell: impl FnOnce(&mut Queue),
) {
    if let Some(queue) = associations.get_mut(&id) {
        tell(queue);
    }
}

impl Queue {
    /// Takes a datagram where there is room for it.
    fn push(&mut self, payload: &[u8]) -> bool {
        let is_full = self.datagrams.len() >= MAX_DATAGRAMS
            || self.len_bytes + payload.len() > MAX_DATAGRAM_BYTES;
        if is_full {
            return false;
        }
        self.len_bytes += payload.len();
        self.datagrams.push_back(Bytes::copy_from_slice(payload));
        self.wake();
        true
    }
}
