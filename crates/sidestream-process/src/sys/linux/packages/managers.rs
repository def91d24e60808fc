//! The package managers of this machine; more than one may be there.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use super::dpkg::{self, Dpkg};
use super::listed::{APK_FILES, Listed, PACMAN_FOLDER};
use super::rpm;

/// When what each of them keeps was last changed, in the order of [`PLACES`].
type Stamp = [Option<SystemTime>; PLACES.len()];

/// What changes when something is installed or removed. RPM is asked anew each time.
const PLACES: [&str; 4] = ["/var/lib/dpkg/info", APK_FILES[0], APK_FILES[1], PACMAN_FOLDER];

/// What is known of all installed packages.
#[derive(Debug)]
pub(super) struct Managers {
    stamp: Stamp,
    dpkg: Option<Dpkg>,
    listed: Vec<Listed>,
    rpm: bool,
}

impl Managers {
    /// Reads what there is.
    pub(super) fn read() -> Self {
        // Before the rest: what changes meanwhile is then seen to have changed.
        let stamp = stamp();
        let dpkg = Dpkg::read(Path::new(dpkg::FOLDER));
        let listed = [Listed::read_apk(), Listed::read_pacman()];
        Self { stamp, dpkg, listed: listed.into_iter().flatten().collect(), rpm: rpm::is_used() }
    }

    /// Finds the package of a file where that costs little.
    pub(super) fn near(&self, path: &Path) -> Option<String> {
        let dpkg = self.dpkg.as_ref().and_then(|dpkg| dpkg.near(path));
        dpkg.or_else(|| self.listed(path)).map(str::to_owned)
    }

    /// Finds the package of a file, among those that are installed now.
    pub(super) fn owner(&mut self, path: &Path) -> Option<String> {
        if self.stamp != stamp() {
            *self = Self::read();
        }
        let dpkg = self.dpkg.as_mut().and_then(|dpkg| dpkg.owner(path));
        let found = dpkg.or_else(|| self.listed(path).map(str::to_owned));
        found.or_else(|| self.rpm.then(|| rpm::owner(path))?)
    }

    fn listed(&self, path: &Path) -> Option<&str> {
        self.listed.iter().find_map(|listed| listed.owner(path))
    }
}

fn stamp() -> Stamp {
    PLACES.map(|place| fs::metadata(place).and_then(|it| it.modified()).ok())
}
