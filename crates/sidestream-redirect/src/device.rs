//! The packets of a redirector as a device.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use sidestream_capture::{PacketDriver, PacketProperties, Received};
use sidestream_ipc::PacketTag;
use sidestream_packet::{Batch, Offload};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::outgoing::Outgoing;

/// The longest packet there is: an IPv6 header with 65,535 bytes behind it.
pub(crate) const MAX_PACKET: usize = 40 + 0xffff;

/// What is sent to programs is as long as what comes by a usual network.
const MTU: usize = 1500;

/// Packets that a redirector took from programs, and packets for them.
///
/// Dropping it ends the capture: the redirector hears nothing more of us.
#[derive(Debug)]
pub struct Device {
    pub(crate) batches: mpsc::Receiver<io::Result<Batch<PacketTag>>>,
    /// The batch that is being taken, and how many packets of it were.
    pub(crate) current: (Batch<PacketTag>, usize),
    pub(crate) outgoing: Arc<Outgoing>,
    pub(crate) taken: Arc<AtomicU64>,
    pub(crate) reader: JoinHandle<()>,
    pub(crate) writer: JoinHandle<()>,
}

impl PacketDriver for Device {
    fn poll_recv(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<Option<Received>>> {
        loop {
            let (batch, next) = &mut self.current;
            if let Some((packet, tag)) = batch.get(*next) {
                let Some(room) = buf.get_mut(..packet.len()) else {
                    return Poll::Ready(Err(io::ErrorKind::InvalidInput.into()));
                };
                room.copy_from_slice(packet);
                *next += 1;
                let received = Received { len: packet.len(), offload: tag.offload };
                return Poll::Ready(Ok(Some(received)));
            }
            let Some(batch) = ready!(self.batches.poll_recv(cx)) else {
                return Poll::Ready(Ok(None));
            };
            self.taken.fetch_add(1, Ordering::Relaxed);
            self.current = (batch?, 0);
        }
    }

    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        packet: &[u8],
        offload: Offload,
    ) -> Poll<io::Result<()>> {
        if packet.is_empty() || packet.len() > MAX_PACKET {
            return Poll::Ready(Err(io::ErrorKind::InvalidInput.into()));
        }
        // The redirector knows by the addresses whose it is.
        self.outgoing.poll_push(cx, packet, PacketTag { flow: 0, offload })
    }

    fn properties(&self) -> PacketProperties {
        PacketProperties { mtu: MTU, checksums: true, segmented: MAX_PACKET, segmented_udp: false }
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        // The two halves of the connection go with them.
        self.reader.abort();
        self.writer.abort();
    }
}
