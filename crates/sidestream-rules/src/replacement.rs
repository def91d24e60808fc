//! What is put in place of something: text with groups and escapes, or a file's content.

use std::path::PathBuf;

use regex::bytes::{Captures, Regex};

/// What is put in place of something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replacement {
    /// The content of this file, as it is when it is needed.
    File(PathBuf),
    /// Text: `\1` and `\g<name>` are groups, `\n`, `\r`, `\t`, `\xHH` and `\\` are what they are
    /// in most languages.
    Text(String),
}

impl Replacement {
    pub(crate) fn parse(text: &str) -> Self {
        match text.strip_prefix('@') {
            Some(path) => Self::File(path.into()),
            None => Self::Text(text.to_owned()),
        }
    }

    /// Returns whether nothing is put there.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Text(text) if text.is_empty())
    }
}

/// Replaces all matches, and returns the result if there was one.
pub(crate) fn replace_all(regex: &Regex, text: &[u8], replacement: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut end = 0;
    for found in regex.captures_iter(text) {
        let Some(whole) = found.get(0) else { continue };
        out.extend_from_slice(&text[end..whole.start()]);
        expand(replacement, Some(&found), &mut out);
        end = whole.end();
    }
    if end == 0 && out.is_empty() && !regex.is_match(text) {
        return None;
    }
    out.extend_from_slice(&text[end..]);
    Some(out)
}

/// Writes a replacement out. What is no escape stays as it is.
pub(crate) fn expand(replacement: &str, groups: Option<&Captures<'_>>, out: &mut Vec<u8>) {
    let mut rest = replacement;
    while let Some(at) = rest.find('\\') {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        rest = &rest[at + 1..];
        let taken = escape(rest, groups, out);
        if taken == 0 {
            out.push(b'\\');
        }
        rest = &rest[taken..];
    }
    out.extend_from_slice(rest.as_bytes());
}

/// Writes what an escape stands for, and returns how long it is; 0 if it is none.
fn escape(rest: &str, groups: Option<&Captures<'_>>, out: &mut Vec<u8>) -> usize {
    let Some(first) = rest.chars().next() else { return 0 };
    let plain = match first {
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        '\\' => b'\\',
        'x' => {
            let byte = rest.get(1..3).and_then(|hex| u8::from_str_radix(hex, 16).ok());
            return byte.map_or(0, |byte| {
                out.push(byte);
                3
            });
        }
        '0'..='9' => {
            let Some(groups) = groups else { return 0 };
            let digits = rest.chars().take(2).take_while(char::is_ascii_digit).count();
            let group = rest[..digits].parse().ok().and_then(|number| groups.get(number));
            out.extend_from_slice(group.map_or(&[], |group| group.as_bytes()));
            return digits;
        }
        'g' => {
            let name = rest.strip_prefix("g<").and_then(|rest| rest.split_once('>'));
            let (Some((name, _)), Some(groups)) = (name, groups) else { return 0 };
            let group = match name.parse() {
                Ok(number) => groups.get(number),
                Err(_not_a_number) => groups.name(name),
            };
            out.extend_from_slice(group.map_or(&[], |group| group.as_bytes()));
            return name.len() + 3;
        }
        _ => return 0,
    };
    out.push(plain);
    1
}
