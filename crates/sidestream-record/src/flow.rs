//! A flow, as far as its events tell.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use sidestream_flow::{FlowId, FlowKey, Peer, Process};

use crate::kept::{MAX_KEPT, keep};
use crate::{
    Advised, Alteration, Closed, Event, Failure, Notes, Opened, Passed, Protocol, Seldom, Tls,
};

/// A flow, as far as its events tell.
#[derive(Clone, Debug, PartialEq)]
pub struct Flow {
    /// Its id.
    pub id: FlowId,
    /// Its five-tuple.
    pub key: FlowKey,
    /// The process that opened it.
    pub process: Option<Arc<Process>>,
    /// The mode that captured it.
    pub via: String,
    /// When it was captured.
    pub opened_at: SystemTime,
    /// The last hundred servers that were reached, by number.
    pub servers: Vec<(u32, SocketAddr)>,
    /// The innermost protocol that was recognized.
    pub protocol: Option<Protocol>,
    /// The server's name.
    pub host: Option<String>,
    /// The first hundred legs that were secured, in the order in which they were.
    pub tls: Vec<Tls>,
    /// What peers sent that is not as the standard has it, outside exchanges; a hundred of them.
    pub defects: Vec<String>,
    /// What peers of HTTP/2 advised each other of, outside exchanges; a hundred of them.
    pub advice: Vec<Advised>,
    /// What was passed on otherwise than it was sent, outside exchanges; a hundred of them.
    pub alterations: Vec<Alteration>,
    /// How many exchanges it has had.
    pub exchanges: u64,
    /// How many bytes went by outside exchanges, from the client and from servers.
    pub data_bytes: [u64; 2],
    /// Why it was passed as it is, if it was.
    pub passed: Option<Passed>,
    /// When and how it ended.
    pub closed: Option<(SystemTime, Closed)>,
    /// What was noted of it before it ended.
    pub notes: Seldom<Notes>,
}

impl Flow {
    /// Returns what is known of the TLS leg towards the client.
    pub fn client_tls(&self) -> Option<&Tls> {
        self.tls.iter().rev().find(|tls| tls.peer == Peer::Client)
    }

    /// Returns what is known of the latest TLS leg towards a server.
    pub fn server_tls(&self) -> Option<&Tls> {
        self.tls.iter().rev().find(|tls| tls.peer != Peer::Client)
    }

    /// Returns why the flow did not end well.
    pub fn failure(&self) -> Option<&Failure> {
        self.closed.as_ref()?.1.failure.as_ref()
    }
}

impl Flow {
    pub(crate) fn new(id: FlowId, at: SystemTime, opened: &Opened) -> Self {
        Self {
            id,
            key: opened.key,
            process: opened.process.clone(),
            via: opened.via.clone(),
            opened_at: at,
            servers: Vec::new(),
            protocol: None,
            host: None,
            tls: Vec::new(),
            defects: Vec::new(),
            advice: Vec::new(),
            alterations: Vec::new(),
            exchanges: 0,
            data_bytes: [0; 2],
            passed: None,
            closed: None,
            notes: Seldom::default(),
        }
    }

    pub(crate) fn apply(&mut self, at: SystemTime, event: &Event) {
        match event {
            Event::Connected { server, addr } => {
                if self.servers.len() >= MAX_KEPT {
                    self.servers.remove(0);
                }
                self.servers.push((*server, *addr));
            }
            Event::Recognized(protocol) => self.protocol = Some(*protocol),
            Event::Named { host } => self.host = Some(host.clone()),
            Event::Secured(tls) => keep(&mut self.tls, &**tls),
            Event::Data { from, data, .. } => {
                self.data_bytes[usize::from(*from != Peer::Client)] += data.len() as u64;
            }
            Event::DataDropped { from, bytes, .. } => {
                self.data_bytes[usize::from(*from != Peer::Client)] += bytes;
            }
            Event::WebSocket(message) => {
                self.data_bytes[usize::from(message.from != Peer::Client)] += message.bytes();
            }
            Event::Defect { what, .. } => keep(&mut self.defects, what),
            Event::Advised { advised, .. } => keep(&mut self.advice, &**advised),
            Event::Altered { alteration, .. } => keep(&mut self.alterations, alteration),
            Event::Annotated { annotation, .. } => {
                self.notes.change(|notes| notes.apply(annotation))
            }
            Event::Passed(passed) => self.passed = Some((**passed).clone()),
            Event::Closed(closed) => self.closed = Some((at, closed.clone())),
            _ => {}
        }
    }
}
