//! JSON (RFC 8259), indented: keys, numbers and strings exactly as they were sent.

use crate::out::Out;
use crate::sink::Style;
use crate::text::Text;
use crate::view::Machine;

/// The deepest nesting that is followed.
const MAX_DEPTH: usize = 10_000;

/// How much of a number or word is looked at.
const MAX_SCALAR: usize = 400;

/// JSON, or a value a line.
#[derive(Debug)]
pub(crate) struct Json {
    /// Whether what follows a broken line is read again.
    lines: bool,
    /// How much further its lines are indented.
    base: usize,
    inline: bool,
    state: State,
    /// What is open; `true` for objects.
    open: Vec<bool>,
    scalar: Vec<u8>,
    text: Text,
    any: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// A value is due; whether the bracket may close.
    Value(bool),
    /// A key is due; whether the brace may close.
    Key(bool),
    Colon,
    After,
    Scalar,
    String {
        key: bool,
        escaped: bool,
    },
    Broken,
}

impl Json {
    pub(crate) fn new(lines: bool) -> Self {
        Self {
            lines,
            base: 0,
            inline: false,
            state: State::After,
            open: Vec::new(),
            scalar: Vec::new(),
            text: Text::default(),
            any: false,
        }
    }

    /// Begins in the line at hand.
    pub(crate) fn inline() -> Self {
        Self { inline: true, ..Self::new(false) }
    }

    /// Begins in the line at hand, and indents by so much more.
    pub(crate) fn indented(base: usize) -> Self {
        Self { base, ..Self::inline() }
    }

    fn begin(&mut self, out: &mut Out<'_>) {
        if self.open.is_empty() {
            if self.any || !self.inline {
                out.fresh();
            }
            self.any = true;
        }
    }

    fn indent(&self, out: &mut Out<'_>) {
        out.indent(self.base + self.open.len());
    }

    /// The first of something goes into a line of its own; later ones come behind a comma.
    fn place(&self, first: bool, out: &mut Out<'_>) {
        if first {
            self.indent(out);
        }
    }

    fn value(&mut self, first: bool, byte: u8, out: &mut Out<'_>) {
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => {}
            b']' if first && self.open.last() == Some(&false) => self.close(byte, true, out),
            b'"' => {
                self.place(first && !self.open.is_empty(), out);
                out.byte(Style::String, byte);
                self.state = State::String { key: false, escaped: false };
            }
            b'{' | b'[' => {
                if self.open.len() >= MAX_DEPTH {
                    return self.broken(byte, out);
                }
                self.place(first && !self.open.is_empty(), out);
                out.byte(Style::Punctuation, byte);
                self.open.push(byte == b'{');
                self.state = if byte == b'{' { State::Key(true) } else { State::Value(true) };
            }
            b'-' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                self.place(first && !self.open.is_empty(), out);
                self.scalar.clear();
                self.state = State::Scalar;
                self.scalar(byte, out);
            }
            _ => self.broken(byte, out),
        }
    }

    fn close(&mut self, byte: u8, empty: bool, out: &mut Out<'_>) {
        self.open.pop();
        if !empty {
            self.indent(out);
        }
        out.byte(Style::Punctuation, byte);
        self.state = State::After;
    }

    fn scalar(&mut self, byte: u8, out: &mut Out<'_>) {
        if self.scalar.len() < MAX_SCALAR {
            self.scalar.push(byte);
        }
        let first = self.scalar.first().copied().unwrap_or(byte);
        let style = if first.is_ascii_alphabetic() { Style::Keyword } else { Style::Number };
        out.byte(style, byte);
    }

    fn after(&mut self, byte: u8, out: &mut Out<'_>) {
        match (byte, self.open.last()) {
            (b' ' | b'\t' | b'\r' | b'\n', _) => {}
            (b',', Some(object)) => {
                let object = *object;
                out.byte(Style::Punctuation, byte);
                self.indent(out);
                self.state = if object { State::Key(false) } else { State::Value(false) };
            }
            (b'}', Some(true)) | (b']', Some(false)) => self.close(byte, false, out),
            (_, None) => {
                self.begin(out);
                self.value(false, byte, out);
            }
            _ => self.broken(byte, out),
        }
    }

    /// Goes on as text.
    fn broken(&mut self, byte: u8, out: &mut Out<'_>) {
        out.note(Style::Error, "not JSON from here on:");
        self.state = State::Broken;
        self.text.byte(byte, out);
    }

    fn step(&mut self, byte: u8, out: &mut Out<'_>) {
        match self.state {
            State::Value(first) => self.value(first, byte, out),
            State::Key(first) => match byte {
                b' ' | b'\t' | b'\r' | b'\n' => {}
                b'"' => {
                    self.place(first, out);
                    out.byte(Style::Key, byte);
                    self.state = State::String { key: true, escaped: false };
                }
                b'}' if first => self.close(byte, true, out),
                _ => self.broken(byte, out),
            },
            State::Colon => match byte {
                b' ' | b'\t' | b'\r' | b'\n' => {}
                b':' => {
                    out.text(Style::Punctuation, ": ");
                    self.state = State::Value(false);
                }
                _ => self.broken(byte, out),
            },
            State::After => self.after(byte, out),
            State::Scalar => match byte {
                b'+' | b'-' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                    self.scalar(byte, out);
                }
                _ if is_scalar(&self.scalar) => {
                    self.state = State::After;
                    self.after(byte, out);
                }
                _ => self.broken(byte, out),
            },
            State::String { key, escaped } => {
                out.byte(if key { Style::Key } else { Style::String }, byte);
                self.state = match byte {
                    b'"' if !escaped && key => State::Colon,
                    b'"' if !escaped => State::After,
                    b'\\' => State::String { key, escaped: !escaped },
                    _ => State::String { key, escaped: false },
                };
            }
            State::Broken => self.text.byte(byte, out),
        }
    }
}

/// Returns whether it is a number (RFC 8259 §6) or one of the three words.
fn is_scalar(text: &[u8]) -> bool {
    if text.len() >= MAX_SCALAR || matches!(text, b"true" | b"false" | b"null") {
        return true;
    }
    let digits = |text: &mut &[u8]| {
        let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        *text = &text[count..];
        count
    };
    let mut rest = text.strip_prefix(b"-").unwrap_or(text);
    let leading = rest.first() == Some(&b'0');
    let whole = digits(&mut rest);
    if whole == 0 || (leading && whole > 1) {
        return false;
    }
    if let Some(fraction) = rest.strip_prefix(b".") {
        rest = fraction;
        if digits(&mut rest) == 0 {
            return false;
        }
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        rest = exponent;
        if let [b'+' | b'-', behind @ ..] = rest {
            rest = behind;
        }
        if digits(&mut rest) == 0 {
            return false;
        }
    }
    rest.is_empty()
}

impl Machine for Json {
    fn byte(&mut self, byte: u8, out: &mut Out<'_>) {
        if self.lines && byte == b'\n' {
            self.end(out);
            out.fresh();
            *self = Self::new(true);
            return;
        }
        self.step(byte, out);
    }

    fn end(&mut self, out: &mut Out<'_>) {
        match self.state {
            State::Broken => self.text.end(out),
            State::After if self.open.is_empty() => {}
            State::Scalar if self.open.is_empty() && is_scalar(&self.scalar) => {}
            _ => out.cut("the JSON is cut short"),
        }
    }
}
