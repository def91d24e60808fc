//! XML and HTML, indented; what stands in `pre`, `script` and their like stays as it was sent.
//!
//! White space at the ends of a text's lines is not shown, and blank lines are not.

use crate::out::Out;
use crate::sink::Style;
use crate::view::Machine;

/// Elements of HTML that have no end.
const VOID: [&[u8]; 14] = [
    b"area", b"base", b"br", b"col", b"embed", b"hr", b"img", b"input", b"link", b"meta", b"param",
    b"source", b"track", b"wbr",
];

/// Elements of HTML whose content is not touched.
const VERBATIM: [&[u8]; 6] = [b"pre", b"script", b"style", b"textarea", b"title", b"xmp"];

/// How much of a name is kept.
const MAX_NAME: usize = 32;

/// How many open elements are remembered.
const MAX_OPEN: usize = 512;

/// XML or HTML.
#[derive(Debug)]
pub(crate) struct Markup {
    html: bool,
    state: State,
    /// The names of what is open, in lower case for HTML.
    open: Vec<Vec<u8>>,
    name: Vec<u8>,
    last: Last,
    /// White space that is written only if more follows in the line.
    spaces: Vec<u8>,
    /// Of comments and the like, and of verbatim content: the last bytes.
    tail: Vec<u8>,
    self_closed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Text,
    /// Behind `<`.
    Open,
    /// Behind `<!`, until it is known what it is.
    Declared,
    Comment,
    Cdata,
    Declaration,
    Instruction,
    Name {
        end: bool,
    },
    Tag {
        end: bool,
    },
    Quoted {
        end: bool,
        quote: u8,
    },
    Verbatim,
}

/// What was written last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Last {
    Nothing,
    OpenTag,
    InlineText,
    BlockText,
    Other,
}

impl Markup {
    pub(crate) const fn new(html: bool) -> Self {
        Self {
            html,
            state: State::Text,
            open: Vec::new(),
            name: Vec::new(),
            last: Last::Nothing,
            spaces: Vec::new(),
            tail: Vec::new(),
            self_closed: false,
        }
    }

    fn text(&mut self, byte: u8, out: &mut Out<'_>) {
        match byte {
            b'<' => self.state = State::Open,
            b'\n' => {
                self.spaces.clear();
                self.spaces.push(b'\n');
            }
            b' ' | b'\t' | b'\r' => {
                // What is between words is kept as it is, within reason.
                let in_text = matches!(self.last, Last::InlineText | Last::BlockText);
                let ended = self.spaces.first() == Some(&b'\n');
                if in_text && !ended {
                    if self.spaces.len() < 1024 {
                        self.spaces.push(byte);
                    } else {
                        out.byte(Style::Plain, byte);
                    }
                }
            }
            byte => self.word(byte, out),
        }
    }

    fn word(&mut self, byte: u8, out: &mut Out<'_>) {
        let ended = self.spaces.first() == Some(&b'\n');
        match self.last {
            Last::OpenTag if !ended => self.last = Last::InlineText,
            Last::InlineText | Last::BlockText if !ended => {
                let spaces = std::mem::take(&mut self.spaces);
                out.bytes(Style::Plain, &spaces);
            }
            _ => {
                out.indent(self.open.len());
                self.last = Last::BlockText;
            }
        }
        self.spaces.clear();
        out.byte(Style::Plain, byte);
    }

    fn place(&self, out: &mut Out<'_>) {
        if self.last != Last::Nothing {
            out.indent(self.open.len());
        }
    }

    fn opened(&mut self, byte: u8, out: &mut Out<'_>) {
        self.tail.clear();
        let begins = matches!(byte, b'!' | b'?' | b'/' | b'_' | b':' | 0x80..);
        if begins || byte.is_ascii_alphabetic() {
            self.spaces.clear();
            self.self_closed = false;
        }
        match byte {
            b'!' => {
                self.place(out);
                out.text(Style::Comment, "<!");
                self.state = State::Declared;
            }
            b'?' => {
                self.place(out);
                out.text(Style::Comment, "<?");
                self.state = State::Instruction;
            }
            b'/' => {
                self.name.clear();
                self.state = State::Name { end: true };
            }
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | b':' | 0x80.. => {
                self.place(out);
                out.text(Style::Tag, "<");
                self.name.clear();
                self.state = State::Name { end: false };
                self.byte(byte, out);
            }
            _ => {
                // A `<` that begins nothing is text.
                self.state = State::Text;
                self.word(b'<', out);
                self.text(byte, out);
            }
        }
    }

    /// Comments, CDATA, declarations and instructions stay as they are.
    fn closed(&mut self, byte: u8, end: &[u8], out: &mut Out<'_>) {
        if byte == b'\n' {
            out.line();
        } else if byte != b'\r' {
            out.byte(Style::Comment, byte);
        }
        self.tail.push(byte);
        if self.tail.len() > 3 {
            self.tail.remove(0);
        }
        if self.tail.ends_with(end) {
            self.state = State::Text;
            self.last = Last::Other;
        }
    }

    fn declared(&mut self, byte: u8, out: &mut Out<'_>) {
        self.tail.push(byte);
        if self.tail == b"--" {
            self.state = State::Comment;
            self.tail.clear();
            out.text(Style::Comment, "--");
        } else if self.tail == b"[CDATA[" {
            self.state = State::Cdata;
            self.tail.clear();
            out.text(Style::Comment, "[CDATA[");
        } else if !b"--".starts_with(&self.tail) && !b"[CDATA[".starts_with(&self.tail) {
            self.state = State::Declaration;
            let begun = std::mem::take(&mut self.tail);
            begun.iter().for_each(|byte| {
                if self.state == State::Declaration {
                    self.closed(*byte, b">", out);
                }
            });
        }
    }

    fn name(&mut self, byte: u8, end: bool, out: &mut Out<'_>) {
        if !matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b'/' | b'>') {
            if self.name.len() < MAX_NAME {
                let html = self.html;
                self.name.push(if html { byte.to_ascii_lowercase() } else { byte });
            } else if end {
                // Long names of ends are written as they come.
                self.close_tag(out);
                self.state = State::Tag { end: true };
                return self.tag(byte, true, out);
            }
            if !end {
                out.byte(Style::Tag, byte);
            }
            return;
        }
        if end {
            self.close_tag(out);
        }
        self.state = State::Tag { end };
        self.tag(byte, end, out);
    }

    /// Ends an element: in its line if it holds no more than a text.
    fn close_tag(&mut self, out: &mut Out<'_>) {
        let at = self.open.iter().rposition(|name| *name == self.name);
        let style =
            if at.is_some() || self.open.len() >= MAX_OPEN { Style::Tag } else { Style::Error };
        if let Some(at) = at {
            let innermost = at + 1 == self.open.len();
            self.open.truncate(at);
            if !innermost || !matches!(self.last, Last::OpenTag | Last::InlineText) {
                self.place(out);
            }
        } else {
            self.place(out);
        }
        out.text(style, "</");
        let name = std::mem::take(&mut self.name);
        out.bytes(style, &name);
    }

    fn tag(&mut self, byte: u8, end: bool, out: &mut Out<'_>) {
        match byte {
            b'>' => {
                self.spaces.clear();
                out.text(Style::Tag, if self.self_closed && !end { "/>" } else { ">" });
                self.finish_tag(end);
            }
            b'/' if !end => {
                if self.self_closed {
                    out.byte(Style::Attribute, b'/');
                }
                self.self_closed = true;
            }
            b' ' | b'\t' | b'\r' | b'\n' => {
                self.spaces.clear();
                self.spaces.push(b' ');
            }
            byte => {
                if std::mem::take(&mut self.self_closed) {
                    out.byte(Style::Attribute, b'/');
                }
                if !self.spaces.is_empty() {
                    out.text(Style::Plain, " ");
                    self.spaces.clear();
                }
                if matches!(byte, b'"' | b'\'') {
                    out.byte(Style::String, byte);
                    self.state = State::Quoted { end, quote: byte };
                } else {
                    out.byte(Style::Attribute, byte);
                }
            }
        }
    }

    fn finish_tag(&mut self, end: bool) {
        let name = std::mem::take(&mut self.name);
        self.state = State::Text;
        self.last = Last::Other;
        let void = self.html && VOID.contains(&&name[..]);
        if end || void || (self.self_closed && !(self.html && VERBATIM.contains(&&name[..]))) {
            return;
        }
        self.last = Last::OpenTag;
        if self.html && VERBATIM.contains(&&name[..]) {
            self.state = State::Verbatim;
            self.tail.clear();
        }
        if self.open.len() < MAX_OPEN {
            self.open.push(name);
        }
    }

    fn verbatim(&mut self, byte: u8, out: &mut Out<'_>) {
        // The end tag is known only when its name is there: until then its bytes wait.
        let end = self.open.last().map_or(&b""[..], |name| name);
        self.tail.push(byte);
        let begins = self.tail.iter().enumerate().all(|(at, byte)| match at {
            0 => *byte == b'<',
            1 => *byte == b'/',
            at => end.get(at - 2).is_some_and(|due| due.eq_ignore_ascii_case(byte)),
        });
        if begins {
            if self.tail.len() == end.len() + 2 {
                self.tail.clear();
                self.name = end.to_vec();
                self.last = Last::InlineText;
                self.state = State::Name { end: true };
            }
            return;
        }
        let tail = std::mem::take(&mut self.tail);
        for (at, byte) in tail.iter().enumerate() {
            if *byte == b'<' && at > 0 {
                // Another may begin here.
                return tail[at..].iter().for_each(|byte| self.verbatim(*byte, out));
            }
            match byte {
                b'\n' => out.line(),
                b'\r' => {}
                byte => out.byte(Style::Plain, *byte),
            }
        }
    }
}

impl Machine for Markup {
    fn byte(&mut self, byte: u8, out: &mut Out<'_>) {
        match self.state {
            State::Text => self.text(byte, out),
            State::Open => self.opened(byte, out),
            State::Declared => self.declared(byte, out),
            State::Comment => self.closed(byte, b"-->", out),
            State::Cdata => self.closed(byte, b"]]>", out),
            State::Declaration => self.closed(byte, b">", out),
            State::Instruction => self.closed(byte, b"?>", out),
            State::Name { end } => self.name(byte, end, out),
            State::Tag { end } => self.tag(byte, end, out),
            State::Quoted { end, quote } => {
                if byte == b'\n' {
                    out.line();
                } else {
                    out.byte(Style::String, byte);
                }
                if byte == quote {
                    self.state = State::Tag { end };
                }
            }
            State::Verbatim => self.verbatim(byte, out),
        }
    }

    fn end(&mut self, out: &mut Out<'_>) {
        match self.state {
            State::Text => {}
            State::Open => self.word(b'<', out),
            State::Declared | State::Verbatim => {
                let tail = std::mem::take(&mut self.tail);
                out.bytes(Style::Error, &tail);
            }
            State::Name { end: true } => self.close_tag(out),
            _ if self.self_closed => out.text(Style::Tag, "/"),
            _ => {}
        }
        if self.state != State::Text {
            out.cut("the markup is cut short");
        } else if !self.html && !self.open.is_empty() {
            let open = self.open.len();
            out.cut(&format!("the markup is cut short: {open} elements are open"));
        }
    }
}
