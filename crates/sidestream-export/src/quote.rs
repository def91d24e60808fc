//! Words for a shell (POSIX.1-2024, Shell Command Language §2.2).

use std::fmt::Write as _;

/// Puts bytes into words that any POSIX shell reads as one word of just these bytes.
///
/// Text stands in single quotes, where it needs any. What is no text, or would disturb a terminal,
/// is written by the shell's own `printf`, in octal. `None` where there is a zero byte, which no
/// argument can hold: such bytes go through a pipe.
pub fn shell(bytes: &[u8]) -> Option<String> {
    if bytes.contains(&0) {
        return None;
    }
    match std::str::from_utf8(bytes) {
        Ok(text) if text.chars().all(is_quiet) => Some(quoted(text)),
        _ => {
            // A shell takes the line ends at the end off what a command printed.
            let end = bytes.iter().rposition(|byte| *byte != b'\n').map_or(0, |last| last + 1);
            let (content, ends) = bytes.split_at(end);
            let mut word = format!("\"$({})\"", printf(content));
            if !ends.is_empty() {
                word += &quoted(&"\n".repeat(ends.len()));
            }
            Some(word)
        }
    }
}

/// Returns the command that prints just these bytes.
pub(crate) fn printf(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.chars().all(is_quiet) => format!("printf %s {}", quoted(text)),
        _ => {
            let mut word = String::from("printf '");
            for byte in bytes {
                match byte {
                    b'a'..=b'z'
                    | b'A'..=b'Z'
                    | b' '
                    | b'_'
                    | b'.'
                    | b','
                    | b':'
                    | b'/'
                    | b'='
                    | b'&'
                    | b'{'
                    | b'}'
                    | b'"'
                    | b'['
                    | b']' => word.push((*byte).into()),
                    // Three digits each, so that none that follows belongs to them. Writing to a
                    // String cannot fail.
                    _ => _ = write!(word, "\\{byte:03o}"),
                }
            }
            word.push('\'');
            word
        }
    }
}

/// What neither steers a terminal nor turns the direction of writing.
fn is_quiet(char: char) -> bool {
    let turns =
        matches!(char, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    matches!(char, '\n' | '\t') || !(char.is_control() || turns)
}

fn quoted(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_@%+=:,./-".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}
