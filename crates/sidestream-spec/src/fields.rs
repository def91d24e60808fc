//! The names of the facts that a spec can ask for, and sets of them.

use std::fmt;

/// One fact that a spec can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// The process's ancestors, or a fact of one of them.
    Ancestors,
    /// The process's cgroup.
    Cgroup,
    /// The container that the process runs in.
    Container,
    /// The address and port that the flow goes to.
    Destination,
    /// The name of the host that the flow goes to.
    Host,
    /// The executable's name.
    Name,
    /// The executable's path.
    Path,
    /// The process id.
    Pid,
    /// The systemd unit that the process belongs to.
    Unit,
    /// The user that the process runs as.
    User,
}

impl Field {
    /// Every field, in alphabetical order.
    pub const ALL: [Self; 10] = [
        Self::Ancestors,
        Self::Cgroup,
        Self::Container,
        Self::Destination,
        Self::Host,
        Self::Name,
        Self::Path,
        Self::Pid,
        Self::Unit,
        Self::User,
    ];

    /// Tells whether the fact is one of the process, and so the same for all its flows.
    pub fn is_process(self) -> bool {
        !matches!(self, Self::Destination | Self::Host)
    }

    fn bit(self) -> u16 {
        1 << self as u16
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ancestors => "ancestors",
            Self::Cgroup => "cgroup",
            Self::Container => "container",
            Self::Destination => "destination",
            Self::Host => "host",
            Self::Name => "name",
            Self::Path => "path",
            Self::Pid => "pid",
            Self::Unit => "unit",
            Self::User => "user",
        })
    }
}

/// A set of [`Field`]s.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Fields(u16);

impl Fields {
    /// The set of none.
    pub const NONE: Self = Self(0);

    /// Tells whether the set holds `field`.
    pub fn contains(self, field: Field) -> bool {
        self.0 & field.bit() != 0
    }

    /// Tells whether the set holds nothing.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Iterates over the fields in alphabetical order.
    pub fn iter(self) -> impl Iterator<Item = Field> {
        Field::ALL.into_iter().filter(move |&field| self.contains(field))
    }

    /// Returns the fields that are in either set.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl From<Field> for Fields {
    fn from(field: Field) -> Self {
        Self(field.bit())
    }
}

impl FromIterator<Field> for Fields {
    fn from_iter<I: IntoIterator<Item = Field>>(fields: I) -> Self {
        fields.into_iter().fold(Self::NONE, |all, field| all.union(field.into()))
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// Writes the fields as a list: `name, path`.
impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, field) in self.iter().enumerate() {
            let separator = if n == 0 { "" } else { ", " };
            write!(f, "{separator}{field}")?;
        }
        Ok(())
    }
}
