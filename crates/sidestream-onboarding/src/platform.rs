//! Which system a visitor comes from.

/// A system that has steps of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Platform {
    Ios,
    Android,
    Windows,
    Macos,
    Linux,
}

impl Platform {
    /// All of them, the devices that have no other way to the root first.
    pub(crate) const ALL: [Self; 5] =
        [Self::Ios, Self::Android, Self::Windows, Self::Macos, Self::Linux];

    /// What a browser says of itself, as each says it of its system first.
    const MARKS: [(&str, Self); 9] = [
        ("iPhone", Self::Ios),
        ("iPad", Self::Ios),
        ("iPod", Self::Ios),
        // Both name Linux as well.
        ("Android", Self::Android),
        ("Windows", Self::Windows),
        ("Macintosh", Self::Macos),
        ("Darwin", Self::Macos),
        ("Linux", Self::Linux),
        ("X11", Self::Linux),
    ];

    /// Finds out from a User-Agent. An iPad says that it is a Macintosh.
    pub(crate) fn of(user_agent: &str) -> Option<Self> {
        let found = Self::MARKS.iter().find(|(mark, _)| user_agent.contains(mark));
        found.map(|(_, platform)| *platform)
    }

    /// All of them in the order in which a visitor wants them.
    pub(crate) fn in_order(own: Option<Self>) -> impl Iterator<Item = Self> {
        // Behind a Macintosh there may be an iPad.
        let next = (own == Some(Self::Macos)).then_some(Self::Ios);
        let first: Vec<_> = own.into_iter().chain(next).collect();
        let others = Self::ALL.into_iter().filter(|other| !first.contains(other));
        first.clone().into_iter().chain(others.collect::<Vec<_>>())
    }
}
