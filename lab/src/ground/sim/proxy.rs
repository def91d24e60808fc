//! The proxy in memory: the real engine behind the sim ground's driver.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, bail};
use rustls::crypto::aws_lc_rs::default_provider;
use sidestream_ca::Authority;
use sidestream_flow::Ids;
use sidestream_proxy::{Passing, Proxy, ServeError, Served, Stop, Stopper, UpstreamTrust, config};
use sidestream_spec::Spec;
use sidestream_testkit::TestCa;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::capture::{Dialer, Driver as Captor, Trap};
use super::seen::Keep;
use crate::ground::Intercept;
use crate::model::Driver;

/// How long flows may take to end by themselves: longer than the engine lingers.
const SETTLE: Duration = Duration::from_secs(5);

/// How long the proxy may take to stop.
const PATIENCE: Duration = Duration::from_secs(60);

/// A proxy that serves.
pub(super) struct Serving {
    pub(super) trap: Trap,
    pub(super) host: usize,
    stopper: Stopper,
    ended: JoinHandle<Result<Served, ServeError>>,
}

/// What a trial's proxies have in common.
pub(super) struct Common {
    pub(super) authority: Arc<Authority>,
    pub(super) keep: Arc<Keep>,
    ids: Ids,
}

impl Common {
    pub(super) fn new() -> Result<Self> {
        let authority =
            Authority::generate("Sidestream lab", SystemTime::now(), &default_provider());
        let authority = Arc::new(authority.context("making a root")?);
        Ok(Self { authority, keep: Arc::default(), ids: Ids::default() })
    }

    /// Begins to serve what programs of the dialler's host do. It has to be called within a
    /// runtime.
    pub(super) fn serve(
        &self,
        intercept: &Intercept,
        dialer: Dialer,
        ca: &TestCa,
    ) -> Result<Serving> {
        let (trap, captor) = trap(intercept)?;
        let host = dialer.host;
        let trust = UpstreamTrust { roots: vec![ca.der().clone()], insecure: false };
        let (authority, sink) = (Arc::clone(&self.authority), Arc::clone(&self.keep));
        let proxy =
            Proxy::new(config(&trust)?, authority, Arc::new(dialer), sink, self.ids.clone());
        if intercept.driver == Driver::Local {
            proxy.set_passing(Passing::considerate().with_decrypt(intercept.ca_trusted));
        }
        let (stopper, stop) = Stop::new();
        let ended = tokio::spawn(async move { proxy.serve(Box::new(captor), stop).await });
        Ok(Serving { trap, host, stopper, ended })
    }
}

fn trap(intercept: &Intercept) -> Result<(Trap, Captor)> {
    match intercept.driver {
        // All that the command does, whoever it is.
        Driver::Run => Ok(Trap::new(Spec::everything(), "run")),
        Driver::Local => Ok(Trap::new(intercept.spec.parse()?, "local")),
        driver => bail!("{} is not on the sim ground", driver.name()),
    }
}

impl Serving {
    /// Lets flows end, stops, and waits for the end.
    pub(super) async fn stop(mut self) -> Result<()> {
        settle().await;
        self.stopper.stop();
        let ended = match timeout(PATIENCE, &mut self.ended).await {
            Ok(ended) => ended,
            Err(_elapsed) => {
                self.stopper.stop();
                self.ended.await
            }
        };
        ended.context("the proxy panicked")??;
        Ok(())
    }
}

/// Lets everything end that does so by itself.
pub(super) async fn settle() {
    sleep(SETTLE).await;
}
