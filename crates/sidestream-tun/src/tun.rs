//! The device and its queues, the same on every system.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use sidestream_capture::{PacketDriver, PacketProperties, Received};
use sidestream_packet::Offload;

use crate::sys::{self, Opened};
use crate::{Builder, Losses};

/// A TUN device: what programs send into it is received here, and what is sent here they receive.
///
/// A new device is gone, with its addresses and routes, once this and all of its queues are
/// dropped, even if the process is killed. A persistent one is then as it was before.
#[derive(Debug)]
pub struct Tun {
    queues: Vec<Queue>,
    device: Arc<sys::Device>,
}

impl Tun {
    /// Says which device is wanted.
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) fn new(Opened { device, queues }: Opened) -> Self {
        let device = Arc::new(device);
        let queue = |queue| Queue { queue, device: Arc::clone(&device) };
        Self { queues: queues.into_iter().map(queue).collect(), device }
    }

    /// Returns its name.
    pub fn name(&self) -> &str {
        self.device.name()
    }

    /// Returns the number by which the system knows it.
    pub fn index(&self) -> u32 {
        self.device.index()
    }

    /// Returns what its queues carry.
    pub fn properties(&self) -> PacketProperties {
        self.device.properties()
    }

    /// Returns the counts of what its queues lose.
    pub fn losses(&self) -> Losses {
        self.device.losses().clone()
    }

    /// Returns the queues, as many as were asked for, each of them a driver.
    ///
    /// A flow stays with a queue as long as what is sent for it goes into the same one.
    pub fn into_queues(self) -> Vec<Queue> {
        self.queues
    }
}

/// One queue of a TUN device.
///
/// It belongs to the tokio runtime in which it is polled for the first time.
pub struct Queue {
    // Closed first: a persistent device is put back once no queue is open.
    queue: sys::Queue,
    device: Arc<sys::Device>,
}

impl Queue {
    /// Returns the name of its device.
    pub fn name(&self) -> &str {
        self.device.name()
    }
}

impl PacketDriver for Queue {
    fn poll_recv(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<Option<Received>>> {
        if buf.len() < self.properties().buffer_len() {
            let error = io::Error::new(io::ErrorKind::InvalidInput, "the buffer is too small");
            return Poll::Ready(Err(error));
        }
        self.queue.poll_recv(cx, buf, self.device.losses())
    }

    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        packet: &[u8],
        offload: Offload,
    ) -> Poll<io::Result<()>> {
        self.queue.poll_send(cx, packet, offload, self.device.losses())
    }

    fn properties(&self) -> PacketProperties {
        self.device.properties()
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("name", &self.name()).finish_non_exhaustive()
    }
}
