//! Whom clients trust: the lab's authority, and the proxy's root or not.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::{Hosted, Machines, proxy, unavailable};
use crate::agent::{Exec, Remote};

/// How long a root may take to be made; only a failing trial waits so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// The folder of the proxy's root.
pub(in crate::ground) fn confdir(remote: &Remote) -> PathBuf {
    remote.hello().folder.join("conf")
}

/// The lab's authority, which servers show.
pub(super) fn lab_root(remote: &Remote) -> PathBuf {
    remote.hello().folder.join("lab.pem")
}

/// The lab's authority and the proxy's root.
pub(super) fn all_roots(remote: &Remote) -> PathBuf {
    remote.hello().folder.join("roots.pem")
}

impl<M: Machines> Hosted<M> {
    /// Puts the lab's authority where a host's clients and its proxy find it, lets the proxy make
    /// its root, and puts both where those clients find them that trust both.
    pub(super) fn prepare_roots(&mut self, host: &str, place: &Remote) -> Result<()> {
        let index = self.index(host)?;
        if self.hosts[index].has_roots {
            return Ok(());
        }
        self.put_lab_root(index)?;
        place.put(&lab_root(place), self.ca.pem().as_bytes(), 0o644)?;
        let sidestream = self.machines.sidestream().display().to_string();
        let exec = Exec::new([&*sidestream, "ca", "export", "--format", "pem"]);
        let said = place.run(&proxy::environment(place, exec), PATIENCE).map_err(unavailable)?;
        if !said.is_success() {
            bail!("the proxy makes no root: {:?} {}", said.ended, said.err());
        }
        let roots = [self.ca.pem(), &said.out()].concat();
        let app = &self.hosts[index].remote;
        app.put(&all_roots(app), roots.as_bytes(), 0o644).context("writing the roots")?;
        self.hosts[index].has_roots = true;
        Ok(())
    }

    /// Puts the lab's authority on a host, where nobody intercepts.
    pub(super) fn put_lab_root(&self, index: usize) -> Result<()> {
        let app = &self.hosts[index].remote;
        for file in [lab_root(app), all_roots(app)] {
            app.put(&file, self.ca.pem().as_bytes(), 0o644).context("writing the root")?;
        }
        Ok(())
    }
}
