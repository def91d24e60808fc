//! Serving what a driver captures.

use std::fmt;
use std::io;
use std::sync::{Arc, PoisonError, RwLock};

use sidestream_ca::Authority;
use sidestream_capture::{Capture, Dial, Incoming, Kind, next_incoming};
use sidestream_flow::Ids;
use sidestream_proto::Config;
use sidestream_proto::hooks::Interest;
use sidestream_record::Sink;
use tokio::task::JoinSet;
use tracing::{Instrument as _, error, info_span};

use crate::flow::Flow;
use crate::hooks::Hook;
use crate::leaves::Leaves;
use crate::names::Names;
use crate::passing::Passing;
use crate::pool::Pool;
use crate::refusals::Refusals;
use crate::stop::{Stop, Urgency};
use crate::tcp::Tcp;
use crate::udp::Udp;
use crate::{CrlUrl, OwnCerts};

/// What the flows of a proxy share.
pub(crate) struct Shared {
    pub(crate) config: Arc<Config>,
    pub(crate) leaves: Leaves,
    pub(crate) names: Names,
    pub(crate) pool: Pool,
    pub(crate) refusals: Refusals,
    pub(crate) passing: RwLock<Passing>,
    pub(crate) hooked: RwLock<Option<Hooked>>,
    pub(crate) dial: Arc<dyn Dial>,
    pub(crate) sink: Arc<dyn Sink>,
    pub(crate) ids: Ids,
}

/// A hook, and the configuration of the machines that ask it.
#[derive(Clone)]
pub(crate) struct Hooked {
    pub(crate) config: Arc<Config>,
    pub(crate) hook: Arc<dyn Hook>,
}

/// Serves captured flows: each in a task of its own.
///
/// Clones share everything, so that one proxy can serve several drivers.
#[derive(Clone)]
pub struct Proxy(Arc<Shared>);

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy").field("config", &self.0.config).finish_non_exhaustive()
    }
}

/// Why a proxy ended that was not stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The driver yields no more flows.
    #[error("the capture broke; flows are not intercepted any more")]
    Capture(#[source] io::Error),
}

/// What a proxy did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Served {
    /// How many flows it served.
    pub flows: u64,
}

impl Proxy {
    /// Makes a proxy: what its machines do, who issues leaves, how servers are reached, where
    /// events go, and where ids come from.
    pub fn new(
        config: Config,
        authority: Arc<Authority>,
        dial: Arc<dyn Dial>,
        sink: Arc<dyn Sink>,
        ids: Ids,
    ) -> Self {
        Self(Arc::new(Shared {
            config: Arc::new(config),
            leaves: Leaves::new(authority),
            names: Names::default(),
            pool: Pool::default(),
            refusals: Refusals::default(),
            passing: RwLock::default(),
            hooked: RwLock::default(),
            dial,
            sink,
            ids,
        }))
    }

    /// Says what is passed as it is, of the flows that begin from now on.
    pub fn set_passing(&self, passing: Passing) {
        *self.0.passing.write().unwrap_or_else(PoisonError::into_inner) = passing;
    }

    /// Says what looks at the exchanges of flows that begin from now on.
    ///
    /// HTTP/2 connections then end here, and are not passed as they were sent; each says so.
    pub fn set_hook(&self, hook: Option<Arc<dyn Hook>>) {
        let hooked = hook.map(|hook| {
            let interest: Arc<dyn Interest> = Arc::<dyn Hook>::clone(&hook);
            let config = Config { hooks: Some(interest), ..Config::clone(&self.0.config) };
            Hooked { config: Arc::new(config), hook }
        });
        *self.0.hooked.write().unwrap_or_else(PoisonError::into_inner) = hooked;
    }

    /// Shows clients those certificates in place of leaves, in the flows that ask from now on.
    pub fn set_certs(&self, certs: OwnCerts) {
        self.0.leaves.set_own(certs);
    }

    /// Says where clients find the list of revoked certificates, in leaves issued from now on; by
    /// default nowhere.
    pub fn set_crl(&self, crl: Option<CrlUrl>) {
        self.0.leaves.set_crl(crl);
    }

    /// Serves what the driver captures until it ends or is stopped, and all flows have ended.
    ///
    /// The driver is dropped last.
    ///
    /// # Errors
    ///
    /// The driver broke. What one flow comes to is never an error here.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, all flows are ended at once, and recorded as stopped.
    pub async fn serve(
        &self,
        mut capture: Box<dyn Capture>,
        mut stop: Stop,
    ) -> Result<Served, ServeError> {
        let (mut served, mut flows) = (Served::default(), JoinSet::new());
        let flow_stop = stop.clone();
        let mut known = Urgency::Run;
        let ended = loop {
            tokio::select! {
                incoming = next_incoming(&mut *capture) => match incoming {
                    Ok(Some(incoming)) => {
                        served.flows += 1;
                        self.spawn(&mut flows, incoming, flow_stop.clone());
                    }
                    Ok(None) => break Ok(()),
                    Err(error) => break Err(ServeError::Capture(error)),
                },
                Some(ended) = flows.join_next() => told(ended),
                urgency = stop.beyond(known) => {
                    // What was captured already is served; nothing else is to be kept waiting.
                    if urgency > Urgency::Gracefully || !capture.close() {
                        break Ok(());
                    }
                    known = urgency;
                }
            }
        };
        while let Some(ended) = flows.join_next().await {
            told(ended);
        }
        ended.map(|()| served)
    }

    fn spawn(&self, flows: &mut JoinSet<()>, incoming: Incoming, stop: Stop) {
        let Incoming { info, kind } = incoming;
        let (shared, id, info) = (Arc::clone(&self.0), self.0.ids.flow(), Arc::new(info));
        let span = info_span!("flow", id = id.0);
        // All that the flow does is done in its task, so that a panic ends that alone.
        let serving = async move {
            let flow = Flow::open(shared, id, info);
            match kind {
                Kind::Tcp(pending) => {
                    let mut tcp = Tcp::new(flow, pending);
                    tcp.run(stop).await;
                }
                Kind::Udp(association) => {
                    let mut udp = Udp::new(flow, association);
                    udp.run(stop).await;
                }
            }
        };
        flows.spawn(serving.instrument(span));
    }
}

/// A task that panicked has recorded it on its flow; here it is logged.
fn told(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        error!(%error, "a flow's task failed");
    }
}
