//! Glob patterns: `*` for any run of characters, `?` for one, everything else for itself.

use std::fmt;

/// A pattern that matches a whole text.
///
/// `*` stands for any run of characters, also none and also across `/` and `.`; `?` stands for
/// one character; there are no classes and no escapes. Matching takes at most pattern length ×
/// text length steps, whatever the pattern.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Glob {
    pattern: String,
    ignore_case: bool,
}

impl Glob {
    pub(crate) fn new(pattern: &str) -> Self {
        Self { pattern: pattern.to_owned(), ignore_case: false }
    }

    pub(crate) fn ignoring_ascii_case(pattern: &str) -> Self {
        Self { pattern: pattern.to_owned(), ignore_case: true }
    }

    /// Returns the pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.pattern
    }

    /// Tells whether ASCII letters match in either case, as they do in host names.
    pub fn ignores_ascii_case(&self) -> bool {
        self.ignore_case
    }

    /// Tells whether the pattern matches the whole of `text`, which need not be valid UTF-8.
    pub fn matches(&self, text: &[u8]) -> bool {
        let pattern = self.pattern.as_bytes();
        let (mut p, mut t) = (0, 0);
        // Only the last `*` ever has to take more: what an earlier one could take, it can too.
        let mut star = None;
        while t < text.len() {
            match pattern.get(p) {
                Some(b'*') => {
                    p += 1;
                    star = Some((p, t));
                }
                Some(b'?') => {
                    p += 1;
                    t += char_len(&text[t..]);
                }
                Some(&byte) if self.equal(byte, text[t]) => {
                    p += 1;
                    t += 1;
                }
                _ => {
                    let Some((after_star, taken)) = star else { return false };
                    star = Some((after_star, taken + 1));
                    (p, t) = (after_star, taken + 1);
                }
            }
        }
        pattern[p..].iter().all(|&byte| byte == b'*')
    }

    fn equal(&self, left: u8, right: u8) -> bool {
        left == right || self.ignore_case && left.eq_ignore_ascii_case(&right)
    }
}

/// Length of the first character: a byte and the UTF-8 continuation bytes after it.
fn char_len(text: &[u8]) -> usize {
    let more = text.iter().skip(1).take(3).take_while(|&&byte| byte & 0xC0 == 0x80).count();
    1 + more
}

impl fmt::Debug for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Glob").field(&self.pattern).finish()
    }
}
