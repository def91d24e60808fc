//! Links that are slow or lose packets.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::{CLIENTS, PLAIN, PROGRAMS, TALKER, http, other};
use crate::lab::Lab;
use crate::model::{Ask, Driver, Quality, ServeHttp, Service};
use crate::scenario::Scenario;

pub(crate) const GROUP: &[Scenario] = &[
    Scenario {
        name: "links/delay",
        shows: "a page from afar",
        run: |lab| page(lab, Quality { delay: Duration::from_millis(40), ..Quality::PERFECT }),
        ..PLAIN
    },
    Scenario {
        name: "links/loss",
        shows: "a page over a link that loses packets is whole all the same",
        run: |lab| page(lab, Quality { loss: 20, seed: 7, ..Quality::PERFECT }),
        ..PLAIN
    },
    Scenario {
        name: "links/reorder",
        shows: "a page over a link that shuffles and repeats packets",
        run: |lab| page(lab, Quality { reorder: 50, duplicate: 50, seed: 11, ..Quality::PERFECT }),
        ..PLAIN
    },
    Scenario {
        name: "links/slow",
        shows: "a page over a link of a megabyte a second",
        run: |lab| page(lab, Quality { rate: Some(1 << 20), ..Quality::PERFECT }),
        ..PLAIN
    },
    Scenario {
        name: "links/lost-datagrams",
        shows: "the same datagrams are lost whenever it runs",
        run: |lab| {
            linked(lab, &Quality { loss: 300, seed: 3, ..Quality::PERFECT })?;
            lab.serve("origin", other(Service::UdpEcho))?;
            lab.intercept("app", CLIENTS)?;
            let datagrams = (0_u8..20).map(|number| vec![number; 4]).collect();
            let patience = Duration::from_millis(400);
            let (by, host) = (TALKER, "origin".to_owned());
            lab.ask("app", &Ask::Udp { by, host, port: 7000, datagrams, patience }).map(drop)
        },
        // Memory and packets lose others: what goes over the links is not the same. A tunnel's
        // handshakes are among its packets.
        drivers: &[Driver::Run, Driver::Local, Driver::Tun, Driver::Transparent],
        grounds: PROGRAMS,
        ..PLAIN
    },
];

fn linked(lab: &mut Lab, quality: &Quality) -> Result<()> {
    lab.hosts(&["app", "origin"])?;
    lab.link("app", "origin", quality)
}

fn page(lab: &mut Lab, quality: Quality) -> Result<()> {
    linked(lab, &quality)?;
    let body = b"0123456789abcdef".repeat(8192);
    lab.serve("origin", http(ServeHttp { body: body.clone(), ..ServeHttp::default() }))?;
    lab.intercept("app", CLIENTS)?;
    let got = lab.get("app", "http://origin/long-way")?;
    ensure!(got.content == body, "{} bytes came", got.content.len());
    Ok(())
}
