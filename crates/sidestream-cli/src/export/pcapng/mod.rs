//! `export pcapng`: captures of what went over each leg, with comments, names and keys.

mod dns;
mod leg;
mod names;
mod said;
mod words;

use std::collections::HashMap;
use std::io;
use std::time::SystemTime;

use sidestream::flow::{FlowId, Peer, Transport};
use sidestream::pcapng::{End, Interface, Writer};
use sidestream::record::{Closed, DialFailure, Entry, Event, Failure, Opened, Wire};

use super::State;
use super::output::Output;
use super::select::Selection;
use crate::say::say;
use leg::Leg;
use names::Names;
use said::Said;

/// Where packets were seen: a place for each leg.
const INTERFACES: [Interface<'_>; 3] = [
    Interface { name: "client", description: "between clients and Sidestream" },
    Interface { name: "server", description: "between Sidestream and servers" },
    Interface {
        name: "content",
        description: "made from what was recorded of the content: it was not on the wire so",
    },
];

/// The ports that stand for those of ours, which are not recorded.
const PORTS: std::ops::RangeInclusive<u16> = 1024..=u16::MAX;

/// Writes a capture of the flows that are selected, or that an exchange is of that is.
pub(super) fn export(
    state: &mut State<'_>,
    selection: &Selection,
    out: &mut Output,
) -> anyhow::Result<()> {
    let flows = selection.flows(state.reader)?;
    let application = concat!("Sidestream ", env!("CARGO_PKG_VERSION"));
    let writer = Writer::new(out, application, &INTERFACES)?;
    let port = PORTS.cycle();
    let mut capture = Capture { writer, names: Names::default(), port, flows: HashMap::new() };
    capture.names.own(&mut capture.writer)?;
    let mut said = Said::new();
    for entry in state.reader.entries(..) {
        match entry {
            Ok(entry) if flows.as_ref().is_none_or(|flows| flows.contains(&entry.flow)) => {
                let is_seen = capture.is_seen(entry.flow)
                    || matches!(entry.event, Event::Wire(_) | Event::Secrets(_));
                said.see(state, selection, &entry, is_seen, &mut capture.writer)?;
                capture.see(state, entry)?;
            }
            Ok(_) => {}
            Err(error) => state.lack(error),
        }
    }
    let Capture { mut writer, flows, .. } = capture;
    let is_seen = |flow| flows.get(&flow).is_some_and(|flow| flow.is_seen);
    said.end(state, selection, is_seen, &mut writer)?;
    writer.finish()?;
    let mut open: Vec<_> = flows.iter().collect();
    open.sort_unstable_by_key(|(id, _)| **id);
    open.into_iter().for_each(|(id, flow)| flow.tell_missing(*id, state));
    if said.count > 0 {
        say(format_args!(
            "{} exchanges and streams were recorded without --wire: they are in the capture in \
             the clear, on the interface content, and were not on the wire so",
            said.count
        ));
    }
    Ok(())
}

/// A capture under way, with the flows that are.
struct Capture<W> {
    writer: Writer<W>,
    names: Names,
    /// Gives each leg to a server a port of ours.
    port: std::iter::Cycle<std::ops::RangeInclusive<u16>>,
    flows: HashMap<FlowId, Flow>,
}

/// A flow under way.
struct Flow {
    opened: Opened,
    at: SystemTime,
    host: Option<String>,
    client: Leg,
    servers: HashMap<u32, Leg>,
    /// Something of it was on the wire.
    is_seen: bool,
    /// How many bytes of that were not recorded.
    missing: u64,
}

impl Flow {
    fn leg(&mut self, peer: Peer) -> Option<&mut Leg> {
        match peer {
            Peer::Client => Some(&mut self.client),
            Peer::Server(number) => self.servers.get_mut(&number),
        }
    }

    /// Opens the legs that are there, now that it is known that something goes over them.
    fn begin<W: io::Write>(&mut self, to: &mut Writer<W>) -> io::Result<()> {
        let host = self.host.as_deref();
        self.client.begin(host, to)?;
        let mut servers: Vec<_> = self.servers.iter_mut().collect();
        servers.sort_unstable_by_key(|(number, _)| **number);
        servers.into_iter().try_for_each(|(_, leg)| leg.begin(host, to))
    }

    /// Tells how much of it is missing.
    fn tell_missing(&self, id: FlowId, state: &mut State<'_>) {
        if self.missing > 0 {
            let bytes = self.missing;
            state
                .lack(format_args!("flow {id}: {bytes} bytes of what was on the wire are missing"));
        }
    }

    /// Returns whether its client speaks to us, and so to no server's address.
    fn is_named(&self) -> bool {
        matches!(&*self.opened.via, "regular" | "upstream")
    }
}

impl<W: io::Write> Capture<W> {
    /// Returns whether something of a flow under way was on the wire.
    fn is_seen(&self, flow: FlowId) -> bool {
        self.flows.get(&flow).is_some_and(|flow| flow.is_seen)
    }

    fn see(&mut self, state: &mut State<'_>, entry: Entry) -> anyhow::Result<()> {
        let Entry { at, flow: id, event } = entry;
        if let Event::Opened(opened) = event {
            return self.open(state, id, at, opened);
        }
        let Some(flow) = self.flows.get_mut(&id) else { return Ok(()) };
        match event {
            Event::Named { host } => flow.host = Some(host),
            Event::Connected { server, addr } => {
                if let Some(host) = &flow.host {
                    self.names.name(addr.ip(), host, &mut self.writer)?;
                }
                let port = next(&mut self.port);
                let mut leg = Leg::server(id, server, (&flow.opened, addr), at, port);
                if flow.is_seen {
                    leg.begin(flow.host.as_deref(), &mut self.writer)?;
                }
                flow.servers.insert(server, leg);
            }
            Event::Secrets(secrets) => self.writer.secrets(&secrets.lines.0)?,
            Event::Wire(wire) => {
                if !std::mem::replace(&mut flow.is_seen, true) {
                    flow.begin(&mut self.writer)?;
                }
                self.wire(state, id, at, &wire)?;
            }
            Event::Closed(closed) => self.close(state, id, at, &closed)?,
            _ => {}
        }
        Ok(())
    }

    fn open(
        &mut self,
        state: &State<'_>,
        id: FlowId,
        at: SystemTime,
        opened: Opened,
    ) -> anyhow::Result<()> {
        let client = Leg::client(id, &opened, at);
        let mut flow = Flow {
            opened,
            at,
            host: None,
            client,
            servers: HashMap::new(),
            is_seen: false,
            missing: 0,
        };
        if !flow.is_named() {
            // Its first packets are to have the name too that is known only later.
            flow.host = state.reader.host(id)?;
            if let Some(host) = &flow.host {
                self.names.name(flow.opened.key.server.ip(), host, &mut self.writer)?;
            }
        }
        self.flows.insert(id, flow);
        Ok(())
    }

    fn wire(
        &mut self,
        state: &mut State<'_>,
        id: FlowId,
        at: SystemTime,
        wire: &Wire,
    ) -> anyhow::Result<()> {
        let Some(flow) = self.flows.get_mut(&id) else { return Ok(()) };
        if let Peer::Server(number) = wire.peer
            && !flow.servers.contains_key(&number)
        {
            // Only of a damaged session nobody was connected with before.
            let server = (&flow.opened, flow.opened.key.server);
            let leg = Leg::server(id, number, server, at, next(&mut self.port));
            flow.servers.insert(number, leg);
        }
        flow.missing = flow.missing.saturating_add(wire.dropped);
        let host = flow.host.clone();
        let Some(leg) = flow.leg(wire.peer) else { return Ok(()) };
        if let Err(error) = leg.take(wire, at, host.as_deref(), &mut self.writer) {
            if error.kind() != io::ErrorKind::InvalidInput {
                return Err(error.into());
            }
            state.lack(format_args!("flow {id}: {error}"));
        }
        Ok(())
    }

    fn close(
        &mut self,
        state: &mut State<'_>,
        id: FlowId,
        at: SystemTime,
        closed: &Closed,
    ) -> anyhow::Result<()> {
        let Some(mut flow) = self.flows.remove(&id) else { return Ok(()) };
        flow.tell_missing(id, state);
        let is_tcp = flow.opened.key.transport == Transport::Tcp;
        if let Some(Failure::Dial(DialFailure::Refused)) = &closed.failure
            && is_tcp
            && flow.servers.is_empty()
            && !flow.is_named()
        {
            let server = (&flow.opened, flow.opened.key.server);
            let mut leg = Leg::server(id, 0, server, flow.at, next(&mut self.port));
            leg.refuse(flow.host.as_deref(), &mut self.writer)?;
        }
        let broken = match &closed.failure {
            Some(Failure::Reset(peer)) => Some(*peer),
            _ => None,
        };
        let mut servers: Vec<_> = flow.servers.iter_mut().collect();
        servers.sort_unstable_by_key(|(number, _)| **number);
        let servers = servers.into_iter().map(|(number, leg)| (Peer::Server(*number), leg));
        for (peer, leg) in [(Peer::Client, &mut flow.client)].into_iter().chain(servers) {
            match broken {
                Some(by) if by == peer => leg.reset(leg.end_of_peer(), at, &mut self.writer)?,
                Some(_) => leg.reset(leg.end_of_peer().other(), at, &mut self.writer)?,
                None => {
                    for end in [End::Opener, End::Accepter] {
                        leg.end(end, at, &mut self.writer)?;
                    }
                }
            }
        }
        Ok(())
    }
}

fn next(ports: &mut impl Iterator<Item = u16>) -> u16 {
    ports.next().unwrap_or(*PORTS.end())
}
