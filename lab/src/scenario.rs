//! The table of scenarios.

use anyhow::Result;

use crate::lab::Lab;
use crate::model::{Driver, Family, GroundKind, Trial};
use crate::scenarios;

/// One scenario: a function, and where it makes sense.
pub struct Scenario {
    /// Its name, `group/name`.
    pub name: &'static str,
    /// What it shows, in one line.
    pub shows: &'static str,
    /// The drivers by which it is captured.
    pub drivers: &'static [Driver],
    /// The families over which clients ask.
    pub families: &'static [Family],
    /// The grounds on which it runs; the kernel ground repeats what the net ground runs.
    pub grounds: &'static [GroundKind],
    /// Drivers whose transcript is another, with the reason; the rest share one snapshot.
    pub apart: &'static [(Driver, &'static str)],
    /// The scenario itself.
    pub run: fn(&mut Lab) -> Result<()>,
}

impl std::fmt::Debug for Scenario {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scenario").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Scenario {
    /// Returns all of them, in the order of their groups.
    #[must_use]
    pub fn all() -> Vec<&'static Self> {
        scenarios::ALL.iter().flat_map(|group| group.iter()).collect()
    }

    /// Finds one by its name.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        Self::all().into_iter().find(|scenario| scenario.name == name)
    }

    /// Lists its trials on a ground.
    #[must_use]
    pub fn trials(&self, ground: GroundKind) -> Vec<Trial> {
        if !self.grounds.contains(&ground) {
            return Vec::new();
        }
        let each = |driver: &Driver| {
            let driver = *driver;
            self.families.iter().map(move |family| Trial {
                ground,
                scenario: self.name.to_owned(),
                driver,
                family: *family,
            })
        };
        // Nothing in memory depends on how a kernel captures, or on addresses.
        if ground == GroundKind::Sim {
            return self.drivers.first().into_iter().flat_map(each).take(1).collect();
        }
        // A container is a namespace for most purposes; scenarios of containers alone run by all.
        if ground == GroundKind::Ctr && self.grounds.len() > 1 {
            return self.drivers.first().into_iter().flat_map(each).take(1).collect();
        }
        self.drivers.iter().flat_map(each).collect()
    }

    /// Lists its trials inside of a machine with another kernel: those of the net ground, also of
    /// what asks for more than this machine's kernel has.
    #[must_use]
    pub fn trials_inside(&self) -> Vec<Trial> {
        let is_inside = [GroundKind::Net, GroundKind::Kernel];
        if !self.grounds.iter().any(|ground| is_inside.contains(ground)) {
            return Vec::new();
        }
        Self { grounds: &[GroundKind::Net], ..*self }.trials(GroundKind::Net)
    }

    /// Returns the end of the snapshot's name, and why it has one.
    #[must_use]
    pub fn suffix(&self, driver: Driver) -> Option<(&'static str, &'static str)> {
        let (driver, reason) = self.apart.iter().find(|(apart, _)| *apart == driver)?;
        // What a gateway sees does not depend on how packets come to it, unless it says so.
        let is_alike = |(other, why): &&(Driver, &str)| other.is_on_gateway() && why == reason;
        let is_shared = driver.is_on_gateway() && self.apart.iter().filter(is_alike).count() > 1;
        Some((if is_shared { "gateway" } else { driver.name() }, *reason))
    }
}
