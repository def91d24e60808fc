//! Judges an expression on a subject.

use std::borrow::Cow;
use std::time::SystemTime;

use sidestream_flow::{Peer, Process};
use sidestream_record::{Fields, Flow, Part};

use crate::{Expr, Flag, Kind, Pattern, Since, Subject, Term, Text, Who};

/// What a response that is an asset calls itself, in lower case.
pub(crate) const ASSETS: [&str; 7] = [
    "text/javascript",
    "application/x-javascript",
    "application/javascript",
    "text/css",
    "image/",
    "font/",
    "application/font",
];

/// Returns whether a subject matches; times are counted back from `now`.
pub(crate) fn matches(expr: &Expr, subject: &dyn Subject, now: SystemTime) -> bool {
    match expr {
        Expr::And(all) => all.iter().all(|it| matches(it, subject, now)),
        Expr::Not(it) => !matches(it, subject, now),
        Expr::Or(any) => any.iter().any(|it| matches(it, subject, now)),
        Expr::Term(term) => holds(term, subject, now),
    }
}

fn holds(term: &Term, subject: &dyn Subject, now: SystemTime) -> bool {
    match term {
        Term::Code(code) => subject.response().is_some_and(|head| head.status == *code),
        Term::Flag(flag) => is(*flag, subject),
        Term::Pid(pid) => process(subject).is_some_and(|process| process.pid == *pid),
        Term::Since(since) => {
            let begin = beginning(*since, now);
            subject.started().is_some_and(|at| begin.is_none_or(|begin| at >= begin))
        }
        Term::Size(compare) => subject.size().is_some_and(|size| compare.holds(&size)),
        Term::Text(text, pattern) => says(*text, pattern, subject),
        Term::Time(compare) => subject.duration().is_some_and(|it| compare.holds(&it)),
        Term::Tree(who) => process(subject)
            .is_some_and(|it| std::iter::once(it).chain(it.parents()).any(|it| is_one(who, it))),
        Term::User(who) => process(subject).and_then(|it| it.user.as_ref()).is_some_and(|user| {
            let name = user.name.as_deref().unwrap_or_default();
            match who {
                Who::Id(uid) => user.uid == *uid,
                Who::Named(pattern) => !name.is_empty() && pattern.is_match(name.as_bytes()),
            }
        }),
    }
}

/// Returns the point in time; `None` for one before all others.
pub(crate) fn beginning(since: Since, now: SystemTime) -> Option<SystemTime> {
    match since {
        Since::Ago(ago) => now.checked_sub(ago),
        Since::At(at) => Some(at),
    }
}

fn is(flag: Flag, subject: &dyn Subject) -> bool {
    match flag {
        Flag::All => true,
        Flag::Asset => subject.response().is_some_and(|head| {
            let types = head.fields.get_all("content-type");
            let types = types.map(|it| String::from_utf8_lossy(it).to_ascii_lowercase());
            types.into_iter().any(|it| ASSETS.iter().any(|asset| it.contains(asset)))
        }),
        Flag::Dns => subject.kind() == Kind::Dns,
        Flag::Error => subject.failed(),
        Flag::Http => subject.kind() == Kind::Http,
        Flag::Marked => subject.marker().is_some_and(|marker| !marker.is_empty()),
        Flag::Replay => BOTH.iter().any(|part| subject.is_replayed(*part)),
        Flag::ReplayRequest => subject.is_replayed(Part::Request),
        Flag::ReplayResponse => subject.is_replayed(Part::Response),
        Flag::Request => subject.part() == Some(Part::Request),
        Flag::Response => subject.part() == Some(Part::Response),
        Flag::Tcp => subject.kind() == Kind::Tcp,
        Flag::Udp => subject.kind() == Kind::Udp,
        Flag::WebSocket => subject.is_web_socket(),
    }
}

fn says(text: Text, pattern: &Pattern, subject: &dyn Subject) -> bool {
    let found = |text: Option<Cow<'_, str>>| text.is_some_and(|text| pattern.finds(&text));
    match text {
        Text::Alpn | Text::Ja4 | Text::Sni => {
            subject.flow().is_some_and(|flow| hello(flow, text).any(|it| pattern.finds(it)))
        }
        Text::Body => BOTH.iter().any(|part| contains(*part, pattern, subject)),
        Text::BodyRequest => contains(Part::Request, pattern, subject),
        Text::BodyResponse => contains(Part::Response, pattern, subject),
        Text::Comment => found(subject.comment()),
        Text::Container => process(subject).is_some_and(|it| is_in_container(pattern, it)),
        Text::ContentType => fields(subject, &BOTH).any(|it| is_typed(it, pattern)),
        Text::ContentTypeRequest => fields(subject, &BOTH[..1]).any(|it| is_typed(it, pattern)),
        Text::ContentTypeResponse => fields(subject, &BOTH[1..]).any(|it| is_typed(it, pattern)),
        Text::Destination => {
            subject.flow().is_some_and(|flow| destinations(flow).any(|it| pattern.finds(&it)))
        }
        Text::Domain => found(subject.domain()),
        Text::Header => fields(subject, &BOTH).any(|it| has_line(it, pattern)),
        Text::HeaderRequest => fields(subject, &BOTH[..1]).any(|it| has_line(it, pattern)),
        Text::HeaderResponse => fields(subject, &BOTH[1..]).any(|it| has_line(it, pattern)),
        Text::Marker => found(subject.marker()),
        Text::Metadata => found(subject.metadata()),
        Text::Method => subject.request().is_some_and(|head| pattern.is_match(&head.method)),
        Text::Process => process(subject).is_some_and(|it| is_named(pattern, it)),
        Text::Protocol => {
            let version = subject.request().map(|head| head.version.name());
            let protocol = subject.flow().and_then(|flow| flow.protocol).map(|it| it.name());
            [version, protocol].into_iter().flatten().any(|it| pattern.finds(it))
        }
        Text::Source => {
            subject.flow().is_some_and(|flow| pattern.finds(&flow.key.client.to_string()))
        }
        Text::Url => found(subject.url()),
    }
}

const BOTH: [Part; 2] = [Part::Request, Part::Response];

fn process(subject: &dyn Subject) -> Option<&Process> {
    subject.flow()?.process.as_deref()
}

fn is_one(who: &Who, process: &Process) -> bool {
    match who {
        Who::Id(pid) => process.pid == *pid,
        Who::Named(pattern) => is_named(pattern, process),
    }
}

fn is_named(pattern: &Pattern, process: &Process) -> bool {
    let path = process.path.as_ref().map(|path| path.to_string_lossy());
    pattern.finds(&process.name) || path.is_some_and(|path| pattern.finds(&path))
}

fn is_in_container(pattern: &Pattern, process: &Process) -> bool {
    process.container.as_ref().is_some_and(|it| {
        let names = [Some(&*it.id), it.name.as_deref(), it.image.as_deref()];
        names.into_iter().flatten().any(|name| pattern.finds(name))
    })
}

/// Lists what the client's ClientHello came to, or of a flow that was passed, what it offered.
fn hello(flow: &Flow, text: Text) -> impl Iterator<Item = &str> {
    let legs = flow.tls.iter().filter(|tls| tls.peer == Peer::Client);
    let agreed = legs.filter_map(move |tls| match text {
        Text::Alpn => tls.alpn.as_deref(),
        Text::Ja4 => tls.ja4.as_deref(),
        _ => tls.sni.as_deref(),
    });
    let offered = flow.passed.iter().filter_map(|passed| passed.offered.as_ref());
    let offered = offered.flat_map(move |it| match text {
        Text::Alpn => it.alpn.iter().map(|name| &**name).collect(),
        Text::Ja4 => vec![&*it.ja4],
        _ => it.sni.as_deref().into_iter().collect(),
    });
    agreed.chain(offered)
}

/// Lists where a flow went: the servers that were reached, by address and by name, and the one
/// that was meant.
fn destinations(flow: &Flow) -> impl Iterator<Item = String> {
    let reached = flow.servers.iter().map(|(_, addr)| addr);
    let named = |host: &String| {
        let mut ports: Vec<u16> = flow.servers.iter().map(|(_, addr)| addr.port()).collect();
        ports.push(flow.key.server.port());
        ports.dedup();
        ports.into_iter().map(|port| format!("{host}:{port}")).collect::<Vec<_>>()
    };
    let named = flow.host.as_ref().map(named).unwrap_or_default();
    let addrs = reached.chain([&flow.key.server]).map(ToString::to_string);
    addrs.collect::<Vec<_>>().into_iter().chain(named)
}

fn fields<'a>(
    subject: &'a dyn Subject,
    parts: &'a [Part],
) -> impl Iterator<Item = &'a Fields> + use<'a> {
    parts.iter().filter_map(|part| match part {
        Part::Request => subject.request().map(|head| &head.fields),
        Part::Response => subject.response().map(|head| &head.fields),
    })
}

fn is_typed(fields: &Fields, pattern: &Pattern) -> bool {
    fields.get_all("content-type").any(|value| pattern.is_match(value))
}

fn has_line(fields: &Fields, pattern: &Pattern) -> bool {
    fields.iter().any(|field| pattern.is_match(&[&field.name[..], b": ", &field.value].concat()))
}

fn contains(part: Part, pattern: &Pattern, subject: &dyn Subject) -> bool {
    subject.content(part).is_some_and(|content| pattern.is_match(&content))
}
