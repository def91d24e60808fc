//! Reads what the hooks tell, out of a ring buffer.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fmt::{self, Debug, Formatter};
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;

use aya::maps::{MapData, RingBuf};
use tracing::debug;

use super::abi::{
    ClosedEvent, ExecEvent, ExitEvent, ForkEvent, NetEvent, PassedEvent, ip, read, text,
};
use super::convert::LOST_EVENTS;
use super::maps::Maps;
use crate::{Event, PassReason, Slot};

/// What the hooks tell; its descriptor is readable when something is there.
pub struct Events {
    ring: RingBuf<MapData>,
    maps: Arc<Maps>,
    ready: VecDeque<Event>,
    lost: u64,
}

impl Events {
    pub(super) fn new(ring: RingBuf<MapData>, maps: Arc<Maps>) -> Self {
        Self { ring, maps, ready: VecDeque::new(), lost: 0 }
    }

    /// Takes the next event that is there; after `None` wait for the descriptor.
    #[expect(clippy::should_implement_trait, reason = "more may come after `None`")]
    pub fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            let Some(item) = self.ring.next() else { break };
            let event = parse(&item);
            drop(item);
            match event {
                Some(Event::Closed { slot }) => {
                    self.end_chain(slot);
                    return Some(Event::Closed { slot });
                }
                Some(event) => return Some(event),
                None => debug!("not an event"),
            }
        }
        self.lost()
    }

    /// Gives how many events were lost since this was told.
    fn lost(&mut self) -> Option<Event> {
        let lost = self.maps.counter(LOST_EVENTS);
        let count = lost.saturating_sub(self.lost);
        self.lost = lost;
        (count > 0).then_some(Event::Lost { count })
    }

    /// Ends what a closed slot leads to.
    fn end_chain(&mut self, slot: Slot) {
        match self.maps.slots.end(slot.id()) {
            Ok(ended) => {
                let slots = ended.into_iter().map(Slot::new);
                self.ready.extend(slots.map(|slot| Event::Closed { slot }));
            }
            Err(error) => debug!(%error, "slots of a closed socket stay behind"),
        }
    }
}

impl AsFd for Events {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ring.as_fd()
    }
}

impl AsRawFd for Events {
    fn as_raw_fd(&self) -> RawFd {
        self.ring.as_raw_fd()
    }
}

impl Debug for Events {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("lost", &self.lost).finish_non_exhaustive()
    }
}

fn parse(bytes: &[u8]) -> Option<Event> {
    let (kind, _) = read::<u32>(bytes)?;
    Some(match kind {
        1 => {
            let (event, _) = read::<ForkEvent>(bytes)?;
            let ForkEvent { parent, child, child_started_ns, .. } = event;
            Event::Fork { parent, child, child_started_ns }
        }
        2 => exec(bytes)?,
        3 => {
            let (ExitEvent { pid, started_ns, .. }, _) = read(bytes)?;
            Event::Exit { pid, started_ns }
        }
        4 => passed(bytes)?,
        5 => {
            let (ClosedEvent { slot, .. }, _) = read(bytes)?;
            Event::Closed { slot: Slot::new(slot) }
        }
        6 => {
            let (NetEvent { pid, inum, cookie, .. }, _) = read(bytes)?;
            Event::Namespace { pid, inum, cookie: (cookie != 0).then_some(cookie) }
        }
        _ => return None,
    })
}

fn passed(bytes: &[u8]) -> Option<Event> {
    let (event, _) = read::<PassedEvent>(bytes)?;
    Some(Event::Passed {
        reason: match event.reason {
            1 => PassReason::BoundDevice,
            2 => PassReason::ForeignNetns,
            3 => PassReason::Full,
            4 => PassReason::Marked,
            5 => PassReason::Backlog,
            _ => return None,
        },
        pid: event.pid,
        exe: text(&event.exe),
        destination: SocketAddr::new(ip(event.destination), u16::try_from(event.port).ok()?),
    })
}

fn exec(bytes: &[u8]) -> Option<Event> {
    let (event, rest) = read::<ExecEvent>(bytes)?;
    let (path, rest) = rest.split_at_checked(event.path_len.into())?;
    let args = rest.get(..event.args_len.into())?;
    Some(Event::Exec {
        pid: event.pid,
        started_ns: event.started_ns,
        parent: event.parent,
        uid: event.uid,
        cgroup_id: event.cgroup_id,
        path: PathBuf::from(OsStr::from_bytes(if event.is_path_whole == 0 { &[] } else { path })),
        comm: text(&event.comm),
        args: arguments(args),
        decided: (event.is_decided != 0).then_some(event.epoch),
    })
}

/// Splits arguments, each ended by a zero save one that was cut.
fn arguments(bytes: &[u8]) -> Vec<Vec<u8>> {
    let whole = bytes.strip_suffix(&[0]).unwrap_or(bytes);
    if bytes.is_empty() {
        return Vec::new();
    }
    whole.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_arguments_and_keeps_empty_ones() {
        let check = |bytes: &[u8], expected: &[&[u8]]| assert_eq!(arguments(bytes), expected);
        check(b"curl\0-s\0", &[b"curl", b"-s"]);
        check(b"curl\0\0x", &[b"curl", b"", b"x"]);
        check(b"curl\0\0", &[b"curl", b""]);
        check(b"\0", &[b""]);
        check(b"", &[]);
    }

    #[test]
    fn takes_nothing_that_is_too_short_or_unknown() {
        for bytes in [&b""[..], &[1, 0, 0, 0], &[2; 60], &[9, 0, 0, 0, 0, 0, 0, 0]] {
            assert!(parse(bytes).is_none(), "{bytes:?}");
        }
    }
}
