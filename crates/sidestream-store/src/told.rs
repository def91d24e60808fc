//! Texts of heads and handshakes as they stand in the lists: short, and marked where they do not
//! say it all.

use std::borrow::Cow;

use sidestream_record::Fields;

/// How long such a text is at most, in bytes, beside its mark.
const MAX_BYTES: usize = 128;

/// Stands in a text that does not say it all: the entries have to tell.
const MARK: char = char::REPLACEMENT_CHARACTER;

/// Returns the content type of a message, empty where there is none. More than one stand on a line
/// each.
pub(crate) fn content_type(fields: &Fields) -> String {
    lines(fields.get_all("content-type").map(|value| String::from_utf8_lossy(value)))
}

/// Puts each on a line, and marks where one cannot be shown, or they are too long.
fn lines<'a>(values: impl Iterator<Item = Cow<'a, str>>) -> String {
    let mut lines = String::new();
    for (index, value) in values.enumerate() {
        if index > 0 {
            lines.push('\n');
        }
        if value.contains('\n') {
            lines.push(MARK);
        } else {
            lines.push_str(&value);
        }
        if lines.len() > MAX_BYTES {
            lines.truncate(lines.floor_char_boundary(MAX_BYTES));
            lines.push(MARK);
            break;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use sidestream_record::Field;

    use super::*;

    #[track_caller]
    fn check(values: &[&[u8]], expected: &str) {
        let field = |value: &&[u8]| Field::new("Content-TYPE", value.to_vec());
        let other = Field::new("Content-Length", "1");
        let fields = [other].into_iter().chain(values.iter().map(field)).collect();
        assert_eq!(content_type(&fields), expected);
    }

    #[test]
    fn what_a_line_cannot_say_is_marked() {
        check(&[], "");
        check(&[b"text/css; a=b"], "text/css; a=b");
        check(&[b"a", b"", b"b"], "a\n\nb");
        check(&[b"a\nb"], "\u{FFFD}");
        check(&[b"a\xff"], "a\u{FFFD}");
        check(&[&[b'x'; 128]], &"x".repeat(128));
        check(&[&[b'x'; 129]], &("x".repeat(128) + "\u{FFFD}"));
        check(&["é".repeat(65).as_bytes()], &("é".repeat(64) + "\u{FFFD}"));
    }
}
