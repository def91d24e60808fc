//! What is captured: specs that change, and never the proxy.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sidestream_capture::{Capture, Control};
use sidestream_spec::Spec;
use sidestream_testkit::skip;

use super::load::{exchange, serve_echo};
use super::udp;
use crate::bed::{Bed, or_fail};
use crate::{Config, Family, Ground, sockets};

/// Once a new spec is acknowledged, it holds for every new flow; flows under way go on, those
/// that are captured and those that are not.
///
/// # Panics
///
/// When the driver does otherwise.
pub async fn takes_a_new_spec_while_running(ground: &mut dyn Ground, config: &Config) {
    let process = ground.process();
    let capture = ground.capture();
    let Some(control) = control("takes_a_new_spec_while_running", &*capture) else { return };
    let pid = process.expect("a spec is about processes: let Ground::process say which").pid;
    let bed = Bed::with(ground, config, capture);
    let mut under_way = vec![bed.pair(Family::V4).await];
    assert_eq!(bed.relay.flows().len(), 1, "the driver captures to begin with");

    for (spec, captured, what) in [
        (Spec::nothing(), 1, "nobody is captured once the spec says so"),
        (ours(pid), 2, "the client is captured once the spec names it"),
        (others(pid), 2, "the client is left alone once the spec names another process"),
        (ours(pid), 3, "the client is captured once the spec names it again"),
    ] {
        let text = spec.to_string();
        let set = bed.within("a new spec being acknowledged", control.set_spec(spec)).await;
        set.unwrap_or_else(|error| panic!("the driver does not take the spec {text:?}: {error}"));
        let (mut client, mut server) = bed.pair(Family::V4).await;
        bed.carries("under a new spec", &mut client.stream, &mut server, b"new").await;
        assert_eq!(bed.relay.flows().len(), captured, "{what} ({text:?})");
        for (client, server) in &mut under_way {
            bed.carries("under way", &mut client.stream, server, b"up").await;
            bed.carries("under way", server, &mut client.stream, b"down").await;
        }
        under_way.push((client, server));
    }
}

/// How many times the spec changes while clients connect.
const CHANGES: usize = 20;

/// Whatever is begun while the spec changes reaches its server, captured or not.
///
/// # Panics
///
/// When the driver does otherwise.
pub async fn loses_nothing_while_specs_change(ground: &mut dyn Ground, config: &Config) {
    let process = ground.process();
    let capture = ground.capture();
    let Some(control) = control("loses_nothing_while_specs_change", &*capture) else { return };
    let pid = process.expect("a spec is about processes: let Ground::process say which").pid;
    let bed = Bed::with(ground, config, capture);
    let (listener, server) = bed.listen(Family::V4);
    let serving = tokio::spawn(serve_echo(listener));

    let over = AtomicBool::new(false);
    let changing = async {
        for spec in [Spec::nothing(), ours(pid)].iter().cycle().take(CHANGES) {
            let set = control.set_spec(spec.clone());
            let set = bed.within("a new spec being acknowledged", set).await;
            set.expect("the driver takes a spec");
            connects(&bed, server, 0).await;
        }
        over.store(true, Ordering::Relaxed);
    };
    let connecting = async |seed| {
        while !over.load(Ordering::Relaxed) {
            connects(&bed, server, seed).await;
        }
    };
    tokio::join!(changing, connecting(1), connecting(2), connecting(3));
    serving.abort();
}

async fn connects(bed: &Bed<'_>, server: SocketAddr, seed: u64) {
    let exchanged = async { exchange(bed.ground.connect(server).await, seed).await };
    let exchanged = bed.within("an exchange while the spec changes", exchanged).await;
    exchanged.unwrap_or_else(|error| bed.fail(&format!("while the spec changes: {error}")));
}

/// The proxy's own connections are never captured, whatever the spec says; so no flow makes
/// another, for ever.
///
/// # Panics
///
/// When the driver does otherwise.
pub async fn never_captures_the_proxy(ground: &mut dyn Ground, config: &Config) {
    const NAME: &str = "never_captures_the_proxy";
    if !ground.is_alone() {
        return skip(NAME, "a spec of everything would capture other programs of this machine");
    }
    let capture = ground.capture();
    let Some(control) = control(NAME, &*capture) else { return };
    let bed = Bed::with(ground, config, capture);
    let set = bed.within("everything being captured", control.set_spec(Spec::everything())).await;
    set.expect("the driver takes a spec of everything");

    let (mut client, mut server) = bed.pair(Family::V4).await;
    bed.carries("through the proxy", &mut client.stream, &mut server, b"captured").await;
    assert_eq!(bed.relay.flows().len(), 1, "one connection of a client is one flow");
    let (listener, addr) = bed.listen(Family::V4);
    let connected = bed.within("the proxy connecting", sockets::connect(addr)).await;
    let mut own = or_fail(&bed, "the proxy cannot connect", connected);
    let accepted = bed.within("the proxy reaching its server", listener.accept()).await;
    let (mut server, _from) = accepted.expect("a listener on loopback accepts");
    bed.carries("from the proxy", &mut own.stream, &mut server, b"direct").await;
    assert_eq!(bed.relay.flows().len(), 1, "a connection of the proxy is no flow");

    if bed.capabilities.udp {
        let origin = udp::echo(&bed, Family::V4, |datagram| datagram.to_vec());
        let mut client = udp::open(&bed, Family::V4).await;
        udp::send(&bed, &mut *client, b"captured", origin.addr()).await;
        udp::recv(&bed, &mut *client, origin.addr(), 8).await;
        assert_eq!(bed.relay.flows().len(), 2, "one client and one server are one flow");
    }
}

/// Returns what changes the spec of a driver that can; the check is skipped for others.
fn control(check: &str, capture: &dyn Capture) -> Option<Arc<dyn Control>> {
    if !capture.capabilities().spec {
        skip(check, "the driver's spec cannot be changed");
        return None;
    }
    let control = capture.control();
    Some(control.expect("the driver claims to take a spec: let Capture::control do it"))
}

fn ours(pid: u32) -> Spec {
    format!("pid:{pid}").parse().expect("a pid is a spec")
}

/// Names a process that makes no connections while the test runs, whichever the test's is.
fn others(pid: u32) -> Spec {
    ours(if pid == u32::MAX { u32::MAX - 1 } else { u32::MAX })
}
