//! ICMP echo: the host that is pinged is asked, and answers or not.

use std::collections::VecDeque;
use std::net::IpAddr;

use sidestream_packet::{Checksum, Offload, Packet, Unreachable, build};

use crate::core::Core;
use crate::id::Slot;
use crate::output::Event;
use crate::slab::Slab;
use crate::timers::{Deadline, Owner};
use crate::{EchoId, Usage};

#[derive(Default)]
pub(crate) struct Echoes {
    requests: Slab<Request>,
    /// In the order of their coming, some that were answered among them.
    order: VecDeque<Slot>,
}

/// A request that waits for its answer.
pub(crate) struct Request {
    pub(crate) client: IpAddr,
    pub(crate) server: IpAddr,
    pub(crate) id: u16,
    pub(crate) sequence: u16,
    pub(crate) payload: Vec<u8>,
    pub(crate) deadline: Deadline,
}

impl Echoes {
    pub(crate) fn handle(&mut self, core: &mut Core, mut request: Request) {
        if !core.config.echo {
            return request.refuse(core, Unreachable::Prohibited);
        }
        while self.requests.len() >= core.config.max_echoes {
            let Some(slot) = self.order.pop_front() else { break };
            core.counters.echoes_dropped += u64::from(self.forget(core, slot).is_some());
        }
        let (client, server) = (request.client, request.server);
        let payload = request.payload.clone();
        request.deadline = Deadline::default();
        let slot = self.requests.insert(request);
        let at = core.now + core.config.echo_timeout;
        if let Some(request) = self.requests.get_mut(slot) {
            request.deadline.set(Some(at), Owner::Echo(slot), &mut core.timers);
        }
        if self.order.len() > 2 * core.config.max_echoes {
            self.order.retain(|slot| self.requests.get(*slot).is_some());
        }
        self.order.push_back(slot);
        core.events.push_back(Event::Echo { id: EchoId(slot), client, server, payload });
    }

    pub(crate) fn reply(&mut self, core: &mut Core, slot: Slot) {
        if let Some(request) = self.forget(core, slot) {
            request.reply(core);
        }
    }

    pub(crate) fn refuse(&mut self, core: &mut Core, slot: Slot, reason: Unreachable) {
        if let Some(request) = self.forget(core, slot) {
            request.refuse(core, reason);
        }
    }

    pub(crate) fn handle_deadline(&mut self, core: &mut Core, slot: Slot) {
        let Some(request) = self.requests.get_mut(slot) else { return };
        if request.deadline.is_due(core.now, Owner::Echo(slot), &mut core.timers) {
            self.forget(core, slot);
        }
    }

    fn forget(&mut self, core: &mut Core, slot: Slot) -> Option<Request> {
        let mut request = self.requests.remove(slot)?;
        request.deadline.leave(Owner::Echo(slot), &mut core.timers);
        if self.requests.len() == 0 {
            self.order = VecDeque::new();
        }
        Some(request)
    }

    pub(crate) const fn usage(&self, usage: &mut Usage) {
        usage.echoes = self.requests.len();
    }
}

impl Request {
    fn reply(&self, core: &mut Core) {
        let Self { client, server, id, sequence, payload, .. } = self;
        let mut bytes = Vec::new();
        let numbers = (*id, *sequence);
        if build::echo(&mut bytes, *server, *client, build::Echo::Reply, numbers, payload).is_err()
        {
            return;
        }
        if bytes.len() > core.config.mtu {
            core.send_fragments(&bytes);
        } else {
            core.reply(bytes, Offload::default());
        }
    }

    fn refuse(&self, core: &mut Core, reason: Unreachable) {
        let Self { client, server, id, sequence, payload, .. } = self;
        let (mut refused, mut bytes) = (Vec::new(), Vec::new());
        let numbers = (*id, *sequence);
        let built =
            build::echo(&mut refused, *client, *server, build::Echo::Request, numbers, payload);
        let refused = Packet::parse(&refused, Checksum::Verified);
        if let (Ok(()), Ok(refused)) = (built, refused)
            && build::unreachable(&mut bytes, &refused, reason, *server).is_ok()
        {
            core.reply(bytes, Offload::default());
        }
    }
}
