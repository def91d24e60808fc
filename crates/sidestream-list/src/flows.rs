//! What a filter asks of flows, judged once for each that is there.
//!
//! An exchange knows of its flow what was told until it ended. What the row of the flow tells may
//! have been told later, so there are two answers: for what knows all that the row tells, and for
//! what may know less.

use sidestream_filter::{Pattern, Term, Text};
use sidestream_flow::FlowId;
use sidestream_store::{FlowColumn, ReadError, Reader, Seq};

use crate::row::Row;
use crate::rows::Rows;

/// Marks a text that does not say it all.
const MARK: char = char::REPLACEMENT_CHARACTER;

/// An operator on what is told of flows, and for which it holds.
#[derive(Debug)]
pub(crate) struct Flows {
    text: Text,
    pattern: Pattern,
    /// By the flows' places.
    holds: Vec<Told>,
}

/// Whether an operator holds, as far as the row of a flow tells.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Told {
    /// By all that the row tells.
    by_all: Option<bool>,
    /// By what may have been told before.
    before: Option<bool>,
}

/// Returns the operator, if one is about what is told of flows.
pub(crate) fn about(term: &Term) -> Option<Flows> {
    let Term::Text(text, pattern) = term else { return None };
    let is_one = matches!(
        text,
        Text::Alpn
            | Text::Destination
            | Text::Domain
            | Text::Ja4
            | Text::Protocol
            | Text::Sni
            | Text::Source
    );
    is_one.then(|| Flows { text: *text, pattern: pattern.clone(), holds: Vec::new() })
}

impl Flows {
    pub(crate) const fn text(&self) -> Text {
        self.text
    }

    pub(crate) const fn pattern(&self) -> &Pattern {
        &self.pattern
    }

    /// Returns what the row of its flow tells of a line.
    pub(crate) fn holds(&self, row: &Row) -> Option<bool> {
        let told = self.holds.get(row.flow as usize)?;
        if row.knows_flow { told.by_all } else { told.before }
    }

    /// Forgets what was true of flows, which stand elsewhere now.
    pub(crate) fn forget(&mut self) {
        self.holds.clear();
    }

    /// Judges the flows that are new.
    pub(crate) fn meet(&mut self, reader: &Reader, rows: &Rows) -> Result<(), ReadError> {
        // Whatever has a URL has its name there.
        if self.text == Text::Domain && !rows.has_nameless() {
            return Ok(());
        }
        let met = self.holds.len();
        self.holds.resize(rows.flows().len(), Told::default());
        if met == 0 {
            return self.read(reader, rows, None);
        }
        for facts in rows.flows().get(met..).unwrap_or_default() {
            self.read(reader, rows, Some(facts.id))?;
        }
        Ok(())
    }

    /// Judges a flow anew.
    pub(crate) fn see(
        &mut self,
        reader: &Reader,
        rows: &Rows,
        flow: FlowId,
    ) -> Result<(), ReadError> {
        if self.holds.is_empty() {
            return Ok(());
        }
        self.read(reader, rows, Some(flow))
    }

    /// Reads what is asked for, of one flow or of all.
    fn read(&mut self, reader: &Reader, rows: &Rows, of: Option<FlowId>) -> Result<(), ReadError> {
        let Self { text, pattern, holds } = self;
        let (mut near, is_constant) = (0, *text == Text::Source);
        let mut put = |flow: FlowId, told: Option<Seq>, holds_of: Told| {
            // They come by their ids, and most often stand so.
            let is_it =
                |place: &u32| rows.flows().get(*place as usize).map(|it| it.id) == Some(flow);
            let found = Some(near).filter(is_it).or_else(|| rows.find_flow(flow));
            let Some(place) = found.map(|place| place as usize) else { return };
            near = place as u32 + 1;
            // What was told since is taken up with the entries that tell it.
            let is_level = is_constant || rows.flows()[place].is_told_to(told);
            if let Some(it) = holds.get_mut(place) {
                *it = if is_level { holds_of } else { Told::default() };
            }
        };
        match text {
            Text::Alpn | Text::Ja4 | Text::Sni => {
                let column = match text {
                    Text::Alpn => FlowColumn::Alpn,
                    Text::Ja4 => FlowColumn::Ja4,
                    _ => FlowColumn::Sni,
                };
                reader.flow_texts(of, [column], |flow, told, [lines]| {
                    put(flow, told, of_lines(lines.and_then(|lines| finds_any(pattern, lines))));
                })
            }
            Text::Destination => {
                let columns = [FlowColumn::Server, FlowColumn::Servers, FlowColumn::Host];
                reader.flow_texts(of, columns, |flow, told, [server, servers, host]| {
                    put(flow, told, of_servers(pattern, server.unwrap_or_default(), servers, host));
                })
            }
            Text::Source => reader.flow_texts(of, [FlowColumn::Client], |flow, told, [client]| {
                let finds = client.map(|client| pattern.finds(client));
                put(flow, told, Told { by_all: finds, before: finds });
            }),
            _ => {
                let column = match text {
                    Text::Protocol => FlowColumn::Protocol,
                    _ => FlowColumn::Host,
                };
                reader.flow_texts(of, [column], |flow, told, [name]| {
                    let by_all = Some(name.is_some_and(|name| pattern.finds(name)));
                    // It may have had another, but none where there is none.
                    let before = name.is_none().then_some(false);
                    put(flow, told, Told { by_all, before });
                })
            }
        }
    }
}

/// Returns whether an expression is found in a line, if the lines say it all.
fn finds_any(pattern: &Pattern, lines: &str) -> Option<bool> {
    let is_all = !lines.contains(MARK);
    is_all.then(|| !lines.is_empty() && lines.split('\n').any(|line| pattern.finds(line)))
}

/// What is only added to was not so before where it is not so in the end.
fn of_lines(by_all: Option<bool>) -> Told {
    Told { by_all, before: by_all.filter(|holds| !holds) }
}

/// Judges where a flow went: the server that was meant, those that were reached, and its name with
/// the port of each.
fn of_servers(pattern: &Pattern, server: &str, servers: Option<&str>, host: Option<&str>) -> Told {
    if pattern.finds(server) {
        return Told { by_all: Some(true), before: Some(true) };
    }
    let is_named = |server: &str| {
        let port = server.rsplit_once(':').map_or("", |(_, port)| port);
        host.is_some_and(|host| pattern.finds(&[host, ":", port].concat()))
    };
    let reached = servers.filter(|servers| !servers.contains(MARK));
    let reached = reached.map(|servers| {
        let mut all = servers.split('\n').filter(|server| !server.is_empty());
        all.any(|server| pattern.finds(server) || is_named(server))
    });
    of_lines(if is_named(server) { Some(true) } else { reached })
}
