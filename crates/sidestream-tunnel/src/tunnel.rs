//! The driver of flows over a driver of packets.

#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use sidestream_capture::{
    Attribution, Capabilities, Capture, Destination, Egress, FlowInfo, Incoming, Kind,
    PacketDriver, Refusal,
};
use sidestream_flow::{FlowKey, Process};
use sidestream_netstack::{Config, Counters, Netstack};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::association::TunnelAssociation;
use crate::engine;
use crate::outputs::Device;
use crate::ping::Ping;
use crate::state::{Arrived, Over, Shared};
use crate::stream::Waiting;
use crate::tally::Tally;

/// Finds the process that opened a flow from this machine; it may take its time.
pub type Lookup = dyn Fn(&FlowKey) -> Option<Arc<Process>> + Send + Sync;

/// How many flows may wait for the process behind them to be found.
const MAX_LOOKUPS: usize = 64;

/// How a tunnel carries flows and what it says of them.
#[derive(Clone)]
pub struct Settings {
    /// How the flows are named to the user: `tun`, `wireguard`.
    pub via: &'static str,
    /// Where upstream connections leave.
    pub egress: Egress,
    /// The limits of the stack; what the device carries is filled in.
    pub stack: Config,
    /// Where the stack's numbers begin: to be kept from clients, and another one each time.
    pub seed: u64,
    /// Finds processes, where clients are on this machine.
    pub lookup: Option<Arc<Lookup>>,
    /// Asks hosts that are pinged; without it pings are refused.
    pub ping: Option<Arc<Ping>>,
}

impl Settings {
    /// The usual limits, clients elsewhere, and no pings.
    pub fn new(via: &'static str, seed: u64) -> Self {
        let stack = Config::default();
        Self { via, egress: Egress::default(), stack, seed, lookup: None, ping: None }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("via", &self.via).finish_non_exhaustive()
    }
}

/// Takes flows out of the packets of a device.
///
/// Dropping it ends all of them and gives the device back.
pub struct Tunnel {
    shared: Shared,
    settings: Settings,
    lookups: JoinSet<(Arrived, Option<Arc<Process>>)>,
}

impl fmt::Debug for Tunnel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tunnel").field("via", &self.settings.via).finish_non_exhaustive()
    }
}

impl Tunnel {
    /// Starts on a device.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with time.
    pub fn start(driver: Box<dyn PacketDriver>, mut settings: Settings) -> Self {
        let properties = driver.properties();
        settings.stack.mtu = properties.mtu;
        settings.stack.checksums = properties.checksums;
        settings.stack.segmentation = properties.checksums && properties.segmented > 0;
        settings.stack.echo &= settings.ping.is_some();
        let now = Instant::now().into_std();
        let stack = Netstack::new(settings.stack.clone(), settings.seed, now);
        let shared = Shared::new(stack, Device::new(driver));
        let ping = settings.ping.clone();
        tokio::spawn(engine::run(shared.clone(), ping, properties.buffer_len()));
        Self { shared, settings, lookups: JoinSet::new() }
    }

    /// Returns what tells how much was dropped, also after the end.
    pub fn tally(&self) -> Tally {
        Tally(self.shared.clone())
    }

    /// Returns what the stack has counted.
    pub fn counters(&self) -> Counters {
        self.tally().counters()
    }

    /// Returns how many datagrams were dropped because too many waited to be taken.
    pub fn datagrams_dropped(&self) -> u64 {
        self.tally().datagrams_dropped()
    }

    /// Hands a flow out, unless it has ended already.
    fn incoming(&self, arrived: Arrived, process: Option<Arc<Process>>) -> Option<Incoming> {
        let shared = self.shared.clone();
        if !shared.lock().take(arrived) {
            return None;
        }
        let (key, kind) = match arrived {
            Arrived::Stream(id, key) => (key, Kind::Tcp(Box::new(Waiting::new(shared, id)))),
            Arrived::Association(id, key) => {
                (key, Kind::Udp(Box::new(TunnelAssociation::new(shared, id))))
            }
        };
        let Settings { via, egress, .. } = self.settings;
        let destination = Destination::Original;
        let info = FlowInfo { key, process, via, destination, egress, residual: None };
        Some(Incoming { info, kind })
    }

    /// Takes the next flow whose process was looked up, or needs not be.
    fn poll_flow(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Incoming>>> {
        loop {
            match self.lookups.poll_join_next(cx) {
                Poll::Ready(Some(Ok((arrived, process)))) => {
                    match self.incoming(arrived, process) {
                        Some(incoming) => return Poll::Ready(Ok(Some(incoming))),
                        None => continue,
                    }
                }
                Poll::Ready(Some(Err(error))) => tracing::warn!(%error, "a process look-up failed"),
                Poll::Ready(None) | Poll::Pending => {}
            }
            if self.lookups.len() >= MAX_LOOKUPS {
                return Poll::Pending;
            }
            let mut state = self.shared.lock();
            let Some(arrived) = state.arrived.pop_front() else {
                state.await_flows(cx);
                return match &state.over {
                    None => Poll::Pending,
                    Some(Over::Gone) => Poll::Ready(Ok(None)),
                    Some(Over::Broken(kind, words)) => {
                        Poll::Ready(Err(io::Error::new(*kind, words.clone())))
                    }
                };
            };
            drop(state);
            let Some(lookup) = self.settings.lookup.clone() else {
                match self.incoming(arrived, None) {
                    Some(incoming) => return Poll::Ready(Ok(Some(incoming))),
                    None => continue,
                }
            };
            self.lookups.spawn_blocking(move || {
                let (Arrived::Stream(_, key) | Arrived::Association(_, key)) = arrived;
                (arrived, lookup(&key))
            });
        }
    }
}

impl Capture for Tunnel {
    fn poll_incoming(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Incoming>>> {
        self.poll_flow(cx)
    }

    fn capabilities(&self) -> Capabilities {
        let attribution = match self.settings.lookup {
            Some(_) => Attribution::Lookup,
            None => Attribution::None,
        };
        let base = Capabilities::default().with_udp().with_ipv6();
        base.with_attribution(attribution).with_refusal(Refusal::Same)
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        engine::end(&mut self.shared.lock());
    }
}
