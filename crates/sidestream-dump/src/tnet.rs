//! Tnetstrings, with the text type that mitmproxy has on top.

use crate::error::TnetError;

/// How deep values may be nested; those of flows are six deep.
const MAX_DEPTH: usize = 64;

/// How many values one may hold.
const MAX_VALUES: usize = 2_000_000;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `true` or `false`.
    Bool(bool),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A number with a point.
    Float(f64),
    /// A whole number.
    Int(i64),
    /// A list.
    List(Vec<Self>),
    /// Pairs of key and value, in order.
    Map(Vec<(Self, Self)>),
    /// Nothing.
    Null,
    /// Text in UTF-8.
    Text(String),
}

impl Value {
    /// Reads a value, which must take up all the bytes.
    ///
    /// # Errors
    ///
    /// The bytes are no value, or one that is nested too deep or holds too many.
    pub fn parse(bytes: &[u8]) -> Result<Self, TnetError> {
        let mut parser = Parser { bytes, values: 0 };
        let (value, end) = parser.value(0, bytes.len(), 0)?;
        if end == bytes.len() { Ok(value) } else { Err(TnetError::Length { offset: end }) }
    }

    /// Appends the value to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        let (content, kind): (Vec<u8>, u8) = match self {
            Self::Null => (Vec::new(), b'~'),
            Self::Bool(value) => (value.to_string().into_bytes(), b'!'),
            Self::Int(value) => (value.to_string().into_bytes(), b'#'),
            // Without a point or an exponent, others would take it for whole.
            Self::Float(value) => (format!("{value:?}").into_bytes(), b'^'),
            Self::Bytes(bytes) => return wrap(out, bytes, b','),
            Self::Text(text) => return wrap(out, text.as_bytes(), b';'),
            Self::List(values) => {
                let mut content = Vec::new();
                values.iter().for_each(|value| value.write(&mut content));
                (content, b']')
            }
            Self::Map(pairs) => {
                let mut content = Vec::new();
                for (key, value) in pairs {
                    key.write(&mut content);
                    value.write(&mut content);
                }
                (content, b'}')
            }
        };
        wrap(out, &content, kind);
    }

    /// Returns what stands under a key, which older versions wrote as bytes and others as text.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        let Self::Map(pairs) = self else { return None };
        let is_it = |name: &Self| name.bytes() == Some(key.as_bytes());
        pairs.iter().find(|(name, _)| is_it(name)).map(|(_, value)| value)
    }

    /// Returns bytes, or those of text.
    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::Text(text) => Some(text.as_bytes()),
            _ => None,
        }
    }

    /// Returns it as JSON; bytes stand as text.
    pub(crate) fn json(&self) -> String {
        let joined = |parts: Vec<String>| parts.join(",");
        match self {
            Self::Bool(value) => value.to_string(),
            Self::Bytes(_) | Self::Text(_) => quoted(&self.text().unwrap_or_default()),
            Self::Float(value) if value.is_finite() => format!("{value:?}"),
            Self::Float(_) | Self::Null => "null".into(),
            Self::Int(value) => value.to_string(),
            Self::List(values) => {
                format!("[{}]", joined(values.iter().map(Self::json).collect()))
            }
            Self::Map(pairs) => {
                let pair = |(key, value): &(Self, Self)| {
                    let key = key.text().unwrap_or_else(|| key.json());
                    format!("{}:{}", quoted(&key), value.json())
                };
                format!("{{{}}}", joined(pairs.iter().map(pair).collect()))
            }
        }
    }

    /// Returns text, or bytes as text.
    pub(crate) fn text(&self) -> Option<String> {
        self.bytes().map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    pub(crate) fn number(&self) -> Option<f64> {
        match self {
            Self::Int(value) => Some(*value as f64),
            Self::Float(value) => Some(*value),
            _ => None,
        }
    }

    pub(crate) fn whole(&self) -> Option<u16> {
        self.number().filter(|it| (0.0..=65535.0).contains(it)).map(|it| it as u16)
    }

    pub(crate) fn list(&self) -> &[Self] {
        match self {
            Self::List(values) => values,
            _ => &[],
        }
    }

    /// Returns whether it says yes.
    pub(crate) fn is_true(&self) -> bool {
        matches!(self, Self::Bool(true)) || self.number().is_some_and(|it| it != 0.0)
    }
}

fn wrap(out: &mut Vec<u8>, content: &[u8], kind: u8) {
    out.extend_from_slice(content.len().to_string().as_bytes());
    out.push(b':');
    out.extend_from_slice(content);
    out.push(kind);
}

/// Puts a text in quotation marks (RFC 8259 §7).
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for char in text.chars() {
        match char {
            '"' | '\\' => out.extend(['\\', char]),
            control if control < ' ' => out += &format!("\\u{:04x}", u32::from(control)),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

struct Parser<'a> {
    bytes: &'a [u8],
    values: usize,
}

impl Parser<'_> {
    /// Reads the value at `at`, which ends before `end`, and returns where it ends.
    fn value(&mut self, at: usize, end: usize, depth: usize) -> Result<(Value, usize), TnetError> {
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(TnetError::Crowded { limit: MAX_VALUES });
        }
        if depth > MAX_DEPTH {
            return Err(TnetError::Nested { limit: MAX_DEPTH, offset: at });
        }
        let wrong = || TnetError::Length { offset: at };
        let head = &self.bytes[at..end.min(at + 13)];
        let colon = head.iter().position(|byte| *byte == b':').ok_or_else(wrong)?;
        let digits = &head[..colon];
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return Err(wrong());
        }
        let length = digits.iter().fold(0_u64, |sum, digit| sum * 10 + u64::from(digit - b'0'));
        let start = at + colon + 1;
        let length = usize::try_from(length).ok().filter(|it| *it < end - start);
        let stop = start + length.ok_or_else(wrong)?;
        Ok((self.content(start, stop, depth)?, stop + 1))
    }

    fn content(&mut self, start: usize, stop: usize, depth: usize) -> Result<Value, TnetError> {
        let content = &self.bytes[start..stop];
        let text = std::str::from_utf8(content).ok();
        let wrong = |what| TnetError::Literal { what, offset: start };
        Ok(match self.bytes[stop] {
            b',' => Value::Bytes(content.to_vec()),
            b';' => Value::Text(text.ok_or_else(|| wrong("text"))?.to_owned()),
            b'#' => Value::Int(parsed(text).ok_or_else(|| wrong("a whole number"))?),
            b'^' => Value::Float(parsed(text).ok_or_else(|| wrong("a number"))?),
            b'!' if content == b"true" => Value::Bool(true),
            b'!' if content == b"false" => Value::Bool(false),
            b'!' => return Err(wrong("true or false")),
            b'~' if content.is_empty() => Value::Null,
            b'~' => return Err(wrong("nothing")),
            b']' => {
                let (mut values, mut at) = (Vec::new(), start);
                while at < stop {
                    let (value, next) = self.value(at, stop, depth + 1)?;
                    values.push(value);
                    at = next;
                }
                Value::List(values)
            }
            b'}' => {
                let (mut pairs, mut at) = (Vec::new(), start);
                while at < stop {
                    let (key, next) = self.value(at, stop, depth + 1)?;
                    let (value, next) = self.value(next, stop, depth + 1)?;
                    pairs.push((key, value));
                    at = next;
                }
                Value::Map(pairs)
            }
            found => return Err(TnetError::Type { found: found.into(), offset: stop }),
        })
    }
}

fn parsed<T: std::str::FromStr>(text: Option<&str>) -> Option<T> {
    text?.parse().ok()
}
