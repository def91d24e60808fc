//! Where a proxy can be set, and what is set there.

use std::fmt;

/// Where a proxy can be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Place {
    /// The variables that programs of the user's next session get, in `environment.d`.
    Environment,
    /// The variables that programs of everybody's next session get, in `/etc/environment`.
    EtcEnvironment,
    /// GNOME's settings, which most desktops and browsers read.
    Gnome,
    /// KDE's settings.
    Kde,
}

/// To whom a place belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// To the machine: root changes it.
    Machine,
    /// To the user, who changes it, and not root.
    User,
}

/// What programs are told now.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Current {
    /// To ask a script, or the network, for a proxy.
    Automatic,
    /// To connect directly.
    Direct,
    /// To use this proxy for HTTP.
    Proxy(String),
}

impl Place {
    /// Returns to whom it belongs.
    pub const fn scope(self) -> Scope {
        match self {
            Self::EtcEnvironment => Scope::Machine,
            _ => Scope::User,
        }
    }

    /// Returns whether programs that run already follow a change.
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Gnome | Self::Kde)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Environment => "environment.d",
            Self::EtcEnvironment => "/etc/environment",
            Self::Gnome => "GNOME",
            Self::Kde => "KDE",
        })
    }
}

impl fmt::Display for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Automatic => f.write_str("automatic"),
            Self::Direct => f.write_str("direct"),
            Self::Proxy(proxy) => f.write_str(proxy),
        }
    }
}
