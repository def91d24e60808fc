//! The listeners of all other network namespaces, waited for as one.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use tokio::io::unix::AsyncFd;

use super::super::super::listen::{Listeners, Pair};
use crate::sys::imp::sockets::readable;

/// The most listeners that are looked at before others have their turn.
const BATCH: usize = 64;

/// Waits for any of the listeners; as many as there are, that costs the same.
pub(super) struct Doors {
    epoll: AsyncFd<OwnedFd>,
    ready: Vec<epoll::Event>,
}

impl fmt::Debug for Doors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Doors").field("ready", &self.coming()).finish_non_exhaustive()
    }
}

/// A listener to which something has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Coming {
    /// The number of its network namespace.
    pub(crate) net: u32,
    pub(crate) is_v6: bool,
    pub(crate) is_udp: bool,
}

impl Coming {
    fn data(self) -> EventData {
        let Self { net, is_v6, is_udp } = self;
        EventData::new_u64(u64::from(net) << 2 | u64::from(is_v6) << 1 | u64::from(is_udp))
    }

    fn of(data: u64) -> Self {
        // It was made of a number that fits.
        Self { net: (data >> 2) as u32, is_v6: data & 2 != 0, is_udp: data & 1 != 0 }
    }

    /// Picks its listeners.
    pub(crate) fn pair(self, listeners: &Listeners) -> Option<&Pair> {
        if self.is_v6 { listeners.v6.as_ref() } else { Some(&listeners.v4) }
    }
}

impl Doors {
    /// Makes it within the current runtime.
    pub(super) fn new() -> io::Result<Self> {
        let epoll = readable(epoll::create(CreateFlags::CLOEXEC)?)?;
        Ok(Self { epoll, ready: Vec::with_capacity(BATCH) })
    }

    /// Waits for the listeners as well, until they are closed.
    pub(super) fn add(&self, net: u32, listeners: &Listeners) -> io::Result<()> {
        let pairs = std::iter::once((&listeners.v4, false));
        for (pair, is_v6) in pairs.chain(listeners.v6.iter().map(|pair| (pair, true))) {
            for (fd, is_udp) in [(pair.tcp.as_fd(), false), (pair.udp.as_fd(), true)] {
                let data = Coming { net, is_v6, is_udp }.data();
                epoll::add(&self.epoll, fd, data, EventFlags::IN)?;
            }
        }
        Ok(())
    }

    /// Waits until something has come.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if the future is dropped.
    pub(super) async fn ready(&mut self) -> io::Result<()> {
        loop {
            if self.look()? {
                return Ok(());
            }
            // What comes from here on is not missed: it was not ready a moment ago.
            self.epoll.readable().await?.clear_ready();
        }
    }

    /// Looks what has come, and tells whether something has.
    pub(super) fn look(&mut self) -> io::Result<bool> {
        self.ready.clear();
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        match epoll::wait(&self.epoll, spare_capacity(&mut self.ready), Some(&at_once)) {
            Ok(count) => Ok(count > 0),
            Err(rustix::io::Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns what was found ready.
    pub(super) fn coming(&self) -> Vec<Coming> {
        self.ready.iter().map(|event| Coming::of(event.data.u64())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Coming;

    #[test]
    fn a_listener_is_known_by_what_was_said_of_it() {
        for net in [0, 1, u32::MAX] {
            for (is_v6, is_udp) in [(false, false), (false, true), (true, false), (true, true)] {
                let coming = Coming { net, is_v6, is_udp };
                assert_eq!(Coming::of(coming.data().u64()), coming);
            }
        }
    }
}
