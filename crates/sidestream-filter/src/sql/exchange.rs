//! What the list of exchanges tells.
//!
//! A response that a rule gave in a server's place stands in no column: where `status` is NULL
//! there may be one all the same. `method` is `DNS` for a query, and for whoever sends that method.

use std::time::SystemTime;

use sidestream_record::Part;

use super::bounds::{Bounds, bytes_column, compared, nanoseconds, of_notes, of_process};
use super::cond::Cond;
use super::like::finds;
use crate::matches::beginning;
use crate::{Flag, Pattern, Since, Term, Text};

/// Returns what the columns of an exchange tell of an operator.
pub(super) fn bounds(term: &Term, now: SystemTime) -> Bounds {
    if let Some(bounds) = of_process(term).or_else(|| of_notes("exchange", term)) {
        return bounds;
    }
    match term {
        Term::Code(code) => {
            let is = || Cond::with("(exchange.status IS ?)", i64::from(*code));
            Bounds { least: Cond::all([is(), is_http()]), most: Cond::any([is(), no_status()]) }
        }
        Term::Flag(flag) => of_flag(*flag),
        Term::Since(since) => of_since("exchange.started", *since, now),
        Term::Size(compare) => {
            let Ok(with) = i64::try_from(compare.with) else { return Bounds::unknown() };
            let sum = "(exchange.request_bytes + exchange.response_bytes)";
            let is = || Cond::with(format!("({})", compared(sum, compare)), with);
            let least = Cond::all([is(), no_status().negated()]);
            Bounds { least, most: Cond::any([is(), no_status()]) }
        }
        Term::Text(text, pattern) => of_text(*text, pattern),
        Term::Time(compare) => {
            let with = i64::try_from(compare.with.as_nanos()).unwrap_or(i64::MAX);
            let took = compared("max(exchange.ended - exchange.started, 0)", compare);
            Bounds::exactly(Cond::with(format!("ifnull({took}, 0)"), with))
        }
        _ => Bounds::unknown(),
    }
}

/// Returns what the beginning of something tells.
pub(super) fn of_since(column: &str, since: Since, now: SystemTime) -> Bounds {
    match beginning(since, now).map(nanoseconds) {
        Some(Some(at)) => Bounds::exactly(Cond::with(format!("({column} >= ?)"), at)),
        None => Bounds::exactly(Cond::Always),
        Some(None) => Bounds::unknown(),
    }
}

fn no_status() -> Cond {
    Cond::is("(exchange.status IS NULL)")
}

/// Holds for HTTP alone.
fn is_http() -> Cond {
    Cond::is("ifnull(exchange.method <> 'DNS', 0)")
}

/// Holds for all DNS.
fn may_be_dns() -> Cond {
    is_http().negated()
}

fn of_flag(flag: Flag) -> Bounds {
    match flag {
        Flag::All => Bounds::exactly(Cond::Always),
        Flag::Dns => Bounds::at_most(may_be_dns()),
        Flag::Error => {
            let cut = "(exchange.ended IS NULL AND flow.failure IS NOT NULL)";
            let failed = format!("(exchange.failure IS NOT NULL OR {cut})");
            Bounds::exactly(Cond::is(&failed))
        }
        Flag::Http => Bounds { least: is_http(), most: Cond::Always },
        Flag::Request => Bounds::at_most(no_status()),
        Flag::Response => Bounds { least: no_status().negated(), most: Cond::Always },
        Flag::Tcp | Flag::Udp => Bounds::never(),
        Flag::WebSocket => {
            let opens = "(exchange.status = 101 OR exchange.status BETWEEN 200 AND 299)";
            Bounds::at_most(Cond::any([no_status(), Cond::is(&format!("ifnull({opens}, 0)"))]))
        }
        // What is noted is asked for before.
        Flag::Asset | Flag::Marked | Flag::Replay | Flag::ReplayRequest | Flag::ReplayResponse => {
            Bounds::unknown()
        }
    }
}

fn of_text(text: Text, pattern: &Pattern) -> Bounds {
    let has_body = |parts: &[Part]| {
        // What is found in nothing is found where there is no body.
        if pattern.is_match(b"") {
            return Bounds::unknown();
        }
        let bytes = parts.iter().map(|part| Cond::is(bytes_column(*part)));
        Bounds::at_most(Cond::any(bytes.chain([no_status()])))
    };
    match text {
        Text::Body => has_body(&[Part::Request, Part::Response]),
        Text::BodyRequest => has_body(&[Part::Request]),
        Text::BodyResponse => has_body(&[Part::Response]),
        Text::Domain => {
            // Without a URL it is the name of the flow, which may have had another at that time.
            let none = Cond::is("(ifnull(exchange.url, '') = '')");
            Bounds::at_most(Cond::any([finds("exchange.url", pattern), none, may_be_dns()]))
        }
        Text::Method => Bounds::at_most(finds("exchange.method", pattern)),
        Text::Source => Bounds::at_most(finds("flow.client", pattern)),
        Text::Url => {
            let none = Cond::is("(exchange.url IS NULL)");
            Bounds::at_most(Cond::any([finds("exchange.url", pattern), none]))
        }
        _ => Bounds::unknown(),
    }
}
