//! Where a view writes to.

/// What a piece of text is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Style {
    /// The name of an attribute.
    Attribute,
    /// A comment of the content's own.
    Comment,
    /// What is broken, and bytes that are no text.
    Error,
    /// A key, or a field's name.
    Key,
    /// A word with a meaning of its own.
    Keyword,
    /// What the view says, and the content does not.
    Note,
    /// A number.
    Number,
    /// Text without more.
    #[default]
    Plain,
    /// What holds the rest together.
    Punctuation,
    /// A text inside the content.
    String,
    /// The name of an element.
    Tag,
}

/// Takes what a view writes, in order.
///
/// A text holds no line end and no control character save the tab: others are written as
/// `\x1b`, in [`Style::Error`]. Pieces of one style may come in any number of calls.
pub trait Sink {
    /// Takes a piece of the line at hand.
    fn span(&mut self, style: Style, text: &str);

    /// Ends the line.
    fn end_line(&mut self);
}

/// The text alone.
impl Sink for String {
    fn span(&mut self, _style: Style, text: &str) {
        self.push_str(text);
    }

    fn end_line(&mut self) {
        self.push('\n');
    }
}
