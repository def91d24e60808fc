//! What is told of a leg beside its first packet.

use sidestream::flow::{FlowId, Peer, Process, Transport};
use sidestream::record::{Exchange, Flow, Opened};

/// What is no evidence of what was on the wire says so.
const MADE_UP: &str =
    "made from what was recorded of the content: these bytes were not on the wire so";

/// Returns the comments on the first packet of a leg.
pub(super) fn comments(
    flow: FlowId,
    peer: Peer,
    opened: &Opened,
    host: Option<&str>,
) -> Vec<String> {
    let Opened { key, process, via } = opened;
    let host = host.map(|host| format!(", for {host}")).unwrap_or_default();
    let leg = match peer {
        Peer::Client => "client leg",
        Peer::Server(_) => "server leg",
    };
    let process = process.as_deref().map(words).into_iter();
    [format!("flow {flow}, {leg}{host}, captured by mode {via}")]
        .into_iter()
        .chain(process)
        .chain([made_up(peer, key.transport).to_owned()])
        .collect()
}

/// Returns the comments on an exchange that is made from what was recorded of its content.
pub(super) fn said_in_exchange(flow: &Flow, exchange: &Exchange) -> Vec<String> {
    let what = match &exchange.request {
        Some(head) => format!(", {} {}", String::from_utf8_lossy(&head.method), exchange.url),
        None => String::new(),
    };
    said(flow, format!("exchange {} of flow {}{what}", exchange.id, flow.id))
}

/// Returns the comments on a stream that is made from what was recorded of its content.
pub(super) fn said_of_stream(flow: &Flow) -> Vec<String> {
    let host = flow.host.as_ref().map(|host| format!(", for {host}")).unwrap_or_default();
    said(flow, format!("flow {}{host}", flow.id))
}

fn said(flow: &Flow, what: String) -> Vec<String> {
    let process = flow.process.as_deref().map(words).into_iter();
    let first = format!("{what}, captured by mode {}", flow.via);
    [first].into_iter().chain(process).chain([MADE_UP.to_owned()]).collect()
}

/// Tells who opened a flow.
fn words(process: &Process) -> String {
    let Process { pid, name, path, user, container, unit, package, .. } = process;
    let mut words = format!("{name}[{pid}]");
    let mut add = |what: &str, text: &str| {
        words.push_str(what);
        words.push_str(text);
    };
    if let Some(path) = path {
        add(", path ", &path.display().to_string());
    }
    if let Some(user) = user {
        let name = user.name.as_ref().map(|name| format!("{name} ")).unwrap_or_default();
        add(", user ", &format!("{name}({})", user.uid));
    }
    if let Some(container) = container {
        add(", container ", container.name.as_deref().unwrap_or_default());
        add(if container.name.is_some() { " " } else { "" }, &format!("({})", container.id));
        let runtime = container.runtime.as_deref().map(|runtime| format!(" of {runtime}"));
        add(&runtime.unwrap_or_default(), "");
        let image = container.image.as_deref().map(|image| format!(", image {image}"));
        add(&image.unwrap_or_default(), "");
    }
    if let Some(unit) = unit {
        add(", unit ", unit);
    }
    if let Some(package) = package {
        add(", package ", package);
    }
    words
}

/// Tells what of its packets was not on the wire so.
const fn made_up(peer: Peer, transport: Transport) -> &'static str {
    match (peer, transport) {
        (Peer::Client, Transport::Tcp) => {
            "the bytes went over the wire so, and then; their packets are made around them"
        }
        (Peer::Client, Transport::Udp) => "the datagrams went over the wire so, and then",
        (Peer::Server(_), Transport::Tcp) => {
            "the bytes went over the wire so, and then; their packets are made around them; the \
             address and port of Sidestream are not recorded, others stand for them"
        }
        (Peer::Server(_), Transport::Udp) => {
            "the datagrams went over the wire so, and then; the address and port of Sidestream are \
             not recorded, others stand for them"
        }
    }
}
