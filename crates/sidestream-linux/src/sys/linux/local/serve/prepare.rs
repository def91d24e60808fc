//! Everything that a capture holds, made one after another; what cannot be made ends the start.

use std::os::fd::AsRawFd;

use sidestream_bpf::{Events, Hooks, Ports};
use tokio::sync::mpsc;
use tracing::{debug, info, warn};

use super::super::device::{Device, DeviceError};
use super::super::listen::Listeners;
use super::super::routes::{Pace, Routes, Table};
use super::system;
use crate::ServeError;

/// What a capture holds besides what it knows; dropped, the machine is as before.
#[derive(Debug)]
pub(super) struct Holdings {
    pub(super) listeners: Listeners,
    pub(super) events: Events,
    /// The routes of the machine, whenever they have changed.
    pub(super) routes: mpsc::Receiver<Table>,
    pub(super) network: Network,
}

/// The network namespace that is diverted.
#[derive(Debug)]
pub(super) struct Network {
    cookie: u64,
    /// Where the listeners are.
    ports: Ports,
    /// What the hooks know of that.
    told: Ports,
    /// Holds the route of the fake IPv6 addresses; without it IPv6 passes.
    device: Option<Device>,
}

impl Holdings {
    /// Makes the device and the listeners and tells the hooks of them.
    pub(super) fn make(hooks: &mut Hooks) -> Result<Self, ServeError> {
        let device = match Device::open() {
            Ok(device) => Some(device),
            Err(error) => {
                ipv6_passes(&error);
                None
            }
        };
        let listeners = Listeners::open(device.is_some()).map_err(system("listen"))?;
        let routes = watch_routes(hooks)?;
        let cookie = listeners.net_cookie().map_err(system("name the network"))?;
        let cookie = cookie.map_or_else(|| hooks.net_cookie(), Ok);
        let cookie = cookie.map_err(system("name the network"))?;
        let ports = listeners.ports().map_err(system("listen"))?;
        let events = hooks.events().ok_or_else(|| std::io::ErrorKind::NotFound.into());
        let events = events.map_err(system("hear from the kernel"))?;
        hooks.set_net(cookie, ports).map_err(system("tell the hooks where to divert to"))?;
        debug!(cookie, ?ports, events = events.as_raw_fd(), "listening");
        let network = Network { cookie, ports, told: ports, device };
        Ok(Self { listeners, events, routes, network })
    }
}

impl Network {
    /// Returns the cookie of the namespace.
    pub(super) fn cookie(&self) -> u64 {
        self.cookie
    }

    /// Tells whether IPv6 can be diverted.
    pub(super) fn has_ipv6(&self) -> bool {
        self.device.is_some()
    }

    /// Passes new routes on to the hooks. IPv6 is diverted only while there is the route that
    /// brings it to the listeners: it goes as soon as IPv6 is switched off.
    pub(super) fn handle_routes(&mut self, table: &Table, hooks: &Hooks) -> Result<(), ServeError> {
        let renewed = self.device.as_ref().map_or(Ok(()), Device::renew);
        let ports = match &renewed {
            // Nothing gets to the listeners.
            _ if !table.has_loopback => Ports { tcp4: 0, udp4: 0, tcp6: 0, udp6: 0, ..self.ports },
            Ok(()) => self.ports,
            Err(_) => Ports { tcp6: 0, udp6: 0, ..self.ports },
        };
        if ports != self.told {
            match &renewed {
                _ if !table.has_loopback => warn!("connections pass while loopback is down"),
                Ok(()) => info!("connections are captured again"),
                Err(error) => ipv6_passes(error),
            }
            let set = hooks.set_net(self.cookie, ports);
            set.map_err(system("tell the hooks where to divert to"))?;
            self.told = ports;
        }
        hooks.set_routes(0, &table.entries).map_err(system("tell the hooks the routes"))
    }
}

fn ipv6_passes(error: &DeviceError) {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    match cause {
        Some(cause) => warn!("connections over IPv6 pass: {error}: {cause}"),
        None => warn!("connections over IPv6 pass: {error}"),
    }
}

/// Tells the hooks the routes, and from then on the other end of the way returned.
fn watch_routes(hooks: &Hooks) -> Result<mpsc::Receiver<Table>, ServeError> {
    let mut routes = Routes::open(Pace::CALM).map_err(system("watch the routes"))?;
    let table = routes.table().map_err(system("read the routes"))?;
    hooks.set_routes(0, &table.entries).map_err(system("tell the hooks the routes"))?;
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        loop {
            let table = match routes.changed().await.and_then(|()| routes.table()) {
                Ok(table) => table,
                Err(error) => return warn!(%error, "routes are not followed any more"),
            };
            if sender.send(table).await.is_err() {
                return;
            }
        }
    });
    Ok(receiver)
}
