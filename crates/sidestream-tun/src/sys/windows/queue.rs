//! The packets of an adapter, polled.

use std::io;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use sidestream_capture::Received;
use sidestream_packet::Offload;

use super::session::{Arrival, Session};
use super::wait::Wait;
use crate::Losses;
use crate::losses::Count;
use crate::sys::plain;

/// The only queue of a device.
pub(crate) struct Queue {
    // Dropped first: the session closes the event that is waited for.
    wait: Wait,
    session: Session,
}

impl Queue {
    pub(super) fn new(session: Session) -> io::Result<Self> {
        // SAFETY: the event is open as long as the session, which is dropped after the wait.
        let wait = unsafe { Wait::new(session.event()) }?;
        Ok(Self { wait, session })
    }

    pub(crate) fn poll_recv(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
        losses: &Losses,
    ) -> Poll<io::Result<Option<Received>>> {
        let mut is_waiting = false;
        loop {
            match self.session.receive(buf)? {
                Arrival::Packet(len) => {
                    let received = Received { len, offload: Offload::default() };
                    return Poll::Ready(Ok(Some(received)));
                }
                Arrival::Truncated => count(&losses.0.truncated),
                Arrival::End => return Poll::Ready(Ok(None)),
                Arrival::Nothing if is_waiting => return Poll::Pending,
                // One may come before the wait begins, so it is looked for once more.
                Arrival::Nothing => {
                    self.wait.wake(cx.waker());
                    is_waiting = true;
                }
            }
        }
    }

    /// Sends at once: nothing tells of room in a ring that is full, so that a packet is lost
    /// then, as it is in any network.
    pub(crate) fn poll_send(
        &mut self,
        _cx: &mut Context<'_>,
        packet: &[u8],
        offload: Offload,
        losses: &Losses,
    ) -> Poll<io::Result<()>> {
        plain::check_packet(packet, offload)?;
        if !self.session.send(packet)? {
            count(&losses.0.undelivered);
        }
        Poll::Ready(Ok(()))
    }
}

fn count(count: &Count) {
    count.0.fetch_add(1, Ordering::Relaxed);
}
