//! What an agent serves.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result};
use tokio::runtime::{Builder, Handle};

use super::program::Program;
use super::words::Serving;
use crate::model::{OriginSeen, Service};
use crate::origin::{Log, Origin, Site};
use crate::sys::Silence;

/// The origins of a host.
#[derive(Debug)]
pub(super) struct Origins {
    folder: PathBuf,
    runtime: Handle,
    log: Log,
    bound: Mutex<Vec<Bound>>,
}

/// What holds a port.
#[derive(Debug)]
#[expect(dead_code, reason = "ports are held, and that is all")]
enum Bound {
    Origin(Origin),
    Program(Program),
    Silence(Silence),
}

impl Origins {
    /// None yet.
    pub(super) fn new(folder: &Path) -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.context("making a runtime")?;
        let handle = runtime.handle().clone();
        thread::spawn(move || runtime.block_on(std::future::pending::<()>()));
        let (log, bound) = (Log::default(), Mutex::default());
        Ok(Self { folder: folder.to_owned(), runtime: handle, log, bound })
    }

    /// Serves a port.
    pub(super) fn serve(&self, serving: Serving) -> Result<()> {
        let bound = match &serving.serve.service {
            Service::Refuse => return Ok(()),
            Service::Silence => {
                Bound::Silence(Silence::over(serving.serve.port).context("taking the port")?)
            }
            Service::Program(name) => Bound::Program(Program::start(name, &serving, &self.folder)?),
            _ => {
                let Serving { host, serve, identity, names } = &serving;
                let names = Arc::new(names.clone());
                let site = Site::new(host, serve, identity.as_ref(), &names, &self.log)?;
                let _inside = self.runtime.enter();
                Bound::Origin(Origin::bind(site)?)
            }
        };
        self.bound.lock().unwrap_or_else(PoisonError::into_inner).push(bound);
        Ok(())
    }

    /// Returns what they saw.
    pub(super) fn seen(&self) -> Vec<OriginSeen> {
        self.log.seen()
    }
}
