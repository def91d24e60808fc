//! What a `Content-Encoding` says.

/// The most codings over each other that are taken off.
pub(crate) const MAX_CODINGS: usize = 4;

/// One content coding (RFC 9110 §8.4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Coding {
    /// `br` (RFC 7932).
    Brotli,
    /// `deflate` (RFC 1950, or by mistake RFC 1951).
    Deflate,
    /// `gzip` or `x-gzip` (RFC 1952).
    Gzip,
    /// `zstd` (RFC 8878).
    Zstd,
    /// Another, by its name in lower case.
    Unknown(String),
}

impl Coding {
    fn named(name: &str) -> Self {
        match name {
            "br" => Self::Brotli,
            "deflate" => Self::Deflate,
            "gzip" | "x-gzip" => Self::Gzip,
            "zstd" => Self::Zstd,
            other => Self::Unknown(other.to_owned()),
        }
    }

    /// Returns its registered name.
    pub fn name(&self) -> &str {
        match self {
            Self::Brotli => "br",
            Self::Deflate => "deflate",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Unknown(name) => name,
        }
    }
}

/// The codings of a body, in the order in which they were applied; `identity` is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Codings(Vec<Coding>);

impl Codings {
    /// Reads the values of all `Content-Encoding` fields of a message, in their order.
    ///
    /// Names are taken without regard to case; empty items of the list count for nothing.
    pub fn parse<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut codings = Vec::new();
        for value in values {
            let text = String::from_utf8_lossy(value).to_ascii_lowercase();
            let names = text.split(',').map(str::trim);
            let names = names.filter(|name| !name.is_empty() && *name != "identity");
            codings.extend(names.map(Coding::named));
        }
        Self(codings)
    }

    /// Returns whether the body is as it is.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Goes through them in the order in which they were applied.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Coding> {
        self.0.iter()
    }

    pub(crate) const fn len(&self) -> usize {
        self.0.len()
    }
}
