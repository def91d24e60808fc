//! What rows hold for sure, and what they may hold.

use sidestream_record::Part;

use super::cond::Cond;
use super::like::finds;
use crate::{Compare, Pattern, Term, Text, Who};

/// The rows that match for sure, and those that can match at all.
#[derive(Clone, Debug)]
pub(super) struct Bounds {
    pub(super) least: Cond,
    pub(super) most: Cond,
}

impl Bounds {
    /// The columns tell.
    pub(super) fn exactly(cond: Cond) -> Self {
        Self { least: cond.clone(), most: cond }
    }

    /// Only such rows can match.
    pub(super) const fn at_most(most: Cond) -> Self {
        Self { least: Cond::Never, most }
    }

    /// The columns tell nothing.
    pub(super) const fn unknown() -> Self {
        Self::at_most(Cond::Always)
    }

    /// No row matches.
    pub(super) const fn never() -> Self {
        Self { least: Cond::Never, most: Cond::Never }
    }

    pub(super) fn all(all: impl Iterator<Item = Self>) -> Self {
        let (least, most): (Vec<_>, Vec<_>) = all.map(|it| (it.least, it.most)).unzip();
        Self { least: Cond::all(least), most: Cond::all(most) }
    }

    pub(super) fn any(any: impl Iterator<Item = Self>) -> Self {
        let (least, most): (Vec<_>, Vec<_>) = any.map(|it| (it.least, it.most)).unzip();
        Self { least: Cond::any(least), most: Cond::any(most) }
    }

    pub(super) fn negated(self) -> Self {
        Self { least: self.most.negated(), most: self.least.negated() }
    }
}

/// Returns what is noted, where the columns have it in a table of that name.
pub(super) fn of_notes(table: &str, term: &Term) -> Option<Bounds> {
    use crate::Flag;
    // This is what the index asks as well.
    let noted = Cond::is(&format!("({table}.notes IS NOT NULL)"));
    let column = |name: &str| format!("{table}.{name}");
    Some(match term {
        Term::Flag(Flag::Marked) => {
            let marked = Cond::is(&format!("({} IS NOT NULL)", column("marker")));
            Bounds::exactly(Cond::all([noted, marked]))
        }
        Term::Flag(Flag::Replay | Flag::ReplayRequest | Flag::ReplayResponse)
        | Term::Text(Text::Metadata, _) => Bounds::at_most(noted),
        Term::Text(Text::Marker, pattern) => {
            Bounds::at_most(Cond::all([noted, finds(&column("marker"), pattern)]))
        }
        Term::Text(Text::Comment, pattern) => {
            Bounds::at_most(Cond::all([noted, finds(&column("comment"), pattern)]))
        }
        _ => return None,
    })
}

/// Returns what the process of a flow says, if the operator is about that.
pub(super) fn of_process(term: &Term) -> Option<Bounds> {
    let has_process = || Bounds::at_most(Cond::is("(process.id IS NOT NULL)"));
    Some(match term {
        Term::Pid(pid) => Bounds::exactly(Cond::with("(process.pid IS ?)", i64::from(*pid))),
        Term::Tree(Who::Id(_) | Who::Named(_)) | Term::User(_) | Term::Text(Text::Container, _) => {
            has_process()
        }
        Term::Text(Text::Process, pattern) => {
            let [name, path] = ["process.name", "process.path"].map(|it| finds(it, pattern));
            Bounds::at_most(Cond::any([name, path]))
        }
        _ => return None,
    })
}

/// Returns which flows can have been to a server, or have asked TLS for something, at any time, if
/// the operator is about that.
///
/// What is told of these is only added to, so what was not so in the end never was.
pub(super) fn of_peers(text: Text, pattern: &Pattern) -> Option<Bounds> {
    let told = |column| Cond::any([finds(column, pattern), is_untold(column)]);
    Some(Bounds::at_most(match text {
        Text::Alpn => told("flow.alpn"),
        Text::Destination => {
            let port = "substr(flow.server, 1 + length(rtrim(flow.server, '0123456789')))";
            let named = finds(&format!("(flow.host || ':' || {port})"), pattern);
            // The name goes with the ports of these, too.
            let others = "(flow.host IS NOT NULL AND ifnull(flow.servers <> '', 1))";
            let server = finds("flow.server", pattern);
            Cond::any([server, named, told("flow.servers"), Cond::is(others)])
        }
        Text::Ja4 => told("flow.ja4"),
        Text::Sni => told("flow.sni"),
        _ => return None,
    }))
}

/// Holds where only the entries tell a text that rows have since 3.1.
pub(super) fn is_untold(column: &str) -> Cond {
    Cond::is(&format!("(ifnull(instr({column}, char(65533)) > 0, 1))"))
}

/// Writes a comparison of an expression with a value, which is NULL where the expression is.
pub(super) fn compared<T>(expression: &str, compare: &Compare<T>) -> String {
    format!("{expression} {} ?", compare.order.sign())
}

/// Returns the column that counts the bytes of a body.
pub(super) const fn bytes_column(part: Part) -> &'static str {
    match part {
        Part::Request => "(exchange.request_bytes > 0)",
        Part::Response => "(exchange.response_bytes > 0)",
    }
}

/// Returns a time as the tables have it, in nanoseconds since 1970; `None` if they cannot.
pub(super) fn nanoseconds(at: std::time::SystemTime) -> Option<i64> {
    match at.duration_since(std::time::SystemTime::UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_nanos()).ok(),
        Err(before) => i64::try_from(before.duration().as_nanos()).ok().map(|it| -it),
    }
}
