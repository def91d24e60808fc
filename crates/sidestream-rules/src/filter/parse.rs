//! Reads filters: `!` binds closest, then `&` or nothing between two, then `|`.

use super::{Expr, Side};
use crate::ParseRuleError;
use crate::spec::{Part, regex};

/// How deep parentheses and `!` may be nested.
const MAX_DEPTH: usize = 64;

/// Reads a filter, a part of a rule.
pub(super) fn parse(whole: &str, part: Part<'_>) -> Result<Expr, ParseRuleError> {
    let mut parser = Parser { whole, text: part.text, base: part.at, at: 0, depth: 0 };
    let expr = parser.any()?;
    match parser.peek() {
        None => Ok(expr),
        Some(')') => Err(parser.error(parser.at, "a parenthesis that was not opened")),
        Some(_) => Err(parser.error(parser.at, "an end is expected")),
    }
}

struct Parser<'a> {
    whole: &'a str,
    text: &'a str,
    base: usize,
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn error(&self, at: usize, what: impl Into<String>) -> ParseRuleError {
        ParseRuleError::new(self.whole, self.base + at, what)
    }

    /// Returns the next character that is no space.
    fn peek(&mut self) -> Option<char> {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
        self.text[self.at..].chars().next()
    }

    fn any(&mut self) -> Result<Expr, ParseRuleError> {
        let mut any = vec![self.all()?];
        while self.peek() == Some('|') {
            self.at += 1;
            any.push(self.all()?);
        }
        Ok(if any.len() == 1 { any.remove(0) } else { Expr::Or(any) })
    }

    fn all(&mut self) -> Result<Expr, ParseRuleError> {
        let mut all = vec![self.one()?];
        loop {
            match self.peek() {
                Some('&') => self.at += 1,
                None | Some('|' | ')') => break,
                Some(_) => {}
            }
            all.push(self.one()?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Expr::And(all) })
    }

    fn one(&mut self) -> Result<Expr, ParseRuleError> {
        let next = self.peek();
        let begin = self.at;
        match next {
            None => Err(self.error(begin, "a filter is expected, such as ~m POST")),
            Some('!' | '(') => {
                self.depth += 1;
                if self.depth > MAX_DEPTH {
                    return Err(self.error(begin, "nested too deep"));
                }
                self.at += 1;
                let expr = if next == Some('!') {
                    Expr::Not(Box::new(self.one()?))
                } else {
                    let inner = self.any()?;
                    if self.peek() != Some(')') {
                        return Err(self.error(begin, "a parenthesis that is not closed"));
                    }
                    self.at += 1;
                    inner
                };
                self.depth -= 1;
                Ok(expr)
            }
            Some(')' | '|' | '&') => Err(self.error(begin, "a filter is expected before this")),
            Some('~') => self.operator(),
            Some(_) => {
                let word = self.word()?;
                Ok(Expr::Url(regex(self.whole, word, true)?))
            }
        }
    }

    fn operator(&mut self) -> Result<Expr, ParseRuleError> {
        let begin = self.at;
        let rest = &self.text[begin + 1..];
        let len = rest.find(|char: char| !char.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let name = &rest[..len];
        self.at += 1 + len;
        Ok(match name {
            "all" | "http" => Expr::All,
            "q" => Expr::Request,
            "s" => Expr::Response,
            "c" => {
                let word = self.word()?;
                let code = word.text.parse();
                let what = "a status code is expected, such as ~c 404";
                Expr::Code(
                    code.map_err(|_no_number| ParseRuleError::new(self.whole, word.at, what))?,
                )
            }
            "d" => Expr::Domain(self.regex()?),
            "h" => Expr::Header(Side::Either, self.regex()?),
            "hq" => Expr::Header(Side::Request, self.regex()?),
            "hs" => Expr::Header(Side::Response, self.regex()?),
            "m" => Expr::Method(self.regex()?),
            "t" => Expr::ContentType(Side::Either, self.regex()?),
            "tq" => Expr::ContentType(Side::Request, self.regex()?),
            "ts" => Expr::ContentType(Side::Response, self.regex()?),
            "u" => Expr::Url(self.regex()?),
            "websocket" => Expr::WebSocket,
            other => {
                let what = format!(
                    "~{other} is not known to rules: use ~m, ~u, ~d, ~q, ~s, ~h, ~hq, ~hs, ~t, \
                     ~tq, ~ts, ~c, ~websocket, ~all or ~http"
                );
                return Err(self.error(begin, what));
            }
        })
    }

    fn regex(&mut self) -> Result<regex::bytes::Regex, ParseRuleError> {
        let word = self.word()?;
        regex(self.whole, word, true)
    }

    /// Takes a word, which ends at a space or parenthesis, or stands in quotes.
    fn word(&mut self) -> Result<Part<'a>, ParseRuleError> {
        let Some(first) = self.peek() else {
            return Err(self.error(self.at, "a word is expected here"));
        };
        let begin = self.at;
        if matches!(first, '"' | '\'') {
            let inner = &self.text[begin + 1..];
            let Some(len) = inner.find(first) else {
                return Err(self.error(begin, "a quote that is not closed"));
            };
            self.at = begin + len + 2;
            return Ok(Part { text: &inner[..len], at: self.base + begin + 1 });
        }
        let rest = &self.text[begin..];
        let ends = |char: char| char.is_whitespace() || matches!(char, '(' | ')' | '~' | '|' | '&');
        let len = rest.find(ends).unwrap_or(rest.len());
        if len == 0 {
            return Err(self.error(begin, "a word is expected here; put it in quotes"));
        }
        self.at = begin + len;
        Ok(Part { text: &rest[..len], at: self.base + begin })
    }
}
