//! One line of a text with carets under a place in it.

use std::ops::Range;

/// A line to print, and the line of carets to print below it.
pub(crate) struct Excerpt {
    pub(crate) line: String,
    pub(crate) carets: String,
}

/// Most characters of a line that are shown.
const WIDTH: usize = 72;

/// Characters that are shown before the place when a line is cut.
const LEAD: usize = 24;

impl Excerpt {
    /// Cuts the line around `span` out of `text`; a span outside of the text is moved into it.
    pub(crate) fn new(text: &str, span: Range<usize>) -> Self {
        let start = text.floor_char_boundary(span.start);
        let end = text.floor_char_boundary(span.end).max(start);
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line = text[line_start..].lines().next().unwrap_or_default();

        let column = text[line_start..start].chars().count();
        let length = line.chars().count();
        let width = text[start..end].chars().count().min(length.saturating_sub(column)).max(1);
        let skipped = if length > WIDTH { column.saturating_sub(LEAD) } else { 0 };
        let shown: String = line.chars().skip(skipped).take(WIDTH).map(printable).collect();

        let before = if skipped > 0 { "…" } else { "" };
        let after = if length > skipped + WIDTH { "…" } else { "" };
        let indent = before.chars().count() + column - skipped;
        let width = width.min(WIDTH - (column - skipped).min(WIDTH - 1));
        Self {
            line: format!("{before}{shown}{after}"),
            carets: format!("{:indent$}{}", "", "^".repeat(width)),
        }
    }
}

/// Keeps a terminal's control characters out of what is printed; one column each.
pub(crate) fn printable(character: char) -> char {
    match character {
        '\t' => ' ',
        control if control.is_control() => '\u{FFFD}',
        plain => plain,
    }
}
