//! DNS.

use anyhow::Result;

use super::{EVERYWHERE, PLAIN, PROGRAMS, stage};
use crate::lab::Lab;
use crate::model::{Ask, Family, Program, Serve, Service};
use crate::scenario::Scenario;

pub(crate) const GROUP: &[Scenario] = &[
    Scenario {
        name: "dns/answer",
        shows: "a question and its answer",
        grounds: EVERYWHERE,
        run: |lab| question(lab, Service::Dns, "origin"),
        ..PLAIN
    },
    Scenario {
        name: "dns/answer-v6",
        shows: "the same over IPv6, for an address of IPv6",
        families: &[Family::V6],
        run: |lab| question(lab, Service::Dns, "origin"),
        ..PLAIN
    },
    Scenario {
        name: "dns/no-such-name",
        shows: "a name that there is not",
        run: |lab| question(lab, Service::Dns, "missing"),
        ..PLAIN
    },
    Scenario {
        name: "dns/dnsmasq",
        shows: "a name server that is none of ours",
        grounds: PROGRAMS,
        run: |lab| question(lab, Service::Program("dnsmasq".to_owned()), "origin"),
        ..PLAIN
    },
];

fn question(lab: &mut Lab, service: Service, name: &str) -> Result<()> {
    stage(lab, Serve { port: 53, service, tls: None })?;
    let ask = Ask::Dns { by: Program::Dig, server: "origin".to_owned(), name: name.to_owned() };
    lab.ask("app", &ask).map(drop)
}
