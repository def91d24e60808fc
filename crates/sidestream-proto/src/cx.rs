//! What all layers of a flow share: the legs, the outputs, what is known.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use sidestream_flow::{ExchangeId, FlowKey, Ids, Peer, Transport};
use sidestream_record::{Alteration, Event, Forwards, Secrets, Wire};

use crate::deferred::{Deferred, Inside, Reached, Share};
use crate::layer::Told;
use crate::leg::{Arrived, Leg};
use crate::passing::Shown;
use crate::timers::Timers;
use crate::tls::Offered;
use crate::tls::hello::ClientHello;
use crate::tls::session::Session;
use crate::translate::Name;
use crate::{Config, Output, PassRules, Target};

/// What all layers of a flow share.
pub(crate) struct Cx {
    pub(crate) config: Arc<Config>,
    pub(crate) key: FlowKey,
    pub(crate) ids: Ids,
    /// The name of the server, as far as it is known.
    pub(crate) host: Option<String>,
    /// Where the tunnel leads that the client opened through the proxy.
    pub(crate) tunnel: Option<(String, u16)>,
    pub(crate) pass: PassRules,
    /// It was decided by the hosts whether the flow is passed.
    pub(crate) hosts_decided: bool,
    pub(crate) shown: Option<Shown>,
    pub(crate) now: Instant,
    pub(crate) timers: Timers,
    pub(crate) outputs: VecDeque<Output>,
    pub(crate) told: VecDeque<Told>,
    pub(crate) client: Leg,
    pub(crate) servers: Vec<Leg>,
    /// The server that the client takes itself to speak to, while it is not there.
    pub(crate) deferred: Option<Box<Deferred>>,
    /// What the client offered, as its further servers are to be offered it.
    pub(crate) upstream_tls: Option<Box<Offered>>,
    /// Where a hook sent the flow, in place of its original destination.
    pub(crate) redirected: Option<(String, u16)>,
    /// How much hooks hold of WebSocket messages.
    pub(crate) held_messages: usize,
    pub(crate) received: u64,
    pub(crate) sent: u64,
}

impl Cx {
    pub(crate) fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    pub(crate) fn events(&mut self, events: Vec<Event>) {
        self.outputs.extend(events.into_iter().map(Output::Event));
    }

    pub(crate) fn output(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    /// Lets go of the room for what was to be done and told: most of the time a flow waits.
    pub(crate) fn rest(&mut self) {
        self.outputs = VecDeque::new();
        self.told = VecDeque::new();
    }

    /// Remembers and tells the name of the server.
    pub(crate) fn name(&mut self, host: String) {
        if self.host.as_ref() != Some(&host) {
            self.event(Event::Named { host: host.clone() });
            self.host = Some(host);
        }
    }

    /// Returns the port that the client means to speak to.
    pub(crate) fn server_port(&self) -> u16 {
        self.tunnel.as_ref().map_or_else(|| self.key.server.port(), |(_, port)| *port)
    }

    /// Asks for a server, and returns its number.
    pub(crate) fn open(&mut self, target: Target) -> u32 {
        self.open_sharing(target, Share::No)
    }

    /// Does so where a connection may serve that is there.
    pub(crate) fn open_sharing(&mut self, target: Target, share: Share) -> u32 {
        let server = self.push_leg();
        let target = match (target, &self.redirected) {
            (Target::Original, Some((host, port))) => Target::Name(host.clone(), *port),
            (target, _) => target,
        };
        if let (true, Some(leg)) = (share != Share::No, self.servers.last_mut()) {
            leg.reached = Some(Box::new(Reached::by(target.clone())));
        }
        self.output(Output::Open { server, target, share });
        server
    }

    /// Makes room for a server that is not asked for, and returns its number.
    pub(crate) fn push_leg(&mut self) -> u32 {
        self.servers.push(Leg::unopened());
        u32::try_from(self.servers.len() - 1).unwrap_or(u32::MAX)
    }

    pub(crate) fn leg(&mut self, peer: Peer) -> Option<&mut Leg> {
        match peer {
            Peer::Client => Some(&mut self.client),
            Peer::Server(server) => self.servers.get_mut(server as usize),
        }
    }

    /// Returns the `Host` that a server gets in place of that one, and tells of it.
    pub(crate) fn set_host(
        &mut self,
        name: &str,
        sent: Option<&Bytes>,
        exchange: ExchangeId,
    ) -> Option<Bytes> {
        let to = self.config.reverse.as_ref()?.host_for(sent)?;
        let (name, from) = (name.to_owned(), sent.cloned());
        let alteration = Alteration::FieldSet { name, from, to: to.clone() };
        self.event(Event::Altered { exchange: Some(exchange), alteration });
        Some(to)
    }

    /// Returns how a server is given requests by a proxy on the way that takes nothing else.
    pub(crate) fn forwards(&self, server: u32) -> Option<Forwards> {
        self.servers.get(server as usize)?.forwards.clone()
    }

    pub(crate) fn peers(&self) -> impl Iterator<Item = Peer> + use<> {
        let servers = u32::try_from(self.servers.len()).unwrap_or(u32::MAX);
        [Peer::Client].into_iter().chain((0..servers).map(Peer::Server))
    }

    /// Sends bytes to a peer, unless nothing more can be sent to it.
    pub(crate) fn send(&mut self, peer: Peer, bytes: Bytes) {
        if bytes.is_empty() && self.key.transport == Transport::Tcp {
            return;
        }
        let Some(bytes) = self.send_later(peer, bytes) else { return };
        let Some(leg) = self.leg(peer) else { return };
        if leg.shut || leg.gone {
            return;
        }
        if leg.is_plain() {
            self.put(peer, bytes);
        } else {
            leg.write(bytes);
        }
    }

    fn put(&mut self, peer: Peer, wire: Bytes) {
        if peer == Peer::Client {
            self.sent += wire.len() as u64;
        }
        if self.config.wire {
            self.tell_wire(Wire::of(peer, true, wire.clone()));
        }
        self.output(Output::Send(peer, wire));
    }

    /// Says to a peer that no more will come; over TLS cleanly or, as a peer did that just went
    /// away, not.
    pub(crate) fn shutdown(&mut self, peer: Peer, clean: bool) {
        if self.shut_later(peer, clean) {
            return;
        }
        let Some(leg) = self.leg(peer) else { return };
        if leg.shut || leg.gone {
            return;
        }
        if clean {
            leg.close_tls();
        }
        let wire = leg.flush();
        leg.shut = true;
        if !wire.is_empty() {
            self.put(peer, wire);
        }
        self.tell_end(peer, true);
        self.output(Output::Shutdown(peer));
    }

    /// Resets the connection with a server that is not needed any more.
    pub(crate) fn abort(&mut self, peer: Peer) {
        if self.leg(peer).is_some_and(|leg| !leg.gone) {
            self.output(Output::Abort(peer));
        }
        self.forget(peer);
    }

    /// Lets go of what is kept for a connection that nothing more is sent to.
    pub(crate) fn forget(&mut self, peer: Peer) {
        if let Some(leg) = self.leg(peer) {
            leg.forget();
        }
    }

    /// Puts on the wire what TLS has to say.
    pub(crate) fn flush(&mut self) {
        for peer in self.peers() {
            let Some(leg) = self.leg(peer) else { continue };
            if leg.is_plain() || leg.gone || leg.shut {
                continue;
            }
            let wire = leg.flush();
            if !wire.is_empty() {
                self.put(peer, wire);
            }
        }
    }

    pub(crate) fn feed(&mut self, peer: Peer, wire: Bytes) {
        if peer == Peer::Client {
            self.received += wire.len() as u64;
        }
        let seen = self.config.wire.then(|| Wire::of(peer, false, wire.clone()));
        if self.key.transport == Transport::Udp {
            seen.into_iter().for_each(|seen| self.tell_wire(seen));
            self.told.push_back(Told::Data(peer, wire));
            return;
        }
        let mut arrived = Vec::new();
        if let Some(leg) = self.leg(peer) {
            leg.feed(wire, &mut arrived);
        }
        seen.into_iter().for_each(|seen| self.tell_wire(seen));
        self.tell(peer, arrived);
    }

    /// Tells of what is on the wire, and before it with what it is decrypted: who reads on knows
    /// no later than it is needed.
    fn tell_wire(&mut self, wire: Wire) {
        let peer = wire.peer;
        let keys = self.leg(peer).map(|leg| leg.take_keys());
        for lines in keys.into_iter().flatten() {
            self.event(Event::Secrets(Box::new(Secrets { peer, lines })));
        }
        self.event(Event::Wire(Box::new(wire)));
    }

    fn tell_end(&mut self, peer: Peer, sent: bool) {
        if self.config.wire && self.key.transport == Transport::Tcp {
            self.tell_wire(Wire::end(peer, sent));
        }
    }

    /// Begins TLS with a server that is there, offering what the client offered.
    ///
    /// # Errors
    ///
    /// Why it cannot be spoken.
    pub(crate) fn secure(
        &mut self,
        server: u32,
        name: Name,
        alpn: Vec<Vec<u8>>,
        hello: Option<&ClientHello>,
    ) -> Result<(), rustls::Error> {
        let (mut config, asked) = match &self.upstream_tls {
            Some(kept) if kept.1.is_for(&name.name) => Offered::clone(kept),
            _ => {
                let upstream = &self.config.upstream_tls;
                let credentials = upstream.credentials(hello, &name.name);
                let tickets = self.config.tickets.flow(&[], credentials);
                upstream.config(hello, &tickets)?
            }
        };
        let shares = self.config.connections.shared;
        let inside = shares.then(|| {
            let hello = hello.cloned().map(Box::new);
            Box::new(Inside { name: name.clone(), alpn: alpn.clone(), hello })
        });
        config.alpn_protocols = alpn;
        config.enable_sni = name.sent;
        let session = Session::client(config, asked, name.name, hello, self.config.wire)?
            .sharing(&self.config.certificates);
        if let Some(leg) = self.leg(Peer::Server(server)) {
            leg.inside = inside;
            leg.push(session);
        }
        Ok(())
    }

    /// Takes bytes that a layer kept until it had added TLS to the leg.
    pub(crate) fn feed_top(&mut self, peer: Peer, bytes: Bytes) {
        let mut arrived = Vec::new();
        if let Some(leg) = self.leg(peer) {
            leg.feed_top(bytes, &mut arrived);
        }
        self.tell(peer, arrived);
    }

    pub(crate) fn eof(&mut self, peer: Peer) {
        let Some(leg) = self.leg(peer) else { return };
        if mem::replace(&mut leg.eof, true) {
            return;
        }
        let clean = leg.is_plain();
        self.tell_end(peer, false);
        self.told.push_back(Told::Eof(peer, clean));
    }

    fn tell(&mut self, peer: Peer, arrived: Vec<Arrived>) {
        for arrived in arrived {
            let told = match arrived {
                Arrived::Data(bytes) => Told::Data(peer, bytes),
                Arrived::Established => Told::Established(peer),
                Arrived::Failed(error) => Told::TlsFailed(peer, error),
                Arrived::Eof => {
                    let Some(leg) = self.leg(peer) else { continue };
                    if mem::replace(&mut leg.eof, true) {
                        continue;
                    }
                    Told::Eof(peer, true)
                }
            };
            self.told.push_back(told);
        }
    }
}
