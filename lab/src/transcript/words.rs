//! What each of the three saw, in lines.

use crate::model::{Client, Ended, FlowSeen, OriginSeen, Trouble};

/// Longer content is shown by its length and its beginning.
const SHOWN: usize = 40;

/// A client's view.
pub(super) fn client(client: &Client) -> Vec<String> {
    let mut lines = vec![format!("{}: {}", client.host, client.did)];
    let got = &client.got;
    if got.status.is_some() || got.version.is_some() {
        let status = got.status.map_or_else(|| "no status".to_owned(), |status| status.to_string());
        let version = got.version.as_deref().unwrap_or_default();
        lines.push(format!("{status} {version}").trim_end().to_owned());
    }
    lines.extend(got.fields.iter().map(|(name, value)| format!("  {name}: {value}")));
    if !got.content.is_empty() {
        lines.push(content(&got.content));
    }
    lines.extend(got.trouble.map(|trouble| format!("! {}", trouble_words(trouble))));
    if lines.len() == 1 {
        lines.push("nothing came".to_owned());
    }
    lines
}

/// The proxy's view.
pub(super) fn flow(flow: &FlowSeen) -> Vec<String> {
    let process = flow.process.as_deref().unwrap_or("somebody");
    let mut lines = vec![format!("{}: {process} to {}", flow.kind, flow.server)];
    lines.extend(flow.asked.iter().map(|asked| format!("> {asked}")));
    lines.extend(flow.answered.iter().map(|answered| format!("< {answered}")));
    lines.extend(flow.tls.iter().map(|tls| format!("TLS {tls}")));
    let (up, down) = flow.bytes;
    if (up, down) != (0, 0) {
        lines.push(format!("{up} B up, {down} B down"));
    }
    lines.extend(flow.notes.iter().map(|note| format!("~ {note}")));
    lines.extend(flow.error.iter().map(|error| format!("! {error}")));
    lines
}

/// An origin's view.
pub(super) fn origin(seen: &OriginSeen) -> Vec<String> {
    let mut lines = vec![format!("{}:{}/{}", seen.host, seen.port, seen.transport)];
    lines.extend(seen.tls.clone());
    lines.extend(seen.first.iter().map(|first| format!("> {first}")));
    let (up, down) = seen.bytes;
    if (up, down) != (0, 0) {
        lines.push(format!("{up} B up, {down} B down"));
    }
    if seen.transport != "udp" {
        lines.push(ended_words(seen.ended).to_owned());
    }
    lines
}

fn content(bytes: &[u8]) -> String {
    let escaped = bytes.escape_ascii().to_string();
    let shown: String = escaped.chars().take(SHOWN).collect();
    let more = if shown.len() < escaped.len() { "…" } else { "" };
    format!("{} B \"{shown}\"{more}", bytes.len())
}

const fn trouble_words(trouble: Trouble) -> &'static str {
    match trouble {
        Trouble::Refused => "refused",
        Trouble::Unreachable => "unreachable",
        Trouble::Reset => "reset",
        Trouble::CutShort => "ended too early",
        Trouble::TimedOut => "took too long",
        Trouble::Untrusted => "does not trust the certificate",
        Trouble::Tls => "TLS failed",
        Trouble::NoName => "no such name",
        Trouble::Killed => "killed",
        Trouble::Other => "failed",
    }
}

const fn ended_words(ended: Ended) -> &'static str {
    match ended {
        Ended::ByPeer => "ended by the peer",
        Ended::ByOrigin => "ended by the origin",
        Ended::Reset => "reset by the peer",
        Ended::NoHandshake => "no handshake",
        Ended::Open => "open to the end",
    }
}
