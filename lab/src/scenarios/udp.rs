//! Datagrams.

use std::time::Duration;

use anyhow::Result;

use super::{BOTH, EVERYWHERE, PLAIN, REFUSED, TALKER, other, stage};
use crate::lab::Lab;
use crate::model::{Ask, Service};
use crate::scenario::Scenario;

pub(crate) const GROUP: &[Scenario] = &[
    Scenario {
        name: "udp/echo",
        shows: "datagrams keep their bounds and find their way back",
        families: BOTH,
        grounds: EVERYWHERE,
        run: |lab| {
            let datagrams = vec![b"one".to_vec(), vec![2; 1200], b"three".to_vec()];
            talk(lab, Service::UdpEcho, datagrams, Duration::from_secs(10))
        },
        ..PLAIN
    },
    Scenario {
        name: "udp/empty",
        shows: "a datagram without content is a datagram",
        run: |lab| {
            let datagrams = vec![Vec::new(), b"after it".to_vec()];
            talk(lab, Service::UdpEcho, datagrams, Duration::from_secs(10))
        },
        ..PLAIN
    },
    Scenario {
        name: "udp/nobody",
        shows: "a port where nobody listens",
        apart: REFUSED,
        run: |lab| {
            let datagrams = vec![b"hello?".to_vec()];
            talk(lab, Service::Refuse, datagrams, Duration::from_secs(2))
        },
        ..PLAIN
    },
];

fn talk(
    lab: &mut Lab,
    service: Service,
    datagrams: Vec<Vec<u8>>,
    patience: Duration,
) -> Result<()> {
    stage(lab, other(service))?;
    let (by, host) = (TALKER, "origin".to_owned());
    lab.ask("app", &Ask::Udp { by, host, port: 7000, datagrams, patience }).map(drop)
}
