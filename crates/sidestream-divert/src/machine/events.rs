//! Events of sockets, and answers to what was asked about them.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use sidestream_flow::{FlowKey, Transport};

use super::Diverter;
use crate::flows::{Fate, Why};
use crate::output::{Note, Way};
use crate::seen::reversed;
use crate::{
    Address, Answer, Exemption, Operation, Output, Owner, Question, QuestionId, SocketEvent,
    Verdict,
};

impl Diverter {
    /// Takes an event of the SOCKET layer.
    ///
    /// Sockets that are older than WinDivert's handle have no events: they are told by events that
    /// the caller makes of the system's tables.
    pub fn handle_event(&mut self, event: &SocketEvent, now: Instant) {
        self.set_now(now);
        let event = &SocketEvent {
            local: canonical(event.local),
            remote: canonical(event.remote),
            ..*event
        };
        let key = FlowKey { transport: event.transport, client: event.local, server: event.remote };
        match (event.operation, event.transport) {
            (Operation::Close, _) => {
                if let Some(socket) = self.sockets.close(event.endpoint, event.at) {
                    self.end_socket(socket);
                }
            }
            (Operation::Bind, Transport::Udp) => {
                let socket = self.socket_of(event, None);
                self.bind(socket, event.local);
            }
            (Operation::Connect, Transport::Udp) => {
                let socket = self.socket_of(event, Some(event.remote));
                self.sockets.link(socket, key);
                self.bind(socket, event.local);
                self.settle_at(event.transport, event.local.port());
                self.find_late(socket, &key);
            }
            (Operation::Connect, Transport::Tcp) => {
                // A socket that failed to connect may try another peer, about which it was not
                // asked.
                let old = self.sockets.open(event.endpoint);
                let old = old.filter(|old| {
                    self.sockets.get(*old).is_some_and(|old| !old.links.contains(&key))
                });
                if old.is_some() && self.sockets.close(event.endpoint, event.at) == old {
                    old.into_iter().for_each(|old| self.end_socket(old));
                }
                let socket = self.socket_of(event, Some(event.remote));
                self.sockets.link(socket, key);
                self.settle_at(event.transport, event.local.port());
                self.find_late(socket, &key);
            }
            (Operation::Listen, Transport::Tcp) if self.config.inbound => {
                let socket = self.socket_of(event, None);
                self.bind(socket, event.local);
            }
            (Operation::Accept, Transport::Udp) => self.note_server(key),
            // A TCP socket says what matters by connecting or listening, and what it accepts is
            // found by its listener.
            (Operation::Bind | Operation::Listen | Operation::Accept, _) => {}
        }
    }

    /// Takes the answer to a question; one that comes twice, or too late, changes nothing.
    pub fn handle_answer(&mut self, id: QuestionId, answer: Answer, now: Instant) {
        self.set_now(now);
        let Some(socket) = self.sockets.get(id.0).filter(|socket| socket.verdict.is_none()) else {
            return;
        };
        let (pid, transport) = (socket.owner.pid, socket.transport);
        let is_another = answer.started.is_some_and(|started| started > socket.opened);
        let links: Vec<_> = socket.links.iter().copied().collect();
        let (owner, verdict) = if is_another {
            self.counters.pids_reused += 1;
            self.note(Note::PidReused { pid });
            (Owner { pid, started: None }, Verdict::Pass)
        } else {
            (Owner { pid, started: answer.started }, answer.verdict)
        };
        self.sockets.answer(id.0, owner, verdict);
        for port in self.sockets.ports(id.0) {
            self.settle_at(transport, port);
        }
        for key in links {
            self.find_late(id.0, &key);
        }
    }

    /// Finds the open socket that an event is about, or makes it and asks whose it is.
    fn socket_of(&mut self, event: &SocketEvent, remote: Option<SocketAddr>) -> u64 {
        if let Some(socket) = self.sockets.open(event.endpoint) {
            return socket;
        }
        while self.sockets.len() >= self.config.max_sockets.max(1) {
            let Some(spare) = self.sockets.spare() else { break };
            let open = self.sockets.get(spare).is_some_and(|socket| !socket.closed);
            self.counters.sockets_full += u64::from(open);
            self.drop_socket(spare);
        }
        let is_own = self.config.own_pids.contains(&event.pid);
        let verdict = is_own.then_some(Verdict::Pass);
        let owner = Owner { pid: event.pid, started: None };
        let closed = self.sockets.closed_early(event.endpoint, event.at);
        let (endpoint, at, transport) = (event.endpoint, event.at, event.transport);
        let socket = self.sockets.insert(endpoint, at, owner, transport, verdict);
        if let Some(closed) = closed {
            self.sockets.close(endpoint, closed);
            self.end_socket(socket);
        }
        if !is_own {
            self.says.push_back(Output::Ask(Question {
                id: QuestionId(socket),
                pid: event.pid,
                at: event.at,
                transport: event.transport,
                local: event.local,
                remote,
            }));
        }
        socket
    }

    fn bind(&mut self, socket: u64, local: SocketAddr) {
        if local.port() != 0 {
            self.sockets.bind(socket, local);
            self.settle_at(Transport::Udp, local.port());
            self.settle_at(Transport::Tcp, local.port());
        }
    }

    fn settle_at(&mut self, transport: Transport, port: u16) {
        for key in self.flows.waiting_at(transport, port) {
            self.settle_waiting(&key);
        }
    }

    /// Remembers a socket that was closed for a while, for packets that come after the news.
    fn end_socket(&mut self, socket: u64) {
        let until = self.now + self.config.linger;
        self.closing.insert((until, socket));
        self.sockets.expire(socket, until);
        for key in self.flows.of_socket(socket) {
            self.end_flow(&key);
        }
    }

    fn drop_socket(&mut self, socket: u64) {
        if let Some(until) = self.sockets.remove(socket) {
            self.closing.remove(&(until, socket));
        }
    }

    /// Finds a flow that was passed before its socket was known: it ends with that, and would not
    /// have been passed if that is to be diverted.
    fn find_late(&mut self, socket: u64, key: &FlowKey) {
        let Some(found) = self.sockets.get(socket) else { return };
        let (owner, verdict) = (found.owner, found.verdict);
        let Some(flow) = self.flows.get(key) else { return };
        if !matches!(flow.fate, Fate::Pass(Why::Unclaimed)) || flow.closed {
            return;
        }
        if flow.socket.is_none() {
            self.flows.change(key, &self.config, |flow| flow.socket = Some(socket));
        }
        if verdict == Some(Verdict::Divert) {
            self.note(Note::Late { key: *key, owner });
        }
    }

    /// Notes that a UDP socket was spoken to, so that what it says to that peer is an answer.
    fn note_server(&mut self, key: FlowKey) {
        let exempt = Exemption::of_key(&key, &self.config).is_some();
        let known = [key, reversed(&key)].iter().any(|key| self.flows.get(key).is_some());
        if exempt || known || self.flows.len() >= self.config.max_flows {
            return;
        }
        let what = (Fate::Pass(Why::Told), Way::Outbound, None);
        let at = (self.now, &self.config);
        self.flows.insert(key, what, (Address::default(), 0), at);
    }
}

/// Writes an address as packets have it: no mapped ones, no scope.
const fn canonical(addr: SocketAddr) -> SocketAddr {
    let ip: IpAddr = addr.ip().to_canonical();
    SocketAddr::new(ip, addr.port())
}
