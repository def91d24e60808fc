//! Regular expressions, bounded in size, that remember how they were written.

use std::fmt;
use std::ops::Range;

use regex::bytes::{Regex, RegexBuilder};

/// How large a compiled expression may be, in bytes.
const MAX_COMPILED_BYTES: usize = 1024 * 1024;

/// A regular expression without regard to case, on bytes; `.` stands for line breaks, too.
///
/// It takes time linear in the text, whatever the expression. Two are equal that were written
/// alike.
#[derive(Clone)]
pub struct Pattern {
    text: String,
    regex: Regex,
}

impl Pattern {
    /// Compiles an expression; with `has_lines`, `^` and `$` stand for the ends of lines.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in one line.
    pub fn new(text: &str, has_lines: bool) -> Result<Self, String> {
        let made = RegexBuilder::new(text)
            .case_insensitive(true)
            .dot_matches_new_line(true)
            .multi_line(has_lines)
            .size_limit(MAX_COMPILED_BYTES)
            .dfa_size_limit(MAX_COMPILED_BYTES)
            .build();
        match made {
            Ok(regex) => Ok(Self { text: text.to_owned(), regex }),
            Err(regex::Error::CompiledTooBig(_)) => {
                Err("it is too large once it is compiled, write a simpler one".into())
            }
            Err(error) => {
                let text = error.to_string();
                let line = text.lines().last().unwrap_or_default();
                Err(line.trim_start_matches("error: ").to_owned())
            }
        }
    }

    /// Returns how it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns whether it is found in these bytes.
    pub fn is_match(&self, bytes: &[u8]) -> bool {
        self.regex.is_match(bytes)
    }

    /// Iterates over the places at which it is found, one behind the other.
    pub fn find_iter<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = Range<usize>> + 'a {
        self.regex.find_iter(bytes).map(|found| found.range())
    }

    /// Returns whether it is found in a text.
    pub fn finds(&self, text: &str) -> bool {
        self.regex.is_match(text.as_bytes())
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Pattern {}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pattern").field(&self.text).finish()
    }
}
