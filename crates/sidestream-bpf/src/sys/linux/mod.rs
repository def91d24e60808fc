//! The hooks of Linux: an eBPF object, loaded with aya.

mod abi;
mod convert;
mod events;
mod items;
mod load;
mod machine;
mod maps;
mod probe;
mod routes;
mod shared;
mod slots;
mod table;
mod types;

use std::fmt::{self, Debug, Formatter};
use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aya::Ebpf;
use aya::maps::{MapError, RingBuf};

use self::abi::{KnockEntry, NS_PER_TICK, VerdictsEntry};
use self::maps::Maps;
use self::routes::Routes;
use self::table::lock;
use crate::{
    Counters, Items, Knock, LoadError, LoadOptions, MAX_RULE_SETS, Origin, Ports, RouteEntry,
    Rules, Slot, Verdicts,
};

pub use self::events::Events;
pub use self::probe::probe;

/// Which of the two knocks is whose.
const OWN_KNOCK: u32 = 0;
const PEER_KNOCK: u32 = 1;

/// The loaded and attached hooks; dropping them detaches all, and so does the end of the process.
///
/// They cover the processes below the root of cgroup2 as this process sees it.
/// Processes are told by their pids in the pid namespace of the process that
/// loaded the hooks; one that is not in it has a number of 2³¹ and more.
pub struct Hooks {
    maps: Arc<Maps>,
    routes: Mutex<Routes>,
    own_knock: Mutex<()>,
    events: Option<Events>,
    /// Last: the programs hold the links.
    _ebpf: Ebpf,
}

impl Hooks {
    /// Loads and attaches the hooks, which divert nothing until [`beat`](Self::beat),
    /// [`set_net`](Self::set_net) and [`set_routes`](Self::set_routes) were called.
    ///
    /// # Errors
    ///
    /// What is missing; [`LoadError::remedy`] says what to do.
    pub fn load(options: &LoadOptions) -> Result<Self, LoadError> {
        let mut ebpf = load::load(options)?;
        let broken = |error: MapError| LoadError::Object { source: Box::new(error) };
        let maps = Arc::new(Maps::take(&mut ebpf, load::cells(options)).map_err(broken)?);
        let ring = RingBuf::try_from(table::take(&mut ebpf, "events").map_err(broken)?);
        let events = Events::new(ring.map_err(broken)?, Arc::clone(&maps));
        let hooks = Self {
            maps,
            routes: Mutex::default(),
            own_knock: Mutex::default(),
            events: Some(events),
            _ebpf: ebpf,
        };
        // This process must be known as ours before anything is diverted.
        hooks.net_cookie().map_err(|source| LoadError::Silent { source })?;
        Ok(hooks)
    }

    /// Says that the proxy lives; connections that are made more than a second later are left
    /// alone.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn beat(&self) -> io::Result<()> {
        self.maps.set_beat(u64::try_from(now()?.as_nanos()).unwrap_or(u64::MAX));
        Ok(())
    }

    /// Leaves all connections alone from now on, until the next [`beat`](Self::beat).
    pub fn rest(&self) {
        self.maps.set_beat(0);
    }

    /// Begins a new epoch: the verdicts that were set for one before it count no more.
    ///
    /// Those for the new one are set before, and so are its [items](Self::set_items): then every
    /// process is decided about all the time.
    pub fn set_epoch(&self, epoch: u32) {
        self.maps.set_epoch(epoch);
    }

    /// Waits for a process that says it is ours, by connecting to the address of `knock`.
    ///
    /// The process is left alone from then on; its connect fails with `EPERM`. A knock that was
    /// expected before is not expected any more.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn expect_knock(&self, knock: Knock) -> io::Result<()> {
        self.maps.knocks.set(PEER_KNOCK, &entry(knock))
    }

    /// Gives the process that knocked, if one did since [`expect_knock`](Self::expect_knock).
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn knocked(&self) -> io::Result<Option<u32>> {
        let knock = self.maps.knocks.get(PEER_KNOCK)?;
        Ok((knock.pid != 0).then_some(knock.pid))
    }

    /// Gives the cookie of the calling thread's network namespace.
    ///
    /// Kernels before 5.14 tell it in no other way. The calling process counts as ours.
    ///
    /// # Errors
    ///
    /// `NotFound` if the hooks do not see this process, which is outside of their cgroup then;
    /// others are the kernel's.
    pub fn net_cookie(&self) -> io::Result<u64> {
        let _one_at_a_time = lock(&self.own_knock);
        let knock = Knock::random();
        self.maps.knocks.set(OWN_KNOCK, &entry(knock))?;
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        let answer = socket.connect(knock.addr());
        let seen = self.maps.knocks.get(OWN_KNOCK)?;
        if seen.pid == 0 {
            let source = answer.err().map_or_else(String::new, |error| format!(": {error}"));
            let text = format!("the hooks do not see this process{source}");
            return Err(io::Error::new(io::ErrorKind::NotFound, text));
        }
        Ok(seen.netns_cookie)
    }

    /// Begins to divert in the network namespace with this cookie, to these ports of its loopback.
    ///
    /// # Errors
    ///
    /// The kernel's; there can be 1,024 namespaces.
    pub fn set_net(&self, cookie: u64, ports: Ports) -> io::Result<()> {
        self.maps.set_net(cookie, &ports.into())
    }

    /// Leaves the network namespace with this cookie alone; what is told once of a namespace is
    /// told again.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn remove_net(&self, cookie: u64) -> io::Result<()> {
        self.maps.remove_net(cookie)
    }

    /// Replaces the routes of the network namespaces with that [number](Ports::net);
    /// destinations that none leads to are left alone.
    ///
    /// A network that is in both the old and the new routes is reachable all the time.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a prefix that is too long; others are the kernel's. There can be 65,536
    /// of each family.
    pub fn set_routes(&self, net: u32, routes: &[RouteEntry]) -> io::Result<()> {
        lock(&self.routes).replace(&self.maps, net, routes)
    }

    /// Sets the verdicts on a process.
    ///
    /// `started_ns` tells it from others that have the same pid. It counts in units of 10 ms, as
    /// /proc gives it. `uid` is the real user for whom the verdicts were made: they do not count
    /// once the process has become another one's. They count in `epoch` and already in the one
    /// before it.
    ///
    /// # Errors
    ///
    /// The kernel's; the number of processes is limited by [`LoadOptions::processes`].
    pub fn set_process(
        &self,
        pid: u32,
        started_ns: u64,
        uid: u32,
        verdicts: Verdicts,
        epoch: u32,
    ) -> io::Result<()> {
        let entry = VerdictsEntry {
            started: started_ns / NS_PER_TICK,
            epoch,
            uid,
            own: convert::code(verdicts.own),
            child: convert::code(verdicts.child),
            is_in_tree: verdicts.is_in_tree.into(),
            padding: 0,
        };
        self.maps.procs.set(&pid, &entry)
    }

    /// Gives the verdicts on a process, those of the hooks included, for whatever epoch they are.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn process(&self, pid: u32) -> io::Result<Option<Verdicts>> {
        Ok(self.maps.procs.get(&pid)?.map(Verdicts::from))
    }

    /// Forgets the verdicts on a process.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn forget_process(&self, pid: u32) -> io::Result<()> {
        self.maps.procs.remove(&pid).map(drop)
    }

    /// Sets the rules that [`Verdict::Rules`](crate::Verdict::Rules) with this number means.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if there are more than [`MAX_RULES`](crate::MAX_RULES), if the number is
    /// not less than [`MAX_RULE_SETS`], or for a prefix that is too long; others are the kernel's.
    pub fn set_rules(&self, index: u16, rules: &Rules) -> io::Result<()> {
        if index >= MAX_RULE_SETS {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "no such set of rules"));
        }
        self.maps.rules.set(index.into(), &convert::rules(rules)?)
    }

    /// Sets by what is decided about a process that runs another program, in `epoch`, which is the
    /// one in force or the next; `None` leaves all open.
    ///
    /// The hooks decide before the program begins. Verdicts that are [set](Self::set_process)
    /// later take the place of theirs.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if there are more than [`MAX_ITEMS`](crate::MAX_ITEMS); others are the
    /// kernel's.
    pub fn set_items(&self, epoch: u32, items: Option<&Items>) -> io::Result<()> {
        items::set(&self.maps, epoch, items)
    }

    /// Gives what a slot stands for; call it once a connection is accepted, or a datagram came.
    ///
    /// The slot goes with its socket: at once, if that is closed already. A connection does not
    /// count for [`Ports::backlog`] from then on.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn origin(&self, slot: Slot) -> io::Result<Option<Origin>> {
        Ok(self.maps.slots.accept(slot.id())?.map(Origin::from))
    }

    /// Makes room: forgets slots whose sockets were closed, and those of them for whose origin
    /// nobody asked, once that was seen so long ago; gives how many of the latter.
    ///
    /// Call it about every second, as all room is made here.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn sweep(&self, older_than: Duration) -> io::Result<usize> {
        self.maps.slots.sweep(older_than, now()?)
    }

    /// Gives how many connections have come to the listeners of a family until now.
    pub fn diverted(&self, is_v6: bool) -> u64 {
        self.maps.slots.diverted(is_v6)
    }

    /// Notes that none of the first `count` connections to the listeners of a family waits to be
    /// accepted: how many have come was [asked](Self::diverted) before they had nothing to accept.
    ///
    /// It corrects what was not known, as connections that failed on their way.
    pub fn none_waits(&self, is_v6: bool, count: u64) {
        self.maps.slots.none_waits(is_v6, count);
    }

    /// Gives the counters.
    pub fn counters(&self) -> Counters {
        convert::counters(&self.maps)
    }

    /// Takes the events; `None` if they were taken before.
    pub fn events(&mut self) -> Option<Events> {
        self.events.take()
    }
}

impl Debug for Hooks {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks").finish_non_exhaustive()
    }
}

const fn entry(knock: Knock) -> KnockEntry {
    let Knock { slot, port } = knock;
    KnockEntry { netns_cookie: 0, slot: slot.id(), pid: 0, port, expected: 1, padding: [0; 5] }
}

/// Gives the time by the clock that the hooks know.
fn now() -> io::Result<Duration> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a value of the right type, which the call fills in.
    if unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let seconds = u64::try_from(time.tv_sec).map_err(io::Error::other)?;
    Ok(Duration::new(seconds, u32::try_from(time.tv_nsec).map_err(io::Error::other)?))
}
