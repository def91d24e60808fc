//! Connections with servers that one flow leaves and another goes on with.

use std::mem;

use sidestream_proto::{Input, Kept, Share, Target};

use super::{Client, Server, Tcp};
use crate::pool::Place;

impl Tcp {
    /// Answers a client that does not wait for its server.
    pub(super) fn accept(&mut self) {
        self.client = match mem::replace(&mut self.client, Client::Gone) {
            Client::Pending(pending) => Client::Accepting(pending.accept(), None),
            client => client,
        };
    }

    /// Returns what the machine is told where a connection is there that another flow has left.
    pub(super) fn spare(&mut self, server: u32, target: &Target, share: &Share) -> Option<Input> {
        let pool = &self.flow.shared.pool;
        match share {
            Share::No => None,
            Share::Later => pool.has(&self.place(target)).then_some(Input::Spare { server }),
            Share::Now(spoken) => {
                let (kept, side, by) = pool.take(&self.place(target), spoken)?;
                self.put(server, Server::Open(side));
                Some(Input::Reused { server, kept, by })
            }
        }
    }

    /// Leaves a connection to other flows, if it is as the machine takes it to be; closes it
    /// otherwise.
    pub(super) fn keep(&mut self, server: u32, kept: Box<Kept>) {
        let place = self.place(&kept.target);
        let Some(server) = self.servers.get_mut(server as usize) else { return };
        if let Server::Open(side) = mem::replace(server, Server::Gone) {
            self.flow.shared.pool.put(place, kept, side, self.flow.id);
        }
    }

    fn place(&self, target: &Target) -> Place {
        let by_http = matches!(target, Target::Http(..));
        Place::of(&self.flow.info, self.flow.target(target.clone()), by_http)
    }
}
