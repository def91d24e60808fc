//! Heads of HTTP messages, as they were sent.

use std::fmt;

use bytes::Bytes;

/// One field line of a message (RFC 9110 §5).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Field {
    /// The name, in the case in which it was sent.
    pub name: Bytes,
    /// The value, without the white space around it.
    pub value: Bytes,
}

impl Field {
    /// Makes a field out of text.
    pub fn new(name: impl Into<Bytes>, value: impl Into<Bytes>) -> Self {
        Self { name: name.into(), value: value.into() }
    }

    /// Returns whether the field has that name, which is compared without regard to case.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}

/// The fields of a message in the order in which they were sent, duplicates included.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Fields(pub Vec<Field>);

impl Fields {
    /// Returns the value of the first field of that name.
    pub fn get(&self, name: &str) -> Option<&Bytes> {
        self.0.iter().find(|field| field.is(name)).map(|field| &field.value)
    }

    /// Iterates over the values of all fields of that name, in order.
    pub fn get_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Bytes> {
        self.0.iter().filter(move |field| field.is(name)).map(|field| &field.value)
    }

    /// Iterates over all fields, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Field> {
        self.0.iter()
    }

    /// Appends a field.
    pub fn push(&mut self, name: impl Into<Bytes>, value: impl Into<Bytes>) {
        self.0.push(Field::new(name, value));
    }

    /// Returns how many fields there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> IntoIterator for &'a Fields {
    type Item = &'a Field;
    type IntoIter = std::slice::Iter<'a, Field>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl FromIterator<Field> for Fields {
    fn from_iter<I: IntoIterator<Item = Field>>(fields: I) -> Self {
        Self(fields.into_iter().collect())
    }
}

/// A version of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Version {
    /// HTTP/1.0 (RFC 1945).
    Http10,
    /// HTTP/1.1 (RFC 9112), and what calls itself a later 1.x (RFC 9110 §6.2).
    Http11,
    /// HTTP/2 (RFC 9113).
    Http2,
    /// HTTP/3 (RFC 9114).
    Http3,
}

impl Version {
    /// Every version, from the oldest on.
    pub const ALL: [Self; 4] = [Self::Http10, Self::Http11, Self::Http2, Self::Http3];

    /// Returns ten times its number: 10, 11, 20 or 30.
    pub const fn number(self) -> u8 {
        match self {
            Self::Http10 => 10,
            Self::Http11 => 11,
            Self::Http2 => 20,
            Self::Http3 => 30,
        }
    }

    /// Returns the name as it stands in a start line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
            Self::Http3 => "HTTP/3",
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The head of a request: the request line and the fields (RFC 9112 §3).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RequestHead {
    /// The method, case-sensitive.
    pub method: Bytes,
    /// The request target as it was sent.
    pub target: Bytes,
    /// The protocol version.
    pub version: Version,
    /// The fields.
    pub fields: Fields,
}

/// The head of a response: the status line and the fields (RFC 9112 §4).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ResponseHead {
    /// The protocol version.
    pub version: Version,
    /// The status code.
    pub status: u16,
    /// The reason phrase, which may be empty.
    pub reason: Bytes,
    /// The fields.
    pub fields: Fields,
}

impl ResponseHead {
    /// Returns whether another response follows for the same request (RFC 9110 §15.2).
    ///
    /// A 101 is final as far as HTTP goes: what follows is another protocol.
    pub const fn is_interim(&self) -> bool {
        matches!(self.status, 100 | 102..=199)
    }
}
