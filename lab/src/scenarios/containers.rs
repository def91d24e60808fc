//! Containers: clients in their own, with Sidestream beside them or on the machine below.

use anyhow::Result;

use super::{BY_SPEC, CAPTURING, PLAIN, http, https};
use crate::lab::Lab;
use crate::model::{Ask, Close, GroundKind, HttpAsk, Program, ServeHttp, ServeTls};
use crate::scenario::Scenario;

/// What these scenarios have in common.
const CONTAINER: Scenario = Scenario { grounds: &[GroundKind::Ctr], ..PLAIN };

/// Those in which Sidestream is on the machine.
const OUTSIDE: Scenario = Scenario { drivers: BY_SPEC, ..CONTAINER };

pub(crate) const GROUP: &[Scenario] = &[
    Scenario {
        name: "containers/by-name",
        shows: "a container by its name, captured from the machine whose network it shares",
        run: by_name,
        ..OUTSIDE
    },
    Scenario {
        name: "containers/own-network",
        shows: "of two containers with networks of their own, one is captured by its name",
        run: own_network,
        ..OUTSIDE
    },
    Scenario {
        name: "containers/curl",
        shows: "a container of curl's with Sidestream in it, with TLS and without",
        drivers: CAPTURING,
        run: |lab| beside(lab, "curl", Program::Curl),
        ..CONTAINER
    },
    Scenario {
        name: "containers/python",
        shows: "a container of Python's with Sidestream in it, with TLS and without",
        drivers: CAPTURING,
        run: |lab| beside(lab, "python", Program::Python),
        ..CONTAINER
    },
    Scenario {
        name: "containers/node",
        shows: "a container of Node's with Sidestream in it, with TLS and without",
        drivers: CAPTURING,
        run: |lab| beside(lab, "node", Program::Node),
        ..CONTAINER
    },
    Scenario {
        name: "containers/java",
        shows: "a container of Java's with Sidestream in it, with TLS and without",
        drivers: CAPTURING,
        run: |lab| beside(lab, "java", Program::Java),
        ..CONTAINER
    },
];

fn by_name(lab: &mut Lab) -> Result<()> {
    lab.hosts(&["machine", "machine-app", "machine-other", "origin"])?;
    lab.serve("origin", http(ServeHttp::default()))?;
    lab.intercept("machine", "container:machine-app")?;
    lab.get("machine-app", "http://origin/chosen")?;
    lab.get("machine-other", "http://origin/not-chosen").map(drop)
}

fn own_network(lab: &mut Lab) -> Result<()> {
    lab.hosts(&["machine", "app", "other", "origin"])?;
    lab.serve("origin", http(ServeHttp::default()))?;
    lab.intercept("machine", "container:app")?;
    lab.get("app", "http://origin/chosen")?;
    lab.get("other", "http://origin/not-chosen").map(drop)
}

/// A client in a container of its own, in which Sidestream is, too.
fn beside(lab: &mut Lab, name: &str, by: Program) -> Result<()> {
    lab.hosts(&[name, "origin"])?;
    // Programs differ in how they leave a connection that stays.
    let ends = || ServeHttp { close: Close::After, ..ServeHttp::default() };
    lab.serve("origin", http(ends()))?;
    lab.serve("origin", https(ends(), ServeTls::Good))?;
    lab.intercept(name, name)?;
    for url in ["http://origin/plain", "https://origin/secret"] {
        lab.ask(name, &Ask::Http(HttpAsk { by, ..HttpAsk::get(url) }))?;
    }
    Ok(())
}
