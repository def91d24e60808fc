//! What the list of flows tells of the messages in them.

use super::bounds::{Bounds, of_peers, of_process};
use super::cond::Cond;
use super::like::finds;
use crate::{Flag, Term, Text};

/// Returns what the columns of a flow tell of an operator on its messages.
pub(super) fn bounds(term: &Term) -> Bounds {
    if let Some(bounds) = of_process(term) {
        return bounds;
    }
    let is_tcp = || Cond::is("(flow.transport = 'tcp')");
    match term {
        Term::Code(_) | Term::Time(_) => Bounds::never(),
        Term::Flag(Flag::All) => Bounds::exactly(Cond::Always),
        Term::Flag(
            Flag::Asset
            | Flag::Dns
            | Flag::Error
            | Flag::Marked
            | Flag::Replay
            | Flag::ReplayRequest
            | Flag::ReplayResponse,
        ) => Bounds::never(),
        Term::Flag(Flag::Tcp) => Bounds::at_most(is_tcp()),
        Term::Flag(Flag::Udp) => Bounds::at_most(is_tcp().negated()),
        Term::Text(Text::Source, pattern) => Bounds::at_most(finds("flow.client", pattern)),
        Term::Text(
            Text::Comment
            | Text::ContentType
            | Text::ContentTypeRequest
            | Text::ContentTypeResponse
            | Text::Header
            | Text::HeaderRequest
            | Text::HeaderResponse
            | Text::Marker
            | Text::Metadata
            | Text::Method,
            _,
        ) => Bounds::never(),
        // It may have been another when the message went by.
        Term::Text(Text::Protocol, _) => Bounds::at_most(Cond::is("(flow.protocol IS NOT NULL)")),
        Term::Text(text, pattern) => of_peers(*text, pattern).unwrap_or_else(Bounds::unknown),
        _ => Bounds::unknown(),
    }
}
