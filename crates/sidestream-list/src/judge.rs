//! A filter, judged on what is held of a line: it matches, it does not, or the record must tell.
//!
//! What a row leaves open is the same as for the conditions of SQL (`sidestream-filter`): where
//! `status` is missing a rule may have answered, and `DNS` is a method like any other.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sidestream_filter::{
    Expr, Filter, Flag, Kind, Pattern, Row as RecordRow, Subject, Term, Text, host,
};
use sidestream_flow::{FlowId, FlowKey, Process, Transport};
use sidestream_record::{Book, Entry, Event, Finished, Flow, Opened, Version};
use sidestream_store::{ReadError, Reader, Responder};

use crate::flows::{self, Flows};
use crate::line::LineId;
use crate::noted::{self, Noted};
use crate::row::{Row, UNKNOWN};
use crate::rows::Rows;
use crate::types::{self, Types};

/// A filter, ready to be judged on rows.
#[derive(Debug)]
pub(crate) struct Judge {
    filter: Filter,
    node: Node,
    /// What is true of processes.
    processes: Vec<Known>,
    /// What is true of flows.
    flows: Vec<Flows>,
    /// What is true of content types.
    types: Vec<Types>,
    /// What is true of what is noted.
    noted: Vec<Noted>,
    has_seen_notes: bool,
}

#[derive(Debug)]
enum Node {
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    /// What a row tells.
    Row(Term, Filter),
    /// What its process tells, by the place in [`Judge::processes`].
    Process(usize),
    /// What its flow tells, by the place in [`Judge::flows`].
    Flow(usize),
    /// Its content types tell, by the place in [`Judge::types`].
    Types(usize),
    /// What is noted of it tells, by the place in [`Judge::noted`].
    Noted(usize),
}

/// An operator on processes, and for which it holds, by their places.
#[derive(Debug)]
struct Known {
    filter: Filter,
    holds: Vec<Option<bool>>,
}

impl Judge {
    pub(crate) fn new(filter: Filter) -> Self {
        let mut judge = Self {
            node: Node::All(Vec::new()),
            processes: Vec::new(),
            flows: Vec::new(),
            types: Vec::new(),
            noted: Vec::new(),
            has_seen_notes: false,
            filter: filter.clone(),
        };
        judge.node = judge.compile(filter.expr());
        judge
    }

    pub(crate) const fn filter(&self) -> &Filter {
        &self.filter
    }

    /// Returns whether it asks how long something took, which of an open flow changes by itself.
    pub(crate) fn asks_time(&self) -> bool {
        self.filter.expr().terms().any(|term| matches!(term, Term::Time(_)))
    }

    fn compile(&mut self, expr: &Expr) -> Node {
        match expr {
            Expr::And(all) => Node::All(all.iter().map(|it| self.compile(it)).collect()),
            Expr::Or(any) => Node::Any(any.iter().map(|it| self.compile(it)).collect()),
            Expr::Not(it) => Node::Not(Box::new(self.compile(it))),
            Expr::Term(term) => {
                let filter = self.filter.with(Expr::Term(term.clone()));
                match term {
                    Term::Pid(_)
                    | Term::Tree(_)
                    | Term::User(_)
                    | Term::Text(Text::Container | Text::Process, _) => {
                        self.processes.push(Known { filter, holds: Vec::new() });
                        Node::Process(self.processes.len() - 1)
                    }
                    term if let Some(flows) = flows::about(term) => {
                        self.flows.push(flows);
                        Node::Flow(self.flows.len() - 1)
                    }
                    term if types::is_about(term) => {
                        self.types.push(Types::new(filter));
                        Node::Types(self.types.len() - 1)
                    }
                    term if noted::is_about(term) => {
                        self.noted.push(Noted::new(filter));
                        Node::Noted(self.noted.len() - 1)
                    }
                    _ => Node::Row(term.clone(), filter),
                }
            }
        }
    }

    /// Returns whether it asks what is noted.
    pub(crate) const fn asks_notes(&self) -> bool {
        !self.noted.is_empty()
    }

    /// Judges anew what is noted of a line.
    pub(crate) fn note(&mut self, reader: &Reader, id: LineId) -> Result<(), ReadError> {
        match flow_of(None) {
            Some(bare) => noted::see_one(&mut self.noted, reader, id, &bare),
            None => Ok(()),
        }
    }

    /// Forgets what was noted of a line that is gone.
    pub(crate) fn forget_notes(&mut self, id: LineId) {
        self.noted.iter_mut().for_each(|it| it.forget(id));
    }

    /// Forgets what was true of flows, which stand elsewhere now.
    pub(crate) fn forget_flows(&mut self) {
        self.flows.iter_mut().for_each(Flows::forget);
    }

    /// Judges a flow anew of which something else is told by now.
    pub(crate) fn see_flow(
        &mut self,
        reader: &Reader,
        rows: &Rows,
        flow: FlowId,
    ) -> Result<(), ReadError> {
        self.flows.iter_mut().try_for_each(|it| it.see(reader, rows, flow))
    }

    /// Judges the processes and flows that are new, and, the first time, what is noted.
    pub(crate) fn meet(&mut self, reader: &Reader, rows: &Rows) -> Result<(), ReadError> {
        if !self.has_seen_notes
            && let Some(bare) = flow_of(None)
        {
            noted::see_all(&mut self.noted, reader, &bare)?;
            self.has_seen_notes = true;
        }
        self.types.iter_mut().for_each(|it| it.meet(rows));
        let met = self.processes.first().map_or(usize::MAX, |known| known.holds.len());
        for facts in rows.processes().iter().skip(met) {
            let process = reader.process(facts.id)?;
            let is_there = process.is_some();
            let flow = flow_of(process).filter(|_| is_there).map(Arc::new).map(Finished::Flow);
            for known in &mut self.processes {
                known.holds.push(flow.as_ref().and_then(|flow| known.holds_for(flow)));
            }
        }
        self.flows.iter_mut().try_for_each(|it| it.meet(reader, rows))
    }

    /// Judges a row; `None` if its record must tell.
    pub(crate) fn judge(&self, rows: &Rows, row: &Row) -> Option<bool> {
        self.holds(&self.node, rows, row)
    }

    fn holds(&self, node: &Node, rows: &Rows, row: &Row) -> Option<bool> {
        match node {
            Node::All(all) => {
                let mut holds = Some(true);
                for it in all {
                    match self.holds(it, rows, row) {
                        Some(false) => return Some(false),
                        Some(true) => {}
                        None => holds = None,
                    }
                }
                holds
            }
            Node::Any(any) => {
                let mut holds = Some(false);
                for it in any {
                    match self.holds(it, rows, row) {
                        Some(true) => return Some(true),
                        Some(false) => {}
                        None => holds = None,
                    }
                }
                holds
            }
            Node::Not(it) => self.holds(it, rows, row).map(|holds| !holds),
            Node::Process(index) => {
                let place = rows.flow_of(row).process as usize;
                if place >= rows.processes().len() {
                    return Some(false);
                }
                self.processes[*index].holds.get(place).copied().flatten()
            }
            Node::Flow(index) => of_its_flow(&self.flows[*index], rows, row),
            Node::Types(_) if row.exchange().is_none() => Some(false),
            Node::Types(index) => self.types[*index].holds(rows, row),
            Node::Noted(index) => self.noted[*index].holds(rows.id(row)),
            Node::Row(term, filter) if row.exchange().is_some() => {
                of_exchange(term, filter, rows, row)
            }
            Node::Row(term, filter) => of_flow(term, filter, rows, row),
        }
    }
}

impl Known {
    fn holds_for(&self, flow: &Finished) -> Option<bool> {
        RecordRow::of(flow).map(|row| self.filter.matches(&row))
    }
}

/// Makes a flow of which there is only its process to know.
fn flow_of(process: Option<Arc<Process>>) -> Option<Flow> {
    let nowhere = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0);
    let key = FlowKey { transport: Transport::Tcp, client: nowhere, server: nowhere };
    let event = Event::Opened(Opened { key, process, via: String::new() });
    let mut book = Book::default();
    book.apply(&Entry { at: SystemTime::UNIX_EPOCH, flow: FlowId(0), event });
    book.open_flows().next().cloned()
}

/// Returns what the row of its flow tells of a line, where its own does not.
fn of_its_flow(flows: &Flows, rows: &Rows, row: &Row) -> Option<bool> {
    let of_flow = || flows.holds(row);
    if row.exchange().is_none() {
        return match flows.text() {
            Text::Domain => {
                let named = rows.url(row).and_then(|url| url.rsplit_once(' '));
                Some(named.is_some_and(|(host, _)| flows.pattern().finds(host)))
            }
            _ => of_flow(),
        };
    }
    match flows.text() {
        Text::Domain => match row.is_dns(rows.method(row))? {
            true => of_flow(),
            false => match rows.url(row).filter(|url| !url.is_empty()) {
                Some(url) => Some(flows.pattern().finds(host(url))),
                None => of_flow(),
            },
        },
        Text::Protocol => {
            let of_version = |version: &Version| {
                version.number() == row.version && flows.pattern().finds(version.name())
            };
            match of_flow() {
                Some(true) => Some(true),
                _ if Version::ALL.iter().any(of_version) => Some(true),
                // It may have one that the row does not tell.
                _ if row.version == UNKNOWN => None,
                told => told,
            }
        }
        _ => of_flow(),
    }
}

/// Returns what the row of an exchange tells.
fn of_exchange(term: &Term, filter: &Filter, rows: &Rows, row: &Row) -> Option<bool> {
    match term {
        Term::Code(code) => {
            let is_dns = row.is_dns(rows.method(row));
            match row.responder {
                _ if is_dns == Some(true) => Some(false),
                Responder::Unknown => None,
                _ if row.status == Some(*code) => is_dns.map(|is_dns| !is_dns),
                _ => Some(false),
            }
        }
        Term::Flag(flag) => of_exchange_flag(*flag, rows, row),
        Term::Since(_) => Some(filter.matches(&Facts::of(row))),
        Term::Size(_) => row.tells_bytes().then(|| filter.matches(&Facts::of(row))),
        Term::Time(_) => Some(filter.matches(&Facts::of(row))),
        Term::Text(text, pattern) => of_exchange_text(*text, pattern, rows, row),
        _ => None,
    }
}

fn of_exchange_flag(flag: Flag, rows: &Rows, row: &Row) -> Option<bool> {
    let method = rows.method(row);
    let has_response = match row.responder {
        Responder::Nobody => Some(false),
        Responder::Unknown => row.status.map(|_| true),
        Responder::Rule | Responder::Server => Some(true),
    };
    match flag {
        Flag::All => Some(true),
        Flag::Dns => row.is_dns(method),
        Flag::Error => {
            let is_cut = !row.has_ended() && rows.flow_of(row).failed();
            Some(row.failure.is_some() || is_cut)
        }
        Flag::Http => row.is_dns(method).map(|is_dns| !is_dns),
        Flag::Request => has_response.map(|it| !it),
        Flag::Response => has_response,
        Flag::Tcp | Flag::Udp => Some(false),
        Flag::WebSocket => match row.status {
            _ if row.responder == Responder::Unknown => None,
            Some(101) => None,
            // Over HTTP/1 it is switched to, later it is what is connected to.
            Some(200..300) if method == Some("CONNECT") && row.version >= 20 => None,
            _ => Some(false),
        },
        _ => None,
    }
}

fn of_exchange_text(text: Text, pattern: &Pattern, rows: &Rows, row: &Row) -> Option<bool> {
    let method = rows.method(row);
    // A record is empty where it has nothing to tell; rows of HTTP have its URL.
    let is_dns = row.is_dns(method);
    let url = rows.url(row).filter(|url| !url.is_empty() && is_dns == Some(false));
    let no_body = |bytes: &[u64]| {
        let is_empty = bytes.iter().all(|bytes| *bytes == 0);
        (is_empty && !pattern.is_match(b"")).then_some(false)
    };
    match text {
        Text::Body if row.tells_bytes() => no_body(&[row.request_bytes, row.response_bytes]),
        Text::BodyRequest => no_body(&[row.request_bytes]),
        Text::BodyResponse if row.tells_bytes() => no_body(&[row.response_bytes]),
        Text::Method => match method {
            // What is no UTF-8 stands in rows as far as it can be shown.
            Some(method) if method.contains(char::REPLACEMENT_CHARACTER) => None,
            _ if is_dns == Some(true) => Some(false),
            Some("DNS") if is_dns.is_none() => (!pattern.finds("DNS")).then_some(false),
            method => Some(method.is_some_and(|method| pattern.finds(method))),
        },
        // That of DNS has the question's kind behind its name.
        Text::Url if is_dns == Some(true) => {
            let name = rows.url(row).and_then(|url| url.rsplit_once(' '));
            Some(name.is_some_and(|(name, _)| pattern.finds(name)))
        }
        Text::Url => url.map(|url| pattern.finds(url)),
        _ => None,
    }
}

/// Returns what the row of a flow tells.
fn of_flow(term: &Term, filter: &Filter, rows: &Rows, row: &Row) -> Option<bool> {
    let has_ended = row.has_ended();
    match term {
        Term::Code(_) => Some(false),
        Term::Flag(flag) => match flag {
            Flag::All => Some(true),
            Flag::Error => Some(row.failure.is_some()),
            Flag::Tcp => Some(rows.method(row) == Some("TCP")),
            Flag::Udp => Some(rows.method(row) == Some("UDP")),
            Flag::Asset
            | Flag::Dns
            | Flag::Http
            | Flag::Request
            | Flag::Response
            | Flag::WebSocket => Some(false),
            _ => None,
        },
        Term::Since(_) => Some(filter.matches(&Facts::of(row))),
        // One that is open counts as ending where the recording does.
        Term::Size(_) | Term::Time(_) => has_ended.then(|| filter.matches(&Facts::of(row))),
        Term::Text(
            Text::Body
            | Text::BodyRequest
            | Text::BodyResponse
            | Text::ContentType
            | Text::ContentTypeRequest
            | Text::ContentTypeResponse
            | Text::Header
            | Text::HeaderRequest
            | Text::HeaderResponse
            | Text::Method
            | Text::Url,
            _,
        ) => Some(false),
        _ => None,
    }
}

/// What a row has of times and sizes.
struct Facts {
    started: SystemTime,
    took: Option<Duration>,
    bytes: u64,
}

impl Facts {
    fn of(row: &Row) -> Self {
        let took = row.took().map(Duration::from_nanos);
        Self { started: row.started(), took, bytes: row.bytes() }
    }
}

impl Subject for Facts {
    fn kind(&self) -> Kind {
        Kind::Http
    }

    fn size(&self) -> Option<u64> {
        Some(self.bytes)
    }

    fn duration(&self) -> Option<Duration> {
        self.took
    }

    fn started(&self) -> Option<SystemTime> {
        Some(self.started)
    }
}
