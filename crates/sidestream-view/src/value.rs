//! JSON as a value, where its parts are looked for; numbers stay text.

/// The deepest nesting that is read.
const MAX_DEPTH: usize = 64;

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// A number, or one of the three words.
    Word(String),
    String(String),
    Array(Vec<Self>),
    Object(Vec<(String, Self)>),
}

impl Value {
    /// Reads a whole text; `None` if it is not JSON.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut parser = Parser { text: std::str::from_utf8(bytes).ok()? };
        let value = parser.value(0)?;
        parser.text.trim().is_empty().then_some(value)
    }

    /// Returns the member of that name.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        members.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// Returns the members of members.
    pub(crate) fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |value, name| value.get(name))
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the text of the member of that name.
    pub(crate) fn text_of(&self, name: &str) -> Option<&str> {
        self.get(name)?.text()
    }

    /// Returns the number of the member of that name.
    pub(crate) fn number_of(&self, name: &str) -> Option<u64> {
        match self.get(name)? {
            Self::Word(word) => word.parse().ok(),
            _ => None,
        }
    }

    pub(crate) fn items(&self) -> &[Self] {
        match self {
            Self::Array(items) => items,
            _ => &[],
        }
    }
}

struct Parser<'a> {
    text: &'a str,
}

impl Parser<'_> {
    fn skip(&mut self) {
        self.text = self.text.trim_start_matches([' ', '\t', '\r', '\n']);
    }

    fn take(&mut self, char: char) -> Option<()> {
        self.skip();
        self.text = self.text.strip_prefix(char)?;
        Some(())
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        if depth > MAX_DEPTH {
            return None;
        }
        self.skip();
        match self.text.as_bytes().first()? {
            b'"' => self.string().map(Value::String),
            b'[' => {
                let mut items = Vec::new();
                self.list('[', ']', |parser| {
                    items.push(parser.value(depth + 1)?);
                    Some(())
                })?;
                Some(Value::Array(items))
            }
            b'{' => {
                let mut members = Vec::new();
                self.list('{', '}', |parser| {
                    parser.skip();
                    let key = parser.string()?;
                    parser.take(':')?;
                    members.push((key, parser.value(depth + 1)?));
                    Some(())
                })?;
                Some(Value::Object(members))
            }
            _ => {
                let of_word = |char: char| char.is_ascii_alphanumeric() || "+-.".contains(char);
                let end = self.text.find(|char| !of_word(char)).unwrap_or(self.text.len());
                let (word, rest) = self.text.split_at(end);
                self.text = rest;
                (!word.is_empty()).then(|| Value::Word(word.to_owned()))
            }
        }
    }

    fn list(
        &mut self,
        open: char,
        close: char,
        mut item: impl FnMut(&mut Self) -> Option<()>,
    ) -> Option<()> {
        self.take(open)?;
        if self.take(close).is_some() {
            return Some(());
        }
        loop {
            item(self)?;
            if self.take(',').is_none() {
                return self.take(close);
            }
        }
    }

    fn string(&mut self) -> Option<String> {
        self.text = self.text.strip_prefix('"')?;
        let mut string = String::new();
        loop {
            let end = self.text.find(['"', '\\'])?;
            let (plain, rest) = self.text.split_at(end);
            string.push_str(plain);
            if let Some(rest) = rest.strip_prefix('"') {
                self.text = rest;
                return Some(string);
            }
            let mut chars = rest[1..].chars();
            let escaped = chars.next()?;
            self.text = chars.as_str();
            string.push(match escaped {
                'b' => '\u{8}',
                'f' => '\u{c}',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'u' => self.unicode()?,
                other => other,
            });
        }
    }

    fn unicode(&mut self) -> Option<char> {
        let mut unit = || {
            let digits = self.text.get(..4)?;
            self.text = &self.text[4..];
            u32::from_str_radix(digits, 16).ok()
        };
        let first = unit()?;
        if !(0xd800..0xdc00).contains(&first) {
            return Some(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        let Some(rest) = self.text.strip_prefix("\\u") else {
            return Some(char::REPLACEMENT_CHARACTER);
        };
        let low = rest.get(..4).and_then(|digits| u32::from_str_radix(digits, 16).ok());
        match low {
            Some(low @ 0xdc00..0xe000) => {
                self.text = &rest[4..];
                char::from_u32(0x10000 + ((first - 0xd800) << 10) + (low - 0xdc00))
            }
            _ => Some(char::REPLACEMENT_CHARACTER),
        }
    }
}
