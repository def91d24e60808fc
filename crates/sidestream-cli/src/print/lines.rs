//! Lines of a view on the screen, as many as may be.

use std::io::{self, Write};

use sidestream::view::{Sink, Style as ViewStyle};

use super::{Color, Style};

/// Takes what a view writes.
#[derive(Debug)]
pub struct Lines<W> {
    out: W,
    style: Style,
    /// What stands before each line.
    mark: &'static str,
    in_line: bool,
    lines_left: usize,
    bytes_left: usize,
    error: Option<io::Error>,
}

impl<W: Write> Lines<W> {
    /// Writes up to so many lines, and bytes in them.
    pub const fn new(out: W, style: Style, mark: &'static str, lines: usize, bytes: usize) -> Self {
        let (lines_left, bytes_left) = (lines, bytes);
        Self { out, style, mark, in_line: false, lines_left, bytes_left, error: None }
    }

    /// Returns whether nothing more is taken.
    pub const fn is_full(&self) -> bool {
        self.lines_left == 0 || self.bytes_left == 0 || self.error.is_some()
    }

    /// Ends the line, and says what the output said.
    ///
    /// # Errors
    ///
    /// Whatever the output says.
    pub fn finish(mut self) -> io::Result<()> {
        if self.in_line {
            self.put(b"\n");
        }
        self.error.map_or(Ok(()), Err)
    }

    fn put(&mut self, bytes: &[u8]) {
        if self.error.is_none() {
            self.error = self.out.write_all(bytes).err();
        }
    }

    fn begin(&mut self) {
        if !self.in_line {
            self.put(self.mark.as_bytes());
            self.in_line = true;
        }
    }
}

impl<W: Write> Sink for Lines<W> {
    fn span(&mut self, style: ViewStyle, text: &str) {
        if self.is_full() {
            return;
        }
        self.begin();
        let mut end = text.len().min(self.bytes_left);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.bytes_left -= end.max(1).min(self.bytes_left);
        let painted = self.style.paint(color(style), &text[..end]).into_owned();
        self.put(painted.as_bytes());
    }

    fn end_line(&mut self) {
        if self.is_full() {
            return;
        }
        self.begin();
        self.put(b"\n");
        self.in_line = false;
        self.lines_left -= 1;
    }
}

const fn color(style: ViewStyle) -> Color {
    match style {
        ViewStyle::Comment | ViewStyle::Note => Color::Dim,
        ViewStyle::Error => Color::Red,
        ViewStyle::Key | ViewStyle::Tag => Color::Cyan,
        ViewStyle::Keyword | ViewStyle::Number => Color::Yellow,
        ViewStyle::String => Color::Green,
        _ => Color::Plain,
    }
}
