//! Reads filters: `!` binds closest, then `&`, then `|`, then nothing between two, which means and.

use std::borrow::Cow;
use std::ops::Range;

use crate::compare::{duration, size};
use crate::show::depth;
use crate::{Compare, Expr, Flag, Order, ParseFilterError, Pattern, Since, Term, Text, Who};

/// Which operators are known, by their names.
type Known<'a> = &'a dyn Fn(&str) -> bool;

/// The operators that take neither nothing nor a regular expression.
const OTHERS: [&str; 7] = ["c", "pid", "since", "size", "time", "tree", "user"];

/// Reads a filter of operators that are known.
pub(crate) fn parse(text: &str, known: Known<'_>) -> Result<Expr, ParseFilterError> {
    if text.len() > Expr::MAX_BYTES {
        return Err(ParseFilterError::TooLong { limit: Expr::MAX_BYTES });
    }
    let mut parser = Parser { text, at: 0, depth: 0, terms: 0, known };
    let expr = parser.sequence()?;
    match parser.peek() {
        // What stands side by side is printed with parentheses, and is to be read again.
        None if depth(&expr) > Expr::MAX_DEPTH => {
            Err(ParseFilterError::TooDeep { limit: Expr::MAX_DEPTH, span: 0..0 })
        }
        None => Ok(expr),
        Some(')') => Err(ParseFilterError::Unopened { span: parser.here() }),
        Some(_) => Err(ParseFilterError::End { span: parser.here() }),
    }
}

/// Returns whether a word without quotes ends before that character.
pub(crate) fn ends_word(char: char) -> bool {
    char.is_whitespace() || matches!(char, '(' | ')' | '~' | '"' | '\'')
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    terms: usize,
    known: Known<'a>,
}

/// A word, and where it stands.
struct Word<'a> {
    text: Cow<'a, str>,
    span: Range<usize>,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Returns the place of the next character, empty at the end.
    fn here(&self) -> Range<usize> {
        let len = self.rest().chars().next().map_or(0, char::len_utf8);
        self.at..self.at + len
    }

    /// Returns the next character that is no space.
    fn peek(&mut self) -> Option<char> {
        self.at += self.rest().len() - self.rest().trim_start().len();
        self.rest().chars().next()
    }

    /// Reads what stands side by side.
    fn sequence(&mut self) -> Result<Expr, ParseFilterError> {
        let mut all = vec![self.any()?];
        while !matches!(self.peek(), None | Some(')')) {
            all.push(self.any()?);
        }
        Ok(single_or(all, Expr::And))
    }

    fn any(&mut self) -> Result<Expr, ParseFilterError> {
        let mut any = vec![self.all()?];
        while self.peek() == Some('|') {
            self.at += 1;
            any.push(self.all()?);
        }
        Ok(single_or(any, Expr::Or))
    }

    fn all(&mut self) -> Result<Expr, ParseFilterError> {
        let mut all = vec![self.one()?];
        while self.peek() == Some('&') {
            self.at += 1;
            all.push(self.one()?);
        }
        Ok(single_or(all, Expr::And))
    }

    fn one(&mut self) -> Result<Expr, ParseFilterError> {
        let next = self.peek();
        let place = self.here();
        match next {
            None | Some(')' | '|' | '&') => Err(ParseFilterError::Missing { span: place }),
            Some('!' | '(') => {
                self.depth += 1;
                if self.depth > Expr::MAX_DEPTH {
                    let limit = Expr::MAX_DEPTH;
                    return Err(ParseFilterError::TooDeep { limit, span: place });
                }
                self.at += 1;
                let expr = if next == Some('!') {
                    Expr::Not(Box::new(self.one()?))
                } else {
                    let inner = self.sequence()?;
                    if self.peek() != Some(')') {
                        return Err(ParseFilterError::Unclosed { span: place });
                    }
                    self.at += 1;
                    inner
                };
                self.depth -= 1;
                Ok(expr)
            }
            Some(first) => {
                self.terms += 1;
                if self.terms > Expr::MAX_TERMS {
                    let limit = Expr::MAX_TERMS;
                    return Err(ParseFilterError::TooMany { limit, span: place });
                }
                if first == '~' { self.operator() } else { self.text(Text::Url) }.map(Expr::Term)
            }
        }
    }

    fn operator(&mut self) -> Result<Term, ParseFilterError> {
        let begin = self.at;
        let rest = &self.rest()[1..];
        let len = rest.find(|char: char| !char.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let name = &rest[..len];
        self.at += 1 + len;
        let flag = Flag::ALL.into_iter().find(|flag| flag.name() == name);
        let text = Text::ALL.into_iter().find(|text| text.name() == name);
        let is_one = flag.is_some() || text.is_some() || OTHERS.contains(&name);
        if !is_one || !(self.known)(name) {
            let span = begin..self.at;
            return Err(ParseFilterError::Unknown { name: name.to_owned(), span });
        }
        match (flag, text) {
            (Some(flag), _) => Ok(Term::Flag(flag)),
            (_, Some(text)) => self.text(text),
            _ => self.other(name),
        }
    }

    fn other(&mut self, name: &str) -> Result<Term, ParseFilterError> {
        match name {
            "c" => self.value(|span| ParseFilterError::Code { span }, digits).map(Term::Code),
            "pid" => self.value(|span| ParseFilterError::Pid { span }, digits).map(Term::Pid),
            "since" => self.value(|span| ParseFilterError::Since { span }, since).map(Term::Since),
            "size" => self.compare(|span| ParseFilterError::Size { span }, size).map(Term::Size),
            "time" => {
                self.compare(|span| ParseFilterError::Time { span }, duration).map(Term::Time)
            }
            "tree" => self.who().map(Term::Tree),
            _ => self.who().map(Term::User),
        }
    }

    fn text(&mut self, text: Text) -> Result<Term, ParseFilterError> {
        let word = self.word()?;
        Ok(Term::Text(text, pattern(&word, text.has_lines())?))
    }

    fn who(&mut self) -> Result<Who, ParseFilterError> {
        let word = self.word()?;
        match digits(&word.text) {
            Some(id) => Ok(Who::Id(id)),
            None => Ok(Who::Named(pattern(&word, false)?)),
        }
    }

    fn compare<T>(
        &mut self,
        error: impl Fn(Range<usize>) -> ParseFilterError,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Compare<T>, ParseFilterError> {
        self.peek();
        let rest = self.rest();
        let Some((sign, order)) = Order::SIGNS.into_iter().find(|(sign, _)| rest.starts_with(sign))
        else {
            return Err(error(self.here()));
        };
        self.at += sign.len();
        self.value(error, read).map(|with| Compare { order, with })
    }

    /// Reads a word that is no expression, so that `&` and `|` end it.
    fn value<T>(
        &mut self,
        error: impl Fn(Range<usize>) -> ParseFilterError,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<T, ParseFilterError> {
        let begins_quoted = matches!(self.peek(), Some('"' | '\''));
        let word = if begins_quoted { self.word()? } else { self.plain(&['&', '|'])? };
        read(&word.text).ok_or_else(|| error(word.span))
    }

    /// Takes a word, which ends at a space, parenthesis, tilde or quote, or stands in quotes.
    fn word(&mut self) -> Result<Word<'a>, ParseFilterError> {
        match self.peek() {
            Some(quote @ ('"' | '\'')) => self.quoted(quote),
            Some('&' | '|') => Err(ParseFilterError::Word { span: self.here() }),
            _ => self.plain(&[]),
        }
    }

    fn plain(&mut self, ends: &[char]) -> Result<Word<'a>, ParseFilterError> {
        let (begin, rest) = (self.at, self.rest());
        let len = rest.find(|char| ends_word(char) || ends.contains(&char)).unwrap_or(rest.len());
        if len == 0 {
            return Err(ParseFilterError::Word { span: self.here() });
        }
        self.at += len;
        Ok(Word { text: rest[..len].into(), span: begin..self.at })
    }

    /// Takes a word in quotes. A backslash before a quote or a backslash makes it a plain one, any
    /// other is left to the expression.
    fn quoted(&mut self, quote: char) -> Result<Word<'a>, ParseFilterError> {
        let begin = self.at;
        let mut text = String::new();
        let mut chars = self.rest()[1..].char_indices().peekable();
        while let Some((at, char)) = chars.next() {
            match char {
                '\\' => {
                    let escaped = chars.next_if(|(_, next)| matches!(next, '"' | '\'' | '\\'));
                    text.push(escaped.map_or('\\', |(_, next)| next));
                }
                _ if char == quote => {
                    self.at += 1 + at + 1;
                    return Ok(Word { text: text.into(), span: begin..self.at });
                }
                _ => text.push(char),
            }
        }
        Err(ParseFilterError::Quote { span: begin..begin + 1 })
    }
}

fn single_or(mut some: Vec<Expr>, many: impl Fn(Vec<Expr>) -> Expr) -> Expr {
    if some.len() == 1 { some.remove(0) } else { many(some) }
}

fn pattern(word: &Word<'_>, has_lines: bool) -> Result<Pattern, ParseFilterError> {
    let made = Pattern::new(&word.text, has_lines);
    made.map_err(|what| ParseFilterError::Regex { what, span: word.span.clone() })
}

/// Reads decimal digits alone, without a sign.
fn digits<T: std::str::FromStr>(text: &str) -> Option<T> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}

fn since(text: &str) -> Option<Since> {
    let at = || Some(Since::At(text.parse::<jiff::Timestamp>().ok()?.into()));
    duration(text).map(Since::Ago).or_else(at)
}
