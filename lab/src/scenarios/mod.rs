//! The scenarios, by group.

mod choice;
mod containers;
mod dns;
mod ends;
mod http1;
mod http2;
mod links;
mod raw;
mod tls;
mod udp;
mod websocket;

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::lab::Lab;
use crate::model::{Driver, Family, GroundKind, Program, Serve, ServeHttp, ServeTls, Service};
use crate::scenario::Scenario;

/// All groups.
pub(crate) const ALL: &[&[Scenario]] = &[
    http1::GROUP,
    http2::GROUP,
    websocket::GROUP,
    tls::GROUP,
    dns::GROUP,
    raw::GROUP,
    udp::GROUP,
    links::GROUP,
    choice::GROUP,
    containers::GROUP,
    ends::GROUP,
];

/// Everywhere that has been built.
const EVERYWHERE: &[GroundKind] =
    &[GroundKind::Sim, GroundKind::Net, GroundKind::Ctr, GroundKind::Kernel, GroundKind::Vm];
/// Where the machines and the engine are at stake, and no kernel: in memory and here.
const HERE: &[GroundKind] = &[GroundKind::Sim, GroundKind::Net];
/// Where there are kernels.
const KERNELS: &[GroundKind] = &[GroundKind::Net, GroundKind::Kernel, GroundKind::Vm];
/// Where there are programs.
const PROGRAMS: &[GroundKind] = &[GroundKind::Net];

/// Where a kernel has what that of many a machine lacks.
const FULL_KERNELS: &[GroundKind] = &[GroundKind::Kernel];

/// How long it may take until something is told; only a failing trial waits so long.
const PATIENCE: Duration = Duration::from_secs(20);

/// Drivers that take any traffic of the host that they are on.
const CAPTURING: &[Driver] = &[Driver::Run, Driver::Local];
/// And those on a gateway.
const ANYWHERE: &[Driver] =
    &[Driver::Run, Driver::Local, Driver::Tun, Driver::Wireguard, Driver::Transparent];
/// And the one that clients have to be told of.
const ALL_DRIVERS: &[Driver] = &[
    Driver::Run,
    Driver::Local,
    Driver::Tun,
    Driver::Wireguard,
    Driver::Transparent,
    Driver::Regular,
];
/// The one that takes specs.
const BY_SPEC: &[Driver] = &[Driver::Local];
/// Why the clients of a gateway are seen otherwise.
const ELSEWHERE: &[(Driver, &str)] =
    &[(Driver::Tun, NOT_KNOWN), (Driver::Wireguard, NOT_KNOWN), (Driver::Transparent, NOT_KNOWN)];
/// Why the clients of a server that refuses see it otherwise by some.
const REFUSED: &[(Driver, &str)] = &[
    ELSEWHERE[0],
    ELSEWHERE[1],
    (Driver::Transparent, "and the kernel has accepted before that is known"),
];
const NOT_KNOWN: &str = "the programs of another host are not known";
/// Why clients that are told of a proxy are seen otherwise as well.
const TOLD: &[(Driver, &str)] = &[
    ELSEWHERE[0],
    ELSEWHERE[1],
    ELSEWHERE[2],
    (
        Driver::Regular,
        "a client that is told of a proxy asks it: by CONNECT, or with an absolute target",
    ),
];
const BOTH: &[Family] = &Family::ALL;
const V4: &[Family] = &[Family::V4];

/// What is captured of the programs that ask: all of them.
const CLIENTS: &str = "curl,python,dig,sidestream-lab";

/// A scenario that runs everywhere, over both families, with one snapshot; to be changed in part.
const PLAIN: Scenario = Scenario {
    name: "",
    shows: "",
    drivers: ANYWHERE,
    families: V4,
    grounds: HERE,
    apart: ELSEWHERE,
    run: |_| Ok(()),
};

/// Waits until Sidestream has told the person who started it something with these words.
fn await_told(lab: &mut Lab, words: &str) -> Result<()> {
    let until = Instant::now() + PATIENCE;
    while !lab.told().contains(words) {
        ensure!(Instant::now() < until, "it was not told: {}", lab.told());
        thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// A client, and an origin that serves this.
fn stage(lab: &mut Lab, serve: Serve) -> Result<()> {
    lab.hosts(&["app", "origin"])?;
    lab.serve("origin", serve)?;
    lab.intercept("app", CLIENTS)
}

/// Plain HTTP on port 80.
const fn http(http: ServeHttp) -> Serve {
    Serve { port: 80, service: Service::Http(http), tls: None }
}

/// HTTP over TLS on port 443.
const fn https(http: ServeHttp, tls: ServeTls) -> Serve {
    Serve { port: 443, service: Service::Http(http), tls: Some(tls) }
}

/// Something else on port 7000.
const fn other(service: Service) -> Serve {
    Serve { port: 7000, service, tls: None }
}

/// The program for conversations that no ready-made one holds.
const TALKER: Program = Program::Python;
