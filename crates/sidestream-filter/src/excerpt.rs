//! A text with carets under a place in it.

use std::ops::Range;

/// How much of a text stands before and behind the place, in characters.
const AROUND: usize = 36;

/// Renders the text around `span`, and carets below; a span outside of the text is moved into it.
pub(crate) fn excerpt(text: &str, span: Range<usize>) -> String {
    let start = text.floor_char_boundary(span.start);
    let end = text.floor_char_boundary(span.end).max(start);
    let (before, place) = (&text[..start], &text[start..end]);
    let skipped = before.char_indices().rev().nth(AROUND).map(|(at, char)| at + char.len_utf8());
    let lead: String = before[skipped.unwrap_or(0)..].chars().map(printable).collect();
    let dots = if skipped.is_some() { "…" } else { "" };
    let rest: String = text[start..].chars().take(2 * AROUND).map(printable).collect();
    let more = if text[start..].chars().nth(2 * AROUND).is_some() { "…" } else { "" };
    let indent = dots.chars().count() + lead.chars().count();
    let carets = "^".repeat(place.chars().count().clamp(1, 2 * AROUND));
    format!("{dots}{lead}{rest}{more}\n{:indent$}{carets}", "")
}

/// Keeps control characters away from a terminal, one column each.
fn printable(char: char) -> char {
    match char {
        '\t' | '\n' | '\r' => ' ',
        control if control.is_control() => '\u{FFFD}',
        plain => plain,
    }
}
