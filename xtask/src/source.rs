//! Reads Rust just well enough to tell code from comments and literals.

/// A function and how long it is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Function<'a> {
    pub(crate) name: &'a str,
    pub(crate) line: usize,
    pub(crate) lines: usize,
}

/// Replaces comments and the insides of literals by spaces; lines stay where they are.
pub(crate) fn blank(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'/' if bytes[at..].starts_with(b"//") => find(bytes, at, b"\n"),
            b'/' if bytes[at..].starts_with(b"/*") => end_of_block_comment(bytes, at),
            b'"' => end_of_string(bytes, at, b'"'),
            b'r' if !follows_word(bytes, at) => match raw_string(bytes, at) {
                Some(end) => end,
                None => at + 1,
            },
            b'\'' if is_char(bytes, at) => end_of_string(bytes, at, b'\''),
            _ => {
                at += 1;
                continue;
            }
        };
        if end > at + 1 {
            code[at..end].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
        }
        at = end;
    }
    String::from_utf8(code).expect("whole characters were replaced")
}

/// Finds the functions with a body in blanked code.
pub(crate) fn functions(code: &str) -> Vec<Function<'_>> {
    let mut found = Vec::new();
    for (at, word) in words(code).filter(|(_, word)| *word == "fn") {
        let after = &code[at + word.len()..];
        let Some((_, name)) = words(after).next() else { continue };
        // A function pointer type has no name: `fn(`.
        if !after.trim_start().starts_with(name) {
            continue;
        }
        let Some(lines) = lines_to_end_of_body(after) else { continue };
        found.push(Function { name, line: 1 + code[..at].matches('\n').count(), lines });
    }
    found
}

/// Gives the identifiers and keywords of blanked code, with where they begin.
pub(crate) fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    let pieces = code.split(move |character| !is_word(character));
    let offset_of = |piece: &str| piece.as_ptr() as usize - code.as_ptr() as usize;
    pieces.filter(|piece| !piece.is_empty()).map(move |piece| (offset_of(piece), piece))
}

fn lines_to_end_of_body(after_fn: &str) -> Option<usize> {
    let mut depth = 0;
    let mut brackets = 0;
    for (at, byte) in after_fn.bytes().enumerate() {
        match byte {
            b'(' | b'[' => brackets += 1,
            b')' | b']' => brackets -= 1,
            b';' if depth == 0 && brackets == 0 => return None,
            b'{' => depth += 1,
            b'}' => {
                depth -= 1;
                if depth == 0 {
                    return Some(1 + after_fn[..at].matches('\n').count());
                }
            }
            _ => {}
        }
    }
    None
}

fn find(bytes: &[u8], from: usize, what: &[u8]) -> usize {
    let found = bytes[from..].windows(what.len()).position(|window| window == what);
    found.map_or(bytes.len(), |offset| from + offset)
}

fn end_of_block_comment(bytes: &[u8], from: usize) -> usize {
    let mut depth = 0;
    let mut at = from;
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if bytes[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    at
}

fn end_of_string(bytes: &[u8], from: usize, quote: u8) -> usize {
    let mut at = from + 1;
    while at < bytes.len() && bytes[at] != quote {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(bytes.len())
}

fn raw_string(bytes: &[u8], from: usize) -> Option<usize> {
    let hashes = bytes[from + 1..].iter().take_while(|byte| **byte == b'#').count();
    let open = from + 1 + hashes;
    if bytes.get(open) != Some(&b'"') {
        return None;
    }
    let close = [&b"\""[..], &b"#".repeat(hashes)].concat();
    Some((find(bytes, open + 1, &close) + close.len()).min(bytes.len()))
}

/// Whether the byte before belongs to an identifier; `br"…"` and `cr"…"` are prefixes, not words.
fn follows_word(bytes: &[u8], at: usize) -> bool {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    match &bytes[..at] {
        [before @ .., b'b' | b'c'] => before.last().is_some_and(is_word),
        before => before.last().is_some_and(is_word),
    }
}

/// Whether a quote opens a character and not a lifetime.
fn is_char(bytes: &[u8], at: usize) -> bool {
    match bytes.get(at + 1) {
        Some(b'\\') => true,
        Some(first) => {
            let len = match first {
                0..=0x7f => 1,
                0x80..=0xdf => 2,
                0xe0..=0xef => 3,
                _ => 4,
            };
            bytes.get(at + 1 + len) == Some(&b'\'')
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_code_from_comments_and_literals() {
        let check = |text: &str, gone: &[&str], kept: &[&str]| {
            let code = blank(text);
            assert_eq!(code.len(), text.len());
            assert!(gone.iter().all(|word| !code.contains(word)), "{code}");
            assert!(kept.iter().all(|word| code.contains(word)), "{code}");
        };
        check("a // unsafe\nb", &["unsafe"], &["a", "b"]);
        check("a /* x /* unsafe */ y */ b", &["unsafe", "y"], &["a", "b"]);
        check(r#"f("un\"safe }", x)"#, &["safe", "}"], &["f(", "x)"]);
        check(r##"f(r#"un"safe"#, x)"##, &["safe"], &["f(", "x)"]);
        check(r##"f(br#"unsafe"#, x)"##, &["unsafe"], &["f(b", "x)"]);
        check("for<'a> x: &'a str, '{', '\\'', 'é', y", &["{", "é"], &["'a str", "y"]);
        check("var\"x\" r#type", &["x"], &["var", "r#type"]);
    }

    #[test]
    fn measures_functions() {
        let text = "fn a() {\n}\ntrait T { fn b(&self); }\nfn c(x: [u8; 2],\n f: fn(u8)) {\n if x {\n}\n}\n";
        let code = blank(text);
        let found: Vec<_> =
            functions(&code).into_iter().map(|f| (f.name, f.line, f.lines)).collect();
        assert_eq!(found, [("a", 1, 2), ("c", 4, 5)]);
    }
}
