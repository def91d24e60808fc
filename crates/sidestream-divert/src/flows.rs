//! The flows that were seen, and what becomes of each.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Instant;

use sidestream_flow::{FlowKey, Transport};

use crate::{Address, Config, Owner, Way};

/// What becomes of a flow's packets.
#[derive(Debug)]
pub(crate) enum Fate {
    /// They go to the proxy.
    Divert(Owner),
    /// They are left alone.
    Pass(Why),
    /// Their proxy is gone: each is answered with a reset.
    Reset,
    /// It is not known whose they are.
    Wait(VecDeque<Held>),
}

/// Why a flow is passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// So it was said, or there was no proxy when it began.
    Told,
    /// Nobody said anything in time, or there was no room to wait.
    Unclaimed,
}

/// A packet that waits.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) bytes: Vec<u8>,
    pub(crate) address: Address,
}

#[derive(Debug)]
pub(crate) struct Flow {
    pub(crate) number: u64,
    pub(crate) fate: Fate,
    pub(crate) way: Way,
    pub(crate) socket: Option<u64>,
    pub(crate) closed: bool,
    /// The address of the client's last packet.
    pub(crate) address: Address,
    /// When it was made, heard of for the last time, or closed.
    pub(crate) since: Instant,
    /// The number of the first segment.
    pub(crate) first: u32,
    /// What the client expects next, as far as it said so or was sent more.
    pub(crate) expected: Option<u32>,
    pub(crate) client_done: bool,
    pub(crate) server_done: bool,
    /// The batch that its last packet is in.
    pub(crate) batch: u64,
    /// Under which time it stands among the deadlines.
    entered: Instant,
}

impl Flow {
    fn deadline(&self, key: &FlowKey, config: &Config) -> Instant {
        let patience = match (&self.fate, key.transport) {
            (Fate::Wait(_), _) => config.wait,
            _ if self.closed => config.linger,
            (Fate::Divert(_), Transport::Tcp) => config.tcp_idle,
            (Fate::Reset, _) => config.linger,
            (Fate::Divert(_) | Fate::Pass(_), _) => config.udp_idle,
        };
        self.since + patience
    }

    /// Whether it can be forgotten without harm.
    const fn is_spare(&self) -> bool {
        match self.fate {
            Fate::Pass(_) | Fate::Reset => true,
            Fate::Divert(_) => self.closed,
            Fate::Wait(_) => false,
        }
    }

    /// The port at this machine's end.
    pub(crate) const fn local_port(&self, key: &FlowKey) -> u16 {
        match self.way {
            Way::Inbound => key.server.port(),
            Way::Loopback | Way::Outbound => key.client.port(),
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Flows {
    all: HashMap<FlowKey, Flow>,
    timers: BTreeSet<(Instant, u64, FlowKey)>,
    spare: BTreeSet<(u64, FlowKey)>,
    by_socket: BTreeMap<(u64, u64), FlowKey>,
    waiting: BTreeMap<(Transport, u16, u64), FlowKey>,
    last: u64,
}

impl Flows {
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    pub(crate) fn timers(&self) -> usize {
        self.timers.len()
    }

    pub(crate) fn get(&self, key: &FlowKey) -> Option<&Flow> {
        self.all.get(key)
    }

    /// For what does not change its fate, its socket or its end.
    pub(crate) fn get_mut(&mut self, key: &FlowKey) -> Option<&mut Flow> {
        self.all.get_mut(key)
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.timers.first().map(|(at, ..)| *at)
    }

    /// Takes one flow whose time is up.
    pub(crate) fn expired(&mut self, now: Instant, config: &Config) -> Option<FlowKey> {
        loop {
            let (at, number, key) = *self.timers.first()?;
            if at > now {
                return None;
            }
            let flow = self.all.get_mut(&key)?;
            let deadline = flow.deadline(&key, config);
            if deadline <= now {
                return Some(key);
            }
            // Packets came meanwhile.
            flow.entered = deadline;
            self.timers.pop_first();
            self.timers.insert((deadline, number, key));
        }
    }

    /// Says which flow is to be forgotten so that there is room for another.
    pub(crate) fn spare(&self) -> Option<FlowKey> {
        self.spare.first().map(|(_, key)| *key)
    }

    pub(crate) fn insert(
        &mut self,
        key: FlowKey,
        (fate, way, socket): (Fate, Way, Option<u64>),
        (address, first): (Address, u32),
        (now, config): (Instant, &Config),
    ) -> u64 {
        self.remove(&key);
        self.last += 1;
        let flow = Flow {
            number: self.last,
            fate,
            way,
            socket,
            closed: false,
            address,
            since: now,
            first,
            expected: None,
            client_done: false,
            server_done: false,
            batch: 0,
            entered: now,
        };
        self.all.insert(key, flow);
        self.enter(&key, config);
        self.last
    }

    pub(crate) fn remove(&mut self, key: &FlowKey) -> Option<Flow> {
        let flow = self.all.remove(key)?;
        self.leave(key, &flow);
        Some(flow)
    }

    /// Changes a flow's fate, socket or end.
    pub(crate) fn change(
        &mut self,
        key: &FlowKey,
        config: &Config,
        change: impl FnOnce(&mut Flow),
    ) {
        let Some(mut flow) = self.all.remove(key) else { return };
        self.leave(key, &flow);
        change(&mut flow);
        self.all.insert(*key, flow);
        self.enter(key, config);
    }

    fn enter(&mut self, key: &FlowKey, config: &Config) {
        let Some(flow) = self.all.get_mut(key) else { return };
        flow.entered = flow.deadline(key, config);
        self.timers.insert((flow.entered, flow.number, *key));
        if flow.is_spare() {
            self.spare.insert((flow.number, *key));
        }
        if let Some(socket) = flow.socket {
            self.by_socket.insert((socket, flow.number), *key);
        }
        if matches!(flow.fate, Fate::Wait(_)) {
            let port = flow.local_port(key);
            self.waiting.insert((key.transport, port, flow.number), *key);
        }
    }

    fn leave(&mut self, key: &FlowKey, flow: &Flow) {
        self.timers.remove(&(flow.entered, flow.number, *key));
        self.spare.remove(&(flow.number, *key));
        if let Some(socket) = flow.socket {
            self.by_socket.remove(&(socket, flow.number));
        }
        self.waiting.remove(&(key.transport, flow.local_port(key), flow.number));
    }

    /// Lists the flows that wait at a port of this machine, in the order in which they came.
    pub(crate) fn waiting_at(&self, transport: Transport, port: u16) -> Vec<FlowKey> {
        let at = (transport, port, 0)..=(transport, port, u64::MAX);
        self.waiting.range(at).map(|(_, key)| *key).collect()
    }

    /// Lists the flows of a socket.
    pub(crate) fn of_socket(&self, socket: u64) -> Vec<FlowKey> {
        self.by_socket.range((socket, 0)..=(socket, u64::MAX)).map(|(_, key)| *key).collect()
    }

    /// Lists all flows in the order in which they came.
    pub(crate) fn in_order(&self) -> Vec<FlowKey> {
        let mut all: Vec<_> = self.all.iter().map(|(key, flow)| (flow.number, *key)).collect();
        all.sort_unstable();
        all.into_iter().map(|(_, key)| key).collect()
    }
}
