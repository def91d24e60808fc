//! Colors, where they are wanted.

use std::borrow::Cow;
use std::ffi::OsString;

/// What a piece of text looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Color {
    /// Stands out.
    Bold,
    /// Neither good nor bad.
    Cyan,
    /// Stands back.
    Dim,
    /// Good.
    Green,
    /// As the terminal has it.
    Plain,
    /// Bad.
    Red,
    /// Odd.
    Yellow,
}

/// Whether text is colored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    colored: bool,
}

impl Style {
    /// Colors nothing.
    pub const PLAIN: Self = Self { colored: false };

    /// Colors.
    pub const COLORED: Self = Self { colored: true };

    /// Colors on a terminal, save where `NO_COLOR` says no or `CLICOLOR_FORCE` says always.
    ///
    /// An empty variable counts as one that is not set (see <https://no-color.org> and
    /// <https://bixense.com/clicolors>).
    pub fn choose(is_terminal: bool, env: &dyn Fn(&str) -> Option<OsString>) -> Self {
        let set = |name: &str| env(name).filter(|value| !value.is_empty());
        let forced = set("CLICOLOR_FORCE").is_some_and(|value| value != "0");
        let dumb = set("TERM").is_some_and(|value| value == "dumb");
        let colored = match (set("NO_COLOR").is_some(), forced) {
            (true, _) => false,
            (false, true) => true,
            (false, false) => is_terminal && !dumb,
        };
        Self { colored }
    }

    /// Gives `text` that look.
    pub fn paint(self, color: Color, text: &str) -> Cow<'_, str> {
        let code = match color {
            Color::Bold => "1",
            Color::Cyan => "36",
            Color::Dim => "2",
            Color::Green => "32",
            Color::Plain => return Cow::Borrowed(text),
            Color::Red => "31",
            Color::Yellow => "33",
        };
        if !self.colored || text.is_empty() {
            return Cow::Borrowed(text);
        }
        Cow::Owned(format!("\x1b[{code}m{text}\x1b[0m"))
    }
}
