//! What stands below a line: heads, trailers, bodies, advice, defects, alterations.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::SystemTime;

use sidestream::flow::Peer;
use sidestream::record::wording::{self, text};
use sidestream::record::{
    Advised, Alteration, Certificate, DnsMessage, Exchange, Field, Fields, Flow, Part, RequestHead,
    ResponseHead,
};
use sidestream::view::Schema;

use super::{About, Color, Detail, Style, body};
use crate::identity;
use crate::proto;
use crate::redact::{REDACTED, Redact};

/// How many names of a certificate are printed.
const MAX_NAMES: usize = 8;

/// How details are printed.
#[derive(Clone, Copy)]
pub(super) struct Details<'a> {
    pub(super) detail: Detail,
    pub(super) style: Style,
    pub(super) redact: &'a Redact,
    pub(super) schema: Option<&'a Schema>,
    /// Whether certificates are shown.
    pub(super) certificates: bool,
}

/// Writes what is known of an exchange, in the order in which it went by.
pub(super) fn exchange(
    out: &mut Vec<u8>,
    how: Details<'_>,
    flow: &Flow,
    exchange: &Exchange,
) -> io::Result<()> {
    if how.detail < Detail::Heads {
        return Ok(());
    }
    write_process(out, how, flow)?;
    write_legs(out, how, flow)?;
    if let Some(head) = &exchange.request {
        how.request(out, head)?;
        how.body(out, &head.fields, exchange, Part::Request)?;
    }
    exchange.interim.iter().try_for_each(|head| how.response(out, head))?;
    if let Some(head) = &exchange.response {
        how.response(out, head)?;
        how.body(out, &head.fields, exchange, Part::Response)?;
    }
    for message in [&exchange.query, &exchange.answer].into_iter().flatten() {
        write_dns(out, message)?;
    }
    write_advice(out, &exchange.advice)?;
    how.remarks(out, &exchange.defects, &exchange.alterations)
}

/// Writes what is known of a flow.
pub(super) fn flow(out: &mut Vec<u8>, how: Details<'_>, flow: &Flow) -> io::Result<()> {
    if how.detail < Detail::Heads {
        return Ok(());
    }
    write_process(out, how, flow)?;
    write_legs(out, how, flow)?;
    write_advice(out, &flow.advice)?;
    how.remarks(out, &flow.defects, &flow.alterations)
}

impl Details<'_> {
    fn request(&self, out: &mut Vec<u8>, head: &RequestHead) -> io::Result<()> {
        let RequestHead { method, target, version, fields } = head;
        let line = format!("> {} {} {version}", text(method), text(target));
        writeln!(out, "    {}", self.style.paint(Color::Bold, &line))?;
        self.fields(out, '>', fields)
    }

    fn response(&self, out: &mut Vec<u8>, head: &ResponseHead) -> io::Result<()> {
        let ResponseHead { version, status, reason, fields } = head;
        let line = format!("< {version} {status} {}", text(reason));
        writeln!(out, "    {}", self.style.paint(Color::Bold, line.trim_end()))?;
        self.fields(out, '<', fields)
    }

    fn fields(&self, out: &mut Vec<u8>, mark: char, fields: &Fields) -> io::Result<()> {
        for field in fields {
            let Field { name, value } = field;
            let value = if self.redact.hides(field) { REDACTED.to_owned() } else { text(value) };
            writeln!(out, "    {mark} {}: {value}", text(name))?;
        }
        Ok(())
    }

    fn body(
        &self,
        out: &mut Vec<u8>,
        fields: &Fields,
        exchange: &Exchange,
        part: Part,
    ) -> io::Result<()> {
        let mark = if part == Part::Request { '>' } else { '<' };
        let body = exchange.body(part);
        match self.detail {
            Detail::Bodies if body.bytes > 0 => {
                let of = self.schema.and_then(|schema| proto::message(schema, exchange, part));
                let timing = &exchange.timing;
                let arrival = |(end, at): &(usize, SystemTime)| {
                    Some((*end as u64, timing.since_start(Some(*at))?))
                };
                let arrivals: Vec<_> = body.arrivals.iter().filter_map(arrival).collect();
                let (fields, of) = (Some(fields), of.as_ref());
                let about = About { fields, of, arrivals: &arrivals };
                body::write(out, self.style, about, &body.beginning, body.bytes);
            }
            Detail::Sent if body.bytes > 0 => body::write_sent(out, &body.beginning, body.bytes)?,
            _ => {}
        }
        self.fields(out, mark, &body.trailers)
    }

    fn remarks(
        &self,
        out: &mut Vec<u8>,
        defects: &[String],
        alterations: &[Alteration],
    ) -> io::Result<()> {
        for defect in defects {
            let line = format!("! {}", text(defect.as_bytes()));
            writeln!(out, "    {}", self.style.paint(Color::Yellow, &line))?;
        }
        for alteration in alterations {
            let line = format!("~ {}", text(wording::alteration(alteration).as_bytes()));
            writeln!(out, "    {}", self.style.paint(Color::Cyan, &line))?;
        }
        Ok(())
    }
}

/// Writes where the process belongs, if that is known; its name and id stand in the line above.
fn write_process(out: &mut Vec<u8>, how: Details<'_>, flow: &Flow) -> io::Result<()> {
    let Some(process) = flow.process.as_deref() else { return Ok(()) };
    let parts = [
        ("with the rights of", process.effective_user.as_ref().map(identity::user)),
        ("unit", process.unit.clone()),
        ("container", process.container.as_ref().map(identity::container)),
        ("package", process.package.clone()),
    ];
    let known: Vec<String> = parts
        .iter()
        .filter_map(|(what, value)| Some(format!("{what} {}", text(value.as_ref()?.as_bytes()))))
        .collect();
    if known.is_empty() {
        return Ok(());
    }
    let user = process.user.as_ref().map(|user| format!("user {}, ", identity::user(user)));
    let line = format!("* {}{}", user.unwrap_or_default(), known.join(", "));
    writeln!(out, "    {}", how.style.paint(Color::Dim, &line))
}

fn write_legs(out: &mut Vec<u8>, how: Details<'_>, flow: &Flow) -> io::Result<()> {
    let legs = [("", flow.client_tls()), ("server: ", flow.server_tls())];
    let mut legs = legs.into_iter().filter_map(|(of, leg)| leg.map(|leg| (of, leg)));
    legs.try_for_each(|(of, leg)| {
        let line = format!("* {of}{}", text(wording::tls(leg).as_bytes()));
        writeln!(out, "    {}", how.style.paint(Color::Dim, &line))?;
        let shown = if how.certificates { &leg.certificates[..] } else { &[] };
        for line in certificate(shown) {
            let line = format!("* {of}{}", text(line.as_bytes()));
            writeln!(out, "    {}", how.style.paint(Color::Dim, &line))?;
        }
        Ok(())
    })
}

/// Words what a peer showed, in lines.
fn certificate(shown: &[Arc<Certificate>]) -> Vec<String> {
    let Some((own, behind)) = shown.split_first() else { return Vec::new() };
    let mut lines = vec![format!("certificate {}", own.subject)];
    if !own.names.is_empty() {
        let more = own.names.len().saturating_sub(MAX_NAMES);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let names = own.names.get(..MAX_NAMES).unwrap_or(&own.names);
        lines.push(format!("  for {}{more}", names.join(", ")));
    }
    lines.push(format!("  issued by {}", own.issuer));
    if let (Some(from), Some(until)) = (own.not_before, own.not_after) {
        lines.push(format!("  valid from {} until {}", time(from), time(until)));
    }
    let behind = match behind.len() {
        0 => String::new(),
        more => format!(", {more} more behind it"),
    };
    lines.push(format!("  SHA-256 {}{behind}", own.fingerprint()));
    lines
}

/// Words a time as in RFC 3339, in UTC.
fn time(at: SystemTime) -> String {
    jiff::Timestamp::try_from(at).unwrap_or_default().to_string()
}

/// Writes the frames in which peers advise each other.
fn write_advice(out: &mut Vec<u8>, advice: &[Advised]) -> io::Result<()> {
    advice.iter().try_for_each(|advised| {
        let mark = if advised.from == Peer::Client { '>' } else { '<' };
        writeln!(out, "    {mark} {}", wording::advice(advised))
    })
}

fn write_dns(out: &mut Vec<u8>, message: &DnsMessage) -> io::Result<()> {
    if !message.response {
        return writeln!(out, "    > {}", text(wording::dns_question(message).as_bytes()));
    }
    writeln!(out, "    < {}", wording::rcode(message.rcode))?;
    for record in &message.answers {
        let line = format!("{} {} {} {}", record.name, record.ttl, record.kind, record.data);
        writeln!(out, "    < {}", text(line.as_bytes()))?;
    }
    Ok(())
}
