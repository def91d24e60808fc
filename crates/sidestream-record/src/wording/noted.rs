//! How what is noted reads.

use super::text;
use crate::Notes;

/// Words what is noted of a flow or an exchange, if anything is.
pub fn notes(notes: &Notes) -> Option<String> {
    let Notes { comment, marker, metadata, replay } = notes;
    let comment = comment.as_ref().map(|comment| format!("\"{}\"", text(comment.as_bytes())));
    let of = |of: Option<_>| of.map(|id| format!(", as in exchange {id}")).unwrap_or_default();
    let replay = replay.map(|replay| match (replay.request, replay.response) {
        (true, true) => format!("sent again{}", of(replay.of)),
        (true, false) => format!("request sent again{}", of(replay.of)),
        _ => format!("response sent again{}", of(replay.of)),
    });
    let marker = marker.as_ref().map(|marker| text(marker.as_bytes()));
    let metadata = metadata.iter().map(|(key, value)| text(format!("{key}: {value}").as_bytes()));
    let parts: Vec<_> =
        [marker, comment].into_iter().flatten().chain(metadata).chain(replay).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}
