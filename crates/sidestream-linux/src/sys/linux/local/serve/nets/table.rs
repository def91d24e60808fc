//! The network namespaces that are known, and how each is reached.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::{Resource, getrlimit};
use sidestream_bpf::{Hooks, Ports};
use tokio::sync::mpsc;
use tokio::time::sleep_until;
use tracing::debug;

use super::super::super::listen::Listeners;
use super::doors::{Coming, Doors};
use super::enter::{self, Home, gone, inode_of};
use super::held::{Made, Shape};
use super::maker::{self, Job, News};

/// The most network namespaces besides our own: the hooks know that many.
const MAX_NETS: u64 = 1000;

/// How many descriptors one takes, and which part of all is for them.
const DESCRIPTORS: u64 = 9;
const PART: u64 = 4;

/// How long after the end of a process it is looked who else is in its network namespace: it is
/// told before it has left that.
const LEAVING: Duration = Duration::from_millis(20);

/// The network namespaces besides our own in which something is captured.
///
/// What is held there keeps a namespace alive, so each has a witness: a process that is in it.
/// When the last one has gone, all is let go.
#[derive(Debug)]
pub(crate) struct Nets {
    /// The cookie of our own.
    own: u64,
    home: Home,
    /// `None` where only our own namespace is captured.
    maker: Option<Maker>,
    nets: HashMap<u32, Net>,
    by_inum: HashMap<u32, u32>,
    by_cookie: HashMap<u64, u32>,
    by_witness: HashMap<u32, BTreeSet<u32>>,
    /// Under which numbers the hooks know no routes.
    free: BTreeSet<u32>,
    /// How many namespaces there is room for.
    pub(super) room: u32,
    last: u32,
    /// Those whose witnesses may have gone.
    forsaken: BTreeSet<u32>,
    look_at: Option<Instant>,
    pub(super) doors: Doors,
    pub(super) is_full_told: bool,
    pub(super) is_refusal_told: bool,
}

/// What is to be done about other namespaces.
#[derive(Debug)]
pub(crate) enum Stir {
    /// Something has come to their listeners.
    Coming,
    /// A witness may have gone.
    Forsaken,
    /// Something was made, or has changed.
    News(News),
}

#[derive(Debug)]
struct Maker {
    jobs: mpsc::UnboundedSender<Job>,
    news: mpsc::UnboundedReceiver<News>,
}

#[derive(Debug)]
struct Net {
    inum: u32,
    cookie: Option<u64>,
    index: u32,
    witness: u32,
    place: Arc<OwnedFd>,
    open: Option<Open>,
    /// Whether there were connections of the proxy's.
    is_used: bool,
}

/// What is there once it was made.
#[derive(Debug)]
struct Open {
    listeners: Arc<Listeners>,
    ports: Ports,
    /// What the hooks know of them.
    told: Ports,
}

impl Nets {
    /// Knows our own only, by its cookie.
    ///
    /// Others are followed by who may enter them, if it was started in the one of the machine: who
    /// starts a capture inside of a network namespace means that one.
    pub(crate) fn new(own: u64) -> io::Result<Self> {
        let follows = enter::may_enter() && enter::is_of_the_machine();
        let started = follows.then(maker::start).transpose()?;
        let maker = started.map(|(jobs, news)| Maker { jobs, news });
        let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        // It fits, as it is not more than the most.
        let room = (limit / PART / DESCRIPTORS).min(MAX_NETS) as u32;
        debug!(follows, room, "other network namespaces");
        Ok(Self {
            own,
            home: Home::open()?,
            maker,
            nets: HashMap::new(),
            by_inum: HashMap::new(),
            by_cookie: HashMap::new(),
            by_witness: HashMap::new(),
            free: (1..=room).collect(),
            room,
            last: 0,
            forsaken: BTreeSet::new(),
            look_at: None,
            doors: Doors::new()?,
            is_full_told: false,
            is_refusal_told: false,
        })
    }

    /// Tells whether other namespaces than our own are captured.
    pub(crate) fn follows(&self) -> bool {
        self.maker.is_some()
    }

    /// Tells whether something is captured in our own alone at present.
    pub(crate) fn is_empty(&self) -> bool {
        self.nets.is_empty()
    }

    /// Tells whether a namespace is one of those known.
    pub(super) fn knows(&self, inum: u32) -> bool {
        self.by_inum.contains_key(&inum)
    }

    /// Returns the number of the namespace with that cookie, `None` for our own, as there is a
    /// connection for the proxy.
    ///
    /// # Errors
    ///
    /// It is not known any more.
    pub(crate) fn number(&mut self, cookie: u64) -> io::Result<Option<u32>> {
        if cookie == self.own {
            return Ok(None);
        }
        let net = self.by_cookie.get(&cookie).copied().ok_or_else(gone)?;
        self.nets.get_mut(&net).ok_or_else(gone)?.is_used = true;
        Ok(Some(net))
    }

    /// Acts in the namespace with that number, `None` for our own.
    ///
    /// # Errors
    ///
    /// It is not known any more, or cannot be entered.
    pub(crate) fn within<T>(
        &self,
        net: Option<u32>,
        act: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        let Some(net) = net else { return act() };
        let place = &self.nets.get(&net).ok_or_else(gone)?.place;
        self.home.within(place.as_fd(), act)?
    }

    /// Returns the listeners in the namespace with that number.
    pub(crate) fn listeners(&self, net: u32) -> Option<Arc<Listeners>> {
        Some(Arc::clone(&self.nets.get(&net)?.open.as_ref()?.listeners))
    }

    /// Enters the namespace of a process. Tells whether there was room.
    ///
    /// # Errors
    ///
    /// The process is not there any more, or its namespace cannot be looked at.
    pub(super) fn enter(
        &mut self,
        witness: u32,
        inum: u32,
        cookie: Option<u64>,
    ) -> io::Result<bool> {
        let Some(maker) = &self.maker else { return Ok(false) };
        let place = Arc::new(enter::open(witness, inum)?);
        let Some(index) = self.free.pop_first() else { return Ok(false) };
        self.last = self.last.wrapping_add(1);
        let net = self.last;
        debug!(net, inum, witness, "entering a network namespace");
        // A thread that has gone is noticed by what it does not tell.
        _ = maker.jobs.send(Job::Make { net, index, place: Arc::clone(&place) });
        self.nets.insert(
            net,
            Net { inum, cookie: None, index, witness, place, open: None, is_used: false },
        );
        self.by_inum.insert(inum, net);
        self.by_witness.entry(witness).or_default().insert(net);
        if let Some(cookie) = cookie {
            self.name(net, cookie);
        }
        Ok(true)
    }

    fn name(&mut self, net: u32, cookie: u64) {
        if let Some(known) = self.nets.get_mut(&net) {
            known.cookie = Some(cookie);
            self.by_cookie.insert(cookie, net);
        }
    }

    /// Diverts to what was made.
    pub(super) fn handle_made(&mut self, net: u32, made: Made, hooks: &Hooks) -> io::Result<()> {
        let Made { listeners, ports, cookie, shape } = made;
        let Some(known) = self.nets.get(&net) else { return Ok(()) };
        let cookie = match cookie.or(known.cookie) {
            Some(cookie) => cookie,
            // On kernels before 5.14 the hooks can tell it.
            None => self.within(Some(net), || hooks.net_cookie())?,
        };
        self.name(net, cookie);
        self.doors.add(net, &listeners)?;
        let none = Ports { tcp4: 0, udp4: 0, tcp6: 0, udp6: 0, ..ports };
        if let Some(known) = self.nets.get_mut(&net) {
            known.open = Some(Open { listeners, ports, told: none });
        }
        // From here on it is known there, even if nothing can be diverted yet.
        hooks.set_net(cookie, none)?;
        self.handle_changed(net, &shape, hooks)
    }

    /// Follows a change of the network: routes first, so that what is diverted has a source.
    pub(super) fn handle_changed(
        &mut self,
        net: u32,
        shape: &Shape,
        hooks: &Hooks,
    ) -> io::Result<()> {
        let Some(Net { open: Some(open), cookie: Some(cookie), index, .. }) =
            self.nets.get_mut(&net)
        else {
            return Ok(());
        };
        hooks.set_routes(*index, &shape.entries)?;
        let ports = shape.reachable(open.ports);
        if ports != open.told {
            hooks.set_net(*cookie, ports)?;
            open.told = ports;
            debug!(net, ?ports, "diverting in another network namespace");
        }
        Ok(())
    }

    /// Lets go of all that is held in a namespace.
    ///
    /// The connections there of the processes `of` end as well: their servers cannot be reached
    /// any more once the engine has taken the network away, and nothing would tell.
    pub(super) fn leave(&mut self, net: u32, of: &[u32], hooks: &Hooks) {
        let Some(Net { inum, cookie, index, witness, place, open, is_used }) =
            self.nets.remove(&net)
        else {
            return;
        };
        self.by_inum.remove(&inum);
        self.forget_witness(witness, net);
        if let Some(cookie) = cookie {
            self.by_cookie.remove(&cookie);
            // One that could not be made is not told of again, or it would be tried for ever.
            if open.is_some() {
                forget(cookie, hooks);
            }
        }
        if let Err(error) = hooks.set_routes(index, &[]) {
            debug!(%error, "routes stay behind");
        }
        self.free.insert(index);
        if let Some(maker) = &self.maker {
            // To look for connections takes longer than all else.
            let of = if is_used { of.to_vec() } else { Vec::new() };
            _ = maker.jobs.send(Job::Leave { net, place, of });
        }
        debug!(net, inum, "left a network namespace");
    }

    fn forget_witness(&mut self, witness: u32, net: u32) {
        if let Some(nets) = self.by_witness.get_mut(&witness) {
            nets.remove(&net);
            if nets.is_empty() {
                self.by_witness.remove(&witness);
            }
        }
    }

    /// Notes that a process has ended.
    pub(crate) fn handle_exit(&mut self, pid: u32, now: Instant) {
        if let Some(nets) = self.by_witness.get(&pid) {
            self.forsaken.extend(nets);
            self.look_at.get_or_insert(now + LEAVING);
        }
    }

    /// Looks whether the witnesses are where they were: no event may have told.
    pub(crate) fn handle_tick(&mut self, now: Instant) {
        let strayed = |net: &&Net| inode_of(net.witness) != Some(net.inum);
        let nets = self.nets.values().filter(strayed).filter_map(|net| self.by_inum.get(&net.inum));
        self.forsaken.extend(nets);
        if !self.forsaken.is_empty() {
            self.look_at.get_or_insert(now);
        }
    }

    /// Finds other witnesses among those processes, and leaves the namespaces that have none.
    /// The connections of the processes `own` in those end.
    pub(super) fn look(&mut self, pids: impl Iterator<Item = u32>, own: &[u32], hooks: &Hooks) {
        self.look_at = None;
        let mut forsaken = std::mem::take(&mut self.forsaken);
        // Its own witness may have been missed for a moment only.
        for pid in pids {
            if forsaken.is_empty() {
                return;
            }
            let Some(&net) = inode_of(pid).and_then(|inum| self.by_inum.get(&inum)) else {
                continue;
            };
            if !forsaken.remove(&net) {
                continue;
            }
            let before =
                self.nets.get_mut(&net).map(|net| std::mem::replace(&mut net.witness, pid));
            before.into_iter().for_each(|before| self.forget_witness(before, net));
            self.by_witness.entry(pid).or_default().insert(net);
        }
        forsaken.into_iter().for_each(|net| self.leave(net, own, hooks));
    }

    /// Tells whether something is being made in any of the namespaces.
    pub(super) fn is_making(&self) -> bool {
        self.nets.values().any(|net| net.open.is_none())
    }

    /// Waits for what the maker tells, for ever where there is none.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if the future is dropped.
    pub(super) async fn news(&mut self) -> News {
        if let Some(maker) = &mut self.maker
            && let Some(news) = maker.news.recv().await
        {
            return news;
        }
        std::future::pending().await
    }

    /// Tells whether something has come to any of the listeners.
    pub(crate) fn waits(&mut self) -> bool {
        // Whatever goes wrong, it is looked again.
        !self.is_empty() && self.doors.look().unwrap_or(true)
    }

    /// Returns to which listeners something has come, as the last look told.
    pub(crate) fn found(&self) -> Vec<Coming> {
        self.doors.coming()
    }

    /// Waits until something is to be done; what has come to the listeners is left out unless that
    /// can be taken.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if the future is dropped.
    pub(crate) async fn stir(&mut self, accepts: bool) -> io::Result<Stir> {
        let Some(maker) = &mut self.maker else { return std::future::pending().await };
        let look = async {
            match self.look_at {
                Some(at) => sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = look => Ok(Stir::Forsaken),
            Some(news) = maker.news.recv() => Ok(Stir::News(news)),
            come = self.doors.ready(), if accepts => come.map(|()| Stir::Coming),
            else => std::future::pending().await,
        }
    }
}

/// Has the hooks tell again that there is a namespace.
pub(super) fn forget(cookie: u64, hooks: &Hooks) {
    if let Err(error) = hooks.remove_net(cookie) {
        debug!(%error, "a network namespace stays known");
    }
}
