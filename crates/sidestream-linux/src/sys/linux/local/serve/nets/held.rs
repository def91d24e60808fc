//! What is held in one network namespace; dropped, the namespace is as before.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use sidestream_bpf::{Ports, RouteEntry};
use tracing::debug;

use super::super::super::device::{Device, DeviceError};
use super::super::super::listen::Listeners;
use super::super::super::routes::{Pace, Routes};

/// How a network namespace is at present.
#[derive(Debug)]
pub(crate) struct Shape {
    pub(crate) entries: Vec<RouteEntry>,
    has_loopback: bool,
    has_ipv6: bool,
}

impl Shape {
    /// Leaves of the ports those that what is diverted can get to.
    pub(crate) fn reachable(&self, ports: Ports) -> Ports {
        let Ports { tcp4, udp4, tcp6, udp6, .. } = ports;
        let there = |is_there: bool, port| if is_there { port } else { 0 };
        let (v4, v6) = (self.has_loopback, self.has_loopback && self.has_ipv6);
        Ports {
            tcp4: there(v4, tcp4),
            udp4: there(v4, udp4),
            tcp6: there(v6, tcp6),
            udp6: there(v6, udp6),
            ..ports
        }
    }
}

/// What was made in a network namespace.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) listeners: Arc<Listeners>,
    pub(crate) ports: Ports,
    pub(crate) cookie: Option<u64>,
    pub(crate) shape: Shape,
}

/// What has to be looked after there.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) routes: Routes,
    device: Option<Device>,
    /// Where devices go that are not needed any more: the kernel takes its time to remove one.
    removes: Sender<Device>,
}

impl Held {
    /// Makes it all in the network namespace of the calling thread; its routes are set under
    /// that number.
    pub(super) fn make(number: u32, removes: Sender<Device>) -> io::Result<(Self, Made)> {
        // Whether there is IPv6 may change: a container's is switched off after it was made.
        let listeners = Listeners::open(true).or_else(|_no_ipv6| Listeners::open(false))?;
        let ports = Ports { net: number, ..listeners.ports()? };
        let cookie = listeners.net_cookie()?;
        let mut held = Self { routes: Routes::open(Pace::HASTY)?, device: None, removes };
        let shape = held.look()?;
        Ok((held, Made { listeners: Arc::new(listeners), ports, cookie, shape }))
    }

    /// Looks how the network namespace of the calling thread is, which must be the one that this
    /// was made in.
    pub(super) fn look(&mut self) -> io::Result<Shape> {
        let has_ipv6 = match self.reach_ipv6() {
            Ok(()) => true,
            Err(error) => {
                debug!(%error, "connections over IPv6 pass in another network namespace");
                false
            }
        };
        let table = self.routes.table()?;
        Ok(Shape { entries: table.entries, has_loopback: table.has_loopback, has_ipv6 })
    }

    fn reach_ipv6(&mut self) -> Result<(), DeviceError> {
        if let Some(device) = &self.device {
            return device.renew();
        }
        self.device = Some(Device::open()?);
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(device) = self.device.take() {
            // Nobody removes them any more at the end of this process, which does it as well.
            _ = self.removes.send(device);
        }
    }
}

#[cfg(test)]
mod tests {
    use sidestream_bpf::Ports;

    use super::Shape;

    #[test]
    fn only_ports_that_can_be_reached_are_diverted_to() {
        let ports = Ports { tcp4: 1, udp4: 2, tcp6: 3, udp6: 4, backlog: 5, net: 6 };
        let check = |has_loopback, has_ipv6, expected| {
            let shape = Shape { entries: Vec::new(), has_loopback, has_ipv6 };
            assert_eq!(shape.reachable(ports), expected, "{has_loopback} {has_ipv6}");
        };
        check(true, true, ports);
        check(true, false, Ports { tcp6: 0, udp6: 0, ..ports });
        let none = Ports { tcp4: 0, udp4: 0, tcp6: 0, udp6: 0, ..ports };
        check(false, true, none);
        check(false, false, none);
    }
}
