//! CSS and JavaScript, indented by their braces.

use crate::out::Out;
use crate::sink::Style;
use crate::view::Machine;

/// CSS or JavaScript.
///
/// Strings, comments and regular expressions stay as they are. Where a `/` of JavaScript may be a
/// division or begin a regular expression, the line stays as it was sent from there.
#[derive(Debug)]
pub(crate) struct Code {
    css: bool,
    state: State,
    /// How deep in braces, and in parentheses and brackets.
    depth: usize,
    inner: Vec<u8>,
    /// The depths of braces at which a template goes on.
    templates: Vec<usize>,
    /// The last byte that is no white space, and the last word.
    before: u8,
    word: Vec<u8>,
    /// Whether a line break, or white space, is due before what follows.
    due: Due,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Code,
    /// Behind a `/`.
    Slash,
    BlockComment {
        star: bool,
    },
    LineComment,
    String {
        quote: u8,
        escaped: bool,
    },
    Regex {
        class: bool,
        escaped: bool,
    },
    /// Behind a `$` in a template.
    Dollar,
    AsSent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Nothing,
    Space,
    Line,
}

/// How deep parentheses are followed.
const MAX_INNER: usize = 10_000;

impl Code {
    pub(crate) const fn new(css: bool) -> Self {
        Self {
            css,
            state: State::Code,
            depth: 0,
            inner: Vec::new(),
            templates: Vec::new(),
            before: b';',
            word: Vec::new(),
            due: Due::Nothing,
        }
    }

    fn pay(&mut self, byte: u8, out: &mut Out<'_>) {
        match std::mem::replace(&mut self.due, Due::Nothing) {
            Due::Nothing => {}
            Due::Space => out.text(Style::Plain, " "),
            Due::Line if matches!(byte, b';' | b',' | b')' | b']' | b'.') => {}
            Due::Line => out.indent(self.depth),
        }
    }

    fn code(&mut self, byte: u8, out: &mut Out<'_>) {
        match byte {
            b'\n' => self.due = Due::Line,
            b' ' | b'\t' | b'\r' => {
                if self.due == Due::Nothing {
                    self.due = Due::Space;
                }
            }
            b'/' => {
                self.pay(byte, out);
                self.state = State::Slash;
            }
            b'"' | b'\'' => self.quote(byte, out),
            b'`' if !self.css => self.quote(byte, out),
            b'{' => {
                self.pay(byte, out);
                self.write(byte, Style::Punctuation, out);
                self.depth += 1;
                self.due = Due::Line;
            }
            b'}' => self.close_brace(out),
            b'(' | b'[' => {
                self.pay(byte, out);
                self.write(byte, Style::Punctuation, out);
                if self.inner.len() < MAX_INNER {
                    self.inner.push(byte);
                }
            }
            b')' | b']' => {
                self.pay(byte, out);
                self.inner.pop();
                self.write(byte, Style::Punctuation, out);
            }
            b';' => {
                self.pay(byte, out);
                self.write(byte, Style::Punctuation, out);
                if self.inner.is_empty() {
                    self.due = Due::Line;
                }
            }
            byte => {
                self.pay(byte, out);
                self.write(byte, Style::Plain, out);
            }
        }
    }

    fn write(&mut self, byte: u8, style: Style, out: &mut Out<'_>) {
        out.byte(style, byte);
        if is_word(byte) {
            if !is_word(self.before) {
                self.word.clear();
            }
            if self.word.len() < 16 {
                self.word.push(byte);
            }
        }
        self.before = byte;
    }

    fn quote(&mut self, byte: u8, out: &mut Out<'_>) {
        self.pay(byte, out);
        self.write(byte, Style::String, out);
        self.state = State::String { quote: byte, escaped: false };
    }

    fn close_brace(&mut self, out: &mut Out<'_>) {
        if self.templates.last() == Some(&self.depth) {
            self.templates.pop();
            self.depth = self.depth.saturating_sub(1);
            self.pay(b')', out);
            self.write(b'}', Style::Punctuation, out);
            self.state = State::String { quote: b'`', escaped: false };
            return;
        }
        self.due = Due::Nothing;
        let style = if self.depth == 0 { Style::Error } else { Style::Punctuation };
        self.depth = self.depth.saturating_sub(1);
        if self.before != b'{' {
            out.indent(self.depth);
        }
        self.write(b'}', style, out);
        self.due = Due::Line;
    }

    fn slash(&mut self, byte: u8, out: &mut Out<'_>) {
        match byte {
            b'*' => {
                out.text(Style::Comment, "/*");
                self.state = State::BlockComment { star: false };
                return;
            }
            b'/' if !self.css => {
                out.text(Style::Comment, "//");
                self.state = State::LineComment;
                return;
            }
            _ => {}
        }
        let words: [&[u8]; 6] = [b"return", b"typeof", b"case", b"void", b"delete", b"throw"];
        let before = self.before;
        let after_keyword = is_word(before) && words.contains(&&self.word[..]);
        let divides = self.css || before == b']' || (is_word(before) && !after_keyword);
        if divides {
            self.write(b'/', Style::Plain, out);
            self.state = State::Code;
            self.code(byte, out);
        } else if matches!(before, b')' | b'}' | b'"' | b'\'' | b'`' | b'+' | b'-') {
            self.write(b'/', Style::Plain, out);
            self.state = State::AsSent;
            self.byte(byte, out);
        } else {
            self.write(b'/', Style::String, out);
            self.state = State::Regex { class: false, escaped: false };
            self.byte(byte, out);
        }
    }

    fn string(&mut self, byte: u8, quote: u8, escaped: bool, out: &mut Out<'_>) {
        if byte == b'\n' {
            out.line();
            if quote != b'`' && !escaped {
                // It has no end: what follows is code again.
                self.state = State::Code;
                return;
            }
        } else if byte != b'\r' {
            out.byte(Style::String, byte);
        }
        self.state = match byte {
            b'\\' => State::String { quote, escaped: !escaped },
            _ if byte == quote && !escaped => {
                self.before = byte;
                State::Code
            }
            b'$' if quote == b'`' && !escaped => State::Dollar,
            _ => State::String { quote, escaped: false },
        };
    }

    fn regex(&mut self, byte: u8, class: bool, escaped: bool, out: &mut Out<'_>) {
        if byte == b'\n' {
            self.state = State::Code;
            self.due = Due::Line;
            return;
        }
        out.byte(Style::String, byte);
        self.state = match byte {
            b'/' if !class && !escaped => {
                self.before = b']';
                State::Code
            }
            b'\\' => State::Regex { class, escaped: !escaped },
            b'[' if !escaped => State::Regex { class: true, escaped: false },
            b']' if !escaped => State::Regex { class: false, escaped: false },
            _ => State::Regex { class, escaped: false },
        };
    }
}

const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | 0x80..)
}

impl Machine for Code {
    fn byte(&mut self, byte: u8, out: &mut Out<'_>) {
        match self.state {
            State::Code => self.code(byte, out),
            State::Slash => self.slash(byte, out),
            State::BlockComment { star } => {
                if byte == b'\n' {
                    out.line();
                } else if byte != b'\r' {
                    out.byte(Style::Comment, byte);
                }
                self.state = State::BlockComment { star: byte == b'*' };
                if star && byte == b'/' {
                    self.state = State::Code;
                    self.due = if self.inner.is_empty() { Due::Line } else { Due::Space };
                }
            }
            State::LineComment if byte == b'\n' => {
                self.state = State::Code;
                self.due = Due::Line;
            }
            State::LineComment => {
                if byte != b'\r' {
                    out.byte(Style::Comment, byte);
                }
            }
            State::String { quote, escaped } => self.string(byte, quote, escaped, out),
            State::Dollar => {
                self.state = State::String { quote: b'`', escaped: false };
                if byte == b'{' && self.templates.len() < MAX_INNER {
                    self.write(byte, Style::Punctuation, out);
                    self.depth += 1;
                    self.templates.push(self.depth);
                    self.state = State::Code;
                } else {
                    self.string(byte, b'`', false, out);
                }
            }
            State::Regex { class, escaped } => self.regex(byte, class, escaped, out),
            State::AsSent if byte == b'\n' => {
                self.state = State::Code;
                self.due = Due::Line;
            }
            State::AsSent => {
                if byte != b'\r' {
                    out.byte(Style::Plain, byte);
                }
            }
        }
    }

    fn end(&mut self, out: &mut Out<'_>) {
        match self.state {
            State::Slash => out.byte(Style::Plain, b'/'),
            State::Code | State::LineComment | State::AsSent => {}
            _ => out.cut("the code is cut short"),
        }
    }
}
