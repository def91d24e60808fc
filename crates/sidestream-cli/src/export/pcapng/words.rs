//! What is told of a leg beside its first packet.

use sidestream::flow::{FlowId, Peer, Process, Transport};
use sidestream::record::Opened;

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
