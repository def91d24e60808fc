//! Links between two TUN devices: a seeded delay, loss, reordering, duplication and rate.
//!
//! What befalls a packet is drawn from the seed and from what the packet *is*, and not from when
//! it comes: a datagram is known by its number in its flow and direction, a segment of TCP by the
//! bytes of the stream that it carries. So the same datagrams are lost in every run, and of a TCP
//! stream the segments that carry the same bytes for the first time, whatever the kernel cut the
//! stream into. Acknowledgments without data, whose number depends on timing, are delayed and
//! otherwise left alone, and so are resets, which nobody would send again.

mod packet;
mod shaper;

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use rustix::pipe::{PipeFlags, pipe_with};

pub use shaper::{Shaper, Way};

use crate::model::Quality;
use crate::sys::{Tun, wait_readable};

/// The longest packet that a TUN device gives.
const MAX_PACKET: usize = 65_535;

/// A link that carries packets between two TUN devices until it is dropped.
#[derive(Debug)]
pub(crate) struct Link {
    /// Closed to end the thread.
    goes_on: Option<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

impl Link {
    /// Begins to carry.
    pub(crate) fn start(tuns: [Tun; 2], quality: &Quality) -> io::Result<Self> {
        let (ended, goes_on) = pipe_with(PipeFlags::CLOEXEC)?;
        let shaper = Shaper::new(quality);
        let thread = thread::spawn(move || {
            // When a device is gone, so is the trial.
            _ = carry(&tuns, shaper, &ended);
        });
        Ok(Self { goes_on: Some(goes_on), thread: Some(thread) })
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.goes_on = None;
        if let Some(thread) = self.thread.take() {
            // It has nothing to tell if it panicked.
            _ = thread.join();
        }
    }
}

fn carry(tuns: &[Tun; 2], mut shaper: Shaper, ended: &OwnedFd) -> io::Result<()> {
    let mut buf = vec![0; MAX_PACKET];
    loop {
        for (way, tun) in [(Way::There, &tuns[0]), (Way::Back, &tuns[1])] {
            while let Some(len) = tun.read(&mut buf)? {
                shaper.handle_packet(way, &buf[..len], Instant::now());
            }
        }
        while let Some((way, packet)) = shaper.poll_packet(Instant::now()) {
            let to = if way == Way::There { &tuns[1] } else { &tuns[0] };
            to.write(&packet)?;
        }
        let patience = shaper.next_at().map(|at| at.saturating_duration_since(Instant::now()));
        wait_readable(&[tuns[0].as_fd(), tuns[1].as_fd(), ended.as_fd()], patience)?;
        if crate::sys::has_hung_up(ended.as_fd())? {
            return Ok(());
        }
    }
}
