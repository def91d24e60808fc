//! Where, how and over what a scenario runs.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Where the hosts of a scenario are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GroundKind {
    /// In this process, joined by seeded in-memory links, in virtual time.
    Sim,
    /// In network namespaces of this kernel.
    Net,
    /// In containers of an engine that the lab starts.
    Ctr,
    /// In network namespaces of another kernel, under QEMU.
    Kernel,
    /// In virtual machines made by Vagrant.
    Vm,
    /// The Windows driver under Wine.
    Wine,
    /// The macOS extension's protocol without macOS.
    NetextSim,
}

/// How the client's traffic comes to the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Driver {
    /// Not at all: the baseline.
    Direct,
    /// `sidestream run -- CLIENT`.
    Run,
    /// `sidestream --mode local:SPEC`.
    Local,
    /// `sidestream --mode regular`, which the client is told of.
    Regular,
    /// `sidestream gateway up` on a gateway, which the client's packets are routed to.
    Transparent,
    /// `sidestream --mode tun` on a gateway, which the client's packets are routed to.
    Tun,
    /// `sidestream --mode wireguard` on a gateway, with which the client has a tunnel.
    Wireguard,
}

/// The version of IP that clients ask by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// One scenario on one ground, by one driver, over one family.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Trial {
    /// Where.
    pub ground: GroundKind,
    /// The scenario's name, such as `http1/get`.
    pub scenario: String,
    /// How it is captured.
    pub driver: Driver,
    /// Over what.
    pub family: Family,
}

/// A text that is no trial's name.
#[derive(Debug)]
pub struct ParseTrialError(String);

impl GroundKind {
    /// All of them, quick ones first.
    pub const ALL: [Self; 7] =
        [Self::Sim, Self::Net, Self::Ctr, Self::Kernel, Self::Vm, Self::Wine, Self::NetextSim];

    /// The name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sim => "sim",
            Self::Net => "net",
            Self::Ctr => "ctr",
            Self::Kernel => "kernel",
            Self::Vm => "vm",
            Self::Wine => "wine",
            Self::NetextSim => "netext-sim",
        }
    }
}

impl Driver {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Direct,
        Self::Run,
        Self::Local,
        Self::Regular,
        Self::Transparent,
        Self::Tun,
        Self::Wireguard,
    ];

    /// The name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Run => "run",
            Self::Local => "local",
            Self::Regular => "regular",
            Self::Transparent => "transparent",
            Self::Tun => "tun",
            Self::Wireguard => "wireguard",
        }
    }

    /// Tells whether the proxy is on a gateway, and not on the host of its clients.
    #[must_use]
    pub const fn is_on_gateway(self) -> bool {
        matches!(self, Self::Transparent | Self::Tun | Self::Wireguard)
    }
}

impl Family {
    /// Both.
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// The name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::V4 => "v4",
            Self::V6 => "v6",
        }
    }
}

impl fmt::Display for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ground, scenario, driver, family } = self;
        write!(f, "{}::{scenario}::{}::{}", ground.name(), driver.name(), family.name())
    }
}

impl FromStr for Trial {
    type Err = ParseTrialError;

    fn from_str(text: &str) -> Result<Self, ParseTrialError> {
        let refused = || ParseTrialError(text.to_owned());
        let mut parts = text.split("::");
        let mut next = || parts.next().ok_or_else(refused);
        let (ground, scenario, driver, family) = (next()?, next()?, next()?, next()?);
        let trial = Self {
            ground: find(&GroundKind::ALL, GroundKind::name, ground).ok_or_else(refused)?,
            scenario: scenario.to_owned(),
            driver: find(&Driver::ALL, Driver::name, driver).ok_or_else(refused)?,
            family: find(&Family::ALL, Family::name, family).ok_or_else(refused)?,
        };
        if parts.next().is_some() { Err(refused()) } else { Ok(trial) }
    }
}

fn find<T: Copy>(all: &[T], name: fn(T) -> &'static str, wanted: &str) -> Option<T> {
    all.iter().copied().find(|one| name(*one) == wanted)
}

impl fmt::Display for ParseTrialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no trial {:?}: it should be like net::http1/get::run::v4", self.0)
    }
}

impl std::error::Error for ParseTrialError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_is_read_back_from_its_name() {
        for name in ["net::http1/get::local::v4", "netext-sim::raw/reset::direct::v6"] {
            assert_eq!(name.parse::<Trial>().unwrap().to_string(), name);
        }
        for bad in ["", "net", "net::a::local", "net::a::local::v5", "net::a::local::v4::x"] {
            assert!(bad.parse::<Trial>().is_err(), "{bad}");
        }
    }
}
