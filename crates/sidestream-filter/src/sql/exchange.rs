//! What the list of exchanges tells.
//!
//! What an exchange tells of its flow is what was known when it ended: what the row of the flow
//! tells, unless that was another until later (`told_seq`).
//!
//! Rows that older versions wrote have NULL for `version`, `answered` and the content types, those
//! of flows for `told_seq`. Of these, a response that a rule gave in a server's place stands in no column: where `status` is
//! NULL there may be one all the same; and `method` is `DNS` for a query, and for whoever sends that
//! method.

use std::time::SystemTime;

use sidestream_record::{Part, Version};

use super::bounds::{
    Bounds, bytes_column, compared, is_untold, nanoseconds, of_notes, of_peers, of_process,
};
use super::cond::Cond;
use super::like::finds;
use crate::matches::{ASSETS, beginning};
use crate::{Flag, Pattern, Since, Term, Text};

/// Returns what the columns of an exchange tell of an operator.
pub(super) fn bounds(term: &Term, now: SystemTime) -> Bounds {
    if let Some(bounds) = of_process(term).or_else(|| of_notes("exchange", term)) {
        return bounds;
    }
    match term {
        Term::Code(code) => {
            let is = || Cond::with(format!("({STATUS} IS ?)"), i64::from(*code));
            let least = Cond::all([is(), is_http(), has_no_told_status().negated()]);
            let most = Cond::any([is(), has_no_told_status()]);
            Bounds { least, most: Cond::all([is_dns().negated(), most]) }
        }
        Term::Flag(flag) => of_flag(*flag),
        Term::Since(since) => of_since("exchange.started", *since, now),
        Term::Size(compare) => {
            let Ok(with) = i64::try_from(compare.with) else { return Bounds::unknown() };
            let sum = "(exchange.request_bytes + exchange.response_bytes)";
            let is = || Cond::with(format!("({})", compared(sum, compare)), with);
            let least = Cond::all([is(), has_other_body().negated()]);
            Bounds { least, most: Cond::any([is(), has_other_body()]) }
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

/// The status that the client got, where a row tells it; a server's where both are told.
const STATUS: &str = "coalesce(exchange.status, nullif(exchange.answered, 0))";

/// Holds where only the entries tell the status, and where only they tell whether there is one.
fn has_no_told_status() -> Cond {
    let two = "iif(exchange.answered > 0, exchange.status IS NOT NULL, exchange.answered < 0)";
    Cond::is(&format!("(ifnull({two}, exchange.status IS NULL))"))
}

/// Holds where there may be a body of the response that is not counted: one that a rule gave.
fn has_other_body() -> Cond {
    Cond::is("(ifnull(exchange.answered <> 0, exchange.status IS NULL))")
}

/// Holds where there is no response for sure.
fn has_no_response() -> Cond {
    Cond::is("(exchange.status IS NULL AND exchange.answered IS 0)")
}

/// Holds where there is a response for sure.
fn has_response() -> Cond {
    Cond::is("(exchange.status IS NOT NULL OR ifnull(exchange.answered <> 0, 0))")
}

/// Holds for HTTP alone.
fn is_http() -> Cond {
    Cond::is("ifnull(exchange.version > 0, ifnull(exchange.method <> 'DNS', 0))")
}

/// Holds for DNS alone.
fn is_dns() -> Cond {
    Cond::is("ifnull(exchange.version = 0, 0)")
}

/// Holds where the name or protocol of the flow may have been another when the exchange ended.
fn may_have_been_another(column: &str) -> Cond {
    let later = "exchange.ended IS NOT NULL AND ifnull(exchange.last_seq < flow.told_seq, 1)";
    Cond::is(&format!("({column} IS NOT NULL AND {later})"))
}

/// Returns the column of a content type.
const fn type_column(part: Part) -> &'static str {
    match part {
        Part::Request => "exchange.request_type",
        Part::Response => "exchange.response_type",
    }
}

/// Holds where only the entries tell a content type.
fn has_no_told_type(part: Part) -> Cond {
    let none = match part {
        Part::Request => Cond::Never,
        Part::Response => has_no_response(),
    };
    Cond::all([is_untold(type_column(part)), none.negated(), is_dns().negated()])
}

fn of_flag(flag: Flag) -> Bounds {
    match flag {
        Flag::All => Bounds::exactly(Cond::Always),
        Flag::Asset => {
            let like = |asset| format!("exchange.response_type LIKE '%{asset}%'");
            let is_one = ASSETS.map(like).join(" OR ");
            // LIKE reads a text up to its first NUL.
            let odd = "ifnull(instr(exchange.response_type, char(0)) > 0, 0)";
            let untold = || Cond::any([has_no_told_type(Part::Response), Cond::is(odd)]);
            let is = || Cond::is(&format!("ifnull({is_one}, 0)"));
            let least = Cond::all([is(), untold().negated()]);
            Bounds { least, most: Cond::any([is(), untold()]) }
        }
        Flag::Dns => Bounds { least: is_dns(), most: is_http().negated() },
        Flag::Error => {
            let cut = "(exchange.ended IS NULL AND flow.failure IS NOT NULL)";
            let failed = format!("(exchange.failure IS NOT NULL OR {cut})");
            Bounds::exactly(Cond::is(&failed))
        }
        Flag::Http => Bounds { least: is_http(), most: is_dns().negated() },
        Flag::Request => Bounds { least: has_no_response(), most: has_response().negated() },
        Flag::Response => Bounds { least: has_response(), most: has_no_response().negated() },
        Flag::Tcp | Flag::Udp => Bounds::never(),
        Flag::WebSocket => {
            // Over HTTP/1 it is switched to, later it is what is connected to.
            let later = "exchange.method IS 'CONNECT' AND ifnull(exchange.version >= 20, 1)";
            let opens = format!("({STATUS} = 101 OR {STATUS} BETWEEN 200 AND 299 AND {later})");
            let may = Cond::is(&format!("ifnull({opens}, 0)"));
            Bounds::at_most(Cond::any([has_no_told_status(), may]))
        }
        // What is noted is asked for before.
        Flag::Marked | Flag::Replay | Flag::ReplayRequest | Flag::ReplayResponse => {
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
        let other = parts.contains(&Part::Response).then(has_other_body);
        Bounds::at_most(Cond::any(bytes.chain(other)))
    };
    let has_type = |parts: &[Part]| {
        // An empty one stands as one that is not there.
        if pattern.is_match(b"") {
            return Bounds::unknown();
        }
        let types = parts.iter().map(|part| {
            let column = type_column(*part);
            let is_one = Cond::is(&format!("(ifnull({column}, '') <> '')"));
            Cond::all([is_one, finds(column, pattern)])
        });
        Bounds::at_most(Cond::any(types.chain(parts.iter().map(|part| has_no_told_type(*part)))))
    };
    match text {
        Text::Body => has_body(&[Part::Request, Part::Response]),
        Text::BodyRequest => has_body(&[Part::Request]),
        Text::BodyResponse => has_body(&[Part::Response]),
        Text::ContentType => has_type(&[Part::Request, Part::Response]),
        Text::ContentTypeRequest => has_type(&[Part::Request]),
        Text::ContentTypeResponse => has_type(&[Part::Response]),
        Text::Domain => {
            // Without a URL it is the name of the flow.
            let none = Cond::is("(ifnull(exchange.url, '') = '')");
            let named = [finds("flow.host", pattern), may_have_been_another("flow.host")];
            let of_flow = [Cond::any([none, is_http().negated()]), Cond::any(named)];
            Bounds::at_most(Cond::any([finds("exchange.url", pattern), Cond::all(of_flow)]))
        }
        Text::Method => Bounds::at_most(finds("exchange.method", pattern)),
        Text::Protocol => {
            let may_be = [finds("flow.protocol", pattern), may_have_been_another("flow.protocol")];
            let versions = Version::ALL.iter().filter(|version| pattern.finds(version.name()));
            let spoken = versions.map(|version| {
                Cond::is(&format!("(ifnull(exchange.version = {}, 1))", version.number()))
            });
            Bounds::at_most(Cond::any(may_be.into_iter().chain(spoken)))
        }
        Text::Source => Bounds::at_most(finds("flow.client", pattern)),
        Text::Url => {
            let none = Cond::is("(exchange.url IS NULL)");
            Bounds::at_most(Cond::any([finds("exchange.url", pattern), none]))
        }
        _ => of_peers(text, pattern).unwrap_or_else(Bounds::unknown),
    }
}
