//! What the list of flows tells of a flow as a line of its own.

use std::time::SystemTime;

use super::bounds::{Bounds, compared, of_notes, of_peers, of_process};
use super::cond::Cond;
use super::exchange::of_since;
use super::like::finds;
use crate::{Flag, Pattern, Term, Text};

/// Returns what the columns of a flow tell of an operator.
pub(super) fn bounds(term: &Term, now: SystemTime) -> Bounds {
    if let Some(bounds) = of_process(term).or_else(|| of_notes("flow", term)) {
        return bounds;
    }
    match term {
        Term::Code(_) => Bounds::never(),
        Term::Flag(flag) => of_flag(*flag),
        Term::Since(since) => of_since("flow.opened", *since, now),
        Term::Size(compare) => {
            let Ok(with) = i64::try_from(compare.with) else { return Bounds::unknown() };
            once_closed(&compared("(flow.received + flow.sent)", compare), with)
        }
        Term::Text(text, pattern) => of_text(*text, pattern),
        Term::Time(compare) => {
            let with = i64::try_from(compare.with.as_nanos()).unwrap_or(i64::MAX);
            once_closed(&compared("max(flow.closed - flow.opened, 0)", compare), with)
        }
        _ => Bounds::unknown(),
    }
}

/// A flow that is not closed counts as one that ends where the recording does.
fn once_closed(text: &str, with: i64) -> Bounds {
    Bounds {
        least: Cond::with(format!("ifnull({text}, 0)"), with),
        most: Cond::with(format!("ifnull({text}, 1)"), with),
    }
}

fn of_flag(flag: Flag) -> Bounds {
    match flag {
        Flag::All => Bounds::exactly(Cond::Always),
        Flag::Error => Bounds::exactly(Cond::is("(flow.failure IS NOT NULL)")),
        Flag::Tcp => Bounds::exactly(Cond::is("(flow.transport = 'tcp')")),
        Flag::Udp => Bounds::exactly(Cond::is("(flow.transport = 'udp')")),
        Flag::Asset | Flag::Dns | Flag::Http | Flag::Request | Flag::Response | Flag::WebSocket => {
            Bounds::never()
        }
        // What is noted is asked for before.
        Flag::Marked | Flag::Replay | Flag::ReplayRequest | Flag::ReplayResponse => {
            Bounds::unknown()
        }
    }
}

fn of_text(text: Text, pattern: &Pattern) -> Bounds {
    match text {
        Text::Domain => Bounds::at_most(finds("flow.host", pattern)),
        Text::Protocol => Bounds::at_most(finds("flow.protocol", pattern)),
        Text::Source => Bounds::at_most(finds("flow.client", pattern)),
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
        | Text::Url => Bounds::never(),
        _ => of_peers(text, pattern).unwrap_or_else(Bounds::unknown),
    }
}
