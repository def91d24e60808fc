//! By what lines are ordered.

use std::fmt;
use std::str::FromStr;

/// By what lines are ordered, and which way. They are by time unless something else is said.
///
/// Lines that are alike are ordered by their [`LineId`](crate::LineId). What is not known, as the
/// duration of what has not ended, comes last. Descending is the exact reverse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_structs, reason = "a caller makes it")]
pub struct Order {
    /// By what.
    pub by: Column,
    /// Whether the largest comes first.
    pub descending: bool,
}

/// What lines can be ordered by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Column {
    /// How long it took.
    Duration,
    /// The method, or the transport of a flow.
    Method,
    /// The name of the process, then its id.
    Process,
    /// The bytes of both bodies, or of a flow.
    Size,
    /// The status, or the code of a DNS response.
    Status,
    /// When it began.
    #[default]
    Time,
    /// The URL, byte by byte.
    Url,
}

impl Column {
    /// All of them, by their names.
    pub const ALL: [Self; 7] = [
        Self::Duration,
        Self::Method,
        Self::Process,
        Self::Size,
        Self::Status,
        Self::Time,
        Self::Url,
    ];

    /// Returns its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Duration => "duration",
            Self::Method => "method",
            Self::Process => "process",
            Self::Size => "size",
            Self::Status => "status",
            Self::Time => "time",
            Self::Url => "url",
        }
    }
}

/// A text that names no order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "lines are ordered by duration, method, process, size, status, time or url, and with :desc \
     behind it the largest comes first"
)]
#[non_exhaustive]
pub struct ParseOrderError;

/// Reads `url`, `size:desc` and their like.
impl FromStr for Order {
    type Err = ParseOrderError;

    fn from_str(text: &str) -> Result<Self, ParseOrderError> {
        let (name, descending) = match text.split_once(':') {
            None | Some((_, "asc")) => (text.split(':').next().unwrap_or(text), false),
            Some((name, "desc")) => (name, true),
            Some(_) => return Err(ParseOrderError),
        };
        let by = Column::ALL.into_iter().find(|column| column.name() == name);
        Ok(Self { by: by.ok_or(ParseOrderError)?, descending })
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.by.name())?;
        if self.descending { f.write_str(":desc") } else { Ok(()) }
    }
}
