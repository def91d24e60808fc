//! How a helper gets the rights that it needs.

/// How the helper is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// By itself: the caller is root.
    Root,
    /// By itself: its file has the capabilities.
    Capabilities,
    /// By `sudo`, which asks on the terminal.
    Sudo,
    /// By `pkexec`, which asks in a window or on the terminal.
    Pkexec,
}

impl Way {
    /// Returns whether a password may be asked for.
    pub(super) const fn asks(self) -> bool {
        matches!(self, Self::Sudo | Self::Pkexec)
    }

    /// Returns the program that starts the helper, if it is not started by itself.
    pub(super) const fn program(self) -> Option<&'static str> {
        match self {
            Self::Root | Self::Capabilities => None,
            Self::Sudo => Some("sudo"),
            Self::Pkexec => Some("pkexec"),
        }
    }
}

/// What the choice depends on.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Facts {
    /// The caller is effectively root.
    pub(super) root: bool,
    /// The kernel gives this process and its descendants no right that it has not.
    pub(super) no_new_privs: bool,
    /// The helper's file has the capabilities, and the caller may execute it.
    pub(super) capabilities: bool,
    /// There is a terminal on which a password can be asked for.
    pub(super) terminal: bool,
    /// There is a graphical session in which a password can be asked for.
    pub(super) graphical: bool,
    /// There is a `sudo`.
    pub(super) sudo: bool,
    /// There is a `pkexec`.
    pub(super) pkexec: bool,
}

/// Why there is no way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoWay {
    NoNewPrivs,
    NoRights,
}

/// Chooses the way that asks least of the user.
pub(super) const fn choose(facts: Facts) -> Result<Way, NoWay> {
    if facts.root {
        return Ok(Way::Root);
    }
    if facts.no_new_privs {
        return Err(NoWay::NoNewPrivs);
    }
    if facts.capabilities {
        return Ok(Way::Capabilities);
    }
    if facts.terminal && facts.sudo {
        return Ok(Way::Sudo);
    }
    if facts.pkexec && (facts.terminal || facts.graphical) {
        return Ok(Way::Pkexec);
    }
    Err(NoWay::NoRights)
}

#[cfg(test)]
mod tests {
    use super::{Facts, NoWay, Way, choose};

    #[track_caller]
    fn check(facts: Facts, expected: Result<Way, NoWay>) {
        assert_eq!(choose(facts), expected, "{facts:?}");
    }

    const BOTH: Facts = Facts {
        root: false,
        no_new_privs: false,
        capabilities: false,
        terminal: false,
        graphical: false,
        sudo: true,
        pkexec: true,
    };

    #[test]
    fn the_way_that_asks_least_is_chosen() {
        check(Facts { root: true, no_new_privs: true, ..BOTH }, Ok(Way::Root));
        check(Facts { capabilities: true, terminal: true, ..BOTH }, Ok(Way::Capabilities));
        check(Facts { terminal: true, graphical: true, ..BOTH }, Ok(Way::Sudo));
        check(Facts { terminal: true, sudo: false, ..BOTH }, Ok(Way::Pkexec));
        check(Facts { graphical: true, ..BOTH }, Ok(Way::Pkexec));
    }

    #[test]
    fn nobody_is_asked_where_nobody_can_answer() {
        check(BOTH, Err(NoWay::NoRights));
        check(Facts { graphical: true, pkexec: false, ..BOTH }, Err(NoWay::NoRights));
        check(Facts { terminal: true, sudo: false, pkexec: false, ..BOTH }, Err(NoWay::NoRights));
    }

    #[test]
    fn no_new_privs_is_the_reason_where_it_is() {
        let facts = Facts { no_new_privs: true, capabilities: true, terminal: true, ..BOTH };
        check(facts, Err(NoWay::NoNewPrivs));
    }
}
