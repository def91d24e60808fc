//! The driver's own life: specs, clients that vanish, the end.

use std::io;

use sidestream_capture::{Incoming, Kind};
use sidestream_spec::Spec;
use sidestream_testkit::skip;
use tokio::io::AsyncReadExt;

use crate::bed::Bed;
use crate::unserved::{Taken, Unserved};
use crate::{Config, Family, Ground};

/// Once a new spec is acknowledged, it holds for every new flow; flows under way go on.
///
/// # Panics
///
/// When the driver does otherwise.
pub async fn takes_a_new_spec_while_running(ground: &mut dyn Ground, config: &Config) {
    let process = ground.process();
    let capture = ground.capture();
    let (capabilities, control) = (capture.capabilities(), capture.control());
    if !capabilities.spec {
        return skip("takes_a_new_spec_while_running", "the driver's spec cannot be changed");
    }
    let control = control.expect("the driver claims to take a spec: let Capture::control do it");
    let process = process.expect("a spec is about processes: let Ground::process say which");
    let bed = Bed::with(ground, config, capture);
    let (mut early, mut early_server) = bed.pair(Family::V4).await;
    assert_eq!(bed.relay.flows().len(), 1, "the driver captures to begin with");

    for (spec, captured, what) in [
        (Spec::nothing(), 1, "nobody is captured once the spec says so"),
        (ours(process.pid), 2, "the client is captured once the spec names it"),
        (others(process.pid), 2, "the client is left alone once the spec names another process"),
    ] {
        let text = spec.to_string();
        let set = bed.within("a new spec being acknowledged", control.set_spec(spec)).await;
        set.unwrap_or_else(|error| panic!("the driver does not take the spec {text:?}: {error}"));
        let (mut client, mut server) = bed.pair(Family::V4).await;
        bed.carries("under a new spec", &mut client.stream, &mut server, b"new").await;
        assert_eq!(bed.relay.flows().len(), captured, "{what} ({text:?})");
        bed.carries("under way", &mut early.stream, &mut early_server, b"early").await;
    }
}

fn ours(pid: u32) -> Spec {
    format!("pid:{pid}").parse().expect("a pid is a spec")
}

/// Names a process that makes no connections while the test runs, whichever the test's is.
fn others(pid: u32) -> Spec {
    ours(if pid == u32::MAX { u32::MAX - 1 } else { u32::MAX })
}

/// A client that is gone before its flow is answered ends that flow and nothing else.
///
/// # Panics
///
/// When the driver does otherwise.
pub async fn survives_a_client_that_leaves_early(ground: &mut dyn Ground, config: &Config) {
    let mut unserved = Unserved::new(ground, config).await;
    let connecting = tokio::spawn(unserved.ground.connect(unserved.server));
    let Incoming { kind: Kind::Tcp(pending), .. } = unserved.incoming().await else {
        panic!("a TCP connection came as a UDP flow");
    };
    // Where connect has returned the connection is reset; where it still waits it is given up.
    connecting.abort();
    match connecting.await {
        Ok(Ok(client)) => client.stream.reset(),
        Ok(Err(error)) => panic!("the client cannot connect: {error}"),
        Err(_aborted) => {}
    }
    if let Ok(mut stream) =
        unserved.patience.within("answering a client that left", pending.accept()).await
    {
        let mut buf = [0; 8];
        let read =
            unserved.patience.within("the end of a client that left", stream.read(&mut buf)).await;
        assert!(matches!(read, Ok(0) | Err(_)), "a client that left sends nothing");
    }
    let Taken { .. } = unserved.take().await;
}

/// Dropping the driver and its flows ends the capture: clients under way see an end, new
/// connections are left alone or fail, and none hangs.
///
/// # Panics
///
/// When the driver does otherwise.
pub async fn ends_when_it_is_dropped(ground: &mut dyn Ground, config: &Config) {
    let bed = Bed::new(ground, config);
    let (mut client, mut server) = bed.pair(Family::V4).await;
    bed.carries("before the end", &mut client.stream, &mut server, b"before").await;
    let Bed { ground, relay, .. } = bed;
    relay.stop().await;

    let ended = tokio::time::timeout(config.patience, client.stream.read(&mut [0; 8])).await;
    let ended = ended.expect("a flow ends with the relay that carried it");
    assert!(matches!(ended, Ok(0) | Err(_)), "nothing is sent after the end");

    let (listener, addr) = crate::bed::listen(ground, Family::V4);
    let connected = tokio::time::timeout(config.patience, ground.connect(addr)).await;
    match connected.expect("a client gets some answer when the driver is gone") {
        // Nothing leads out of a sandbox that has ended.
        Err(_error) => {}
        Ok(mut client) => {
            // Either it was left alone and is at the server, or it ends.
            let mut buf = [0; 8];
            let end = async {
                tokio::select! {
                    accepted = listener.accept() => accepted.map(|_connection| ()),
                    read = client.stream.read(&mut buf) => match read {
                        Ok(0) | Err(_) => Ok(()),
                        Ok(_) => Err(io::Error::other("it read something")),
                    },
                }
            };
            let end = tokio::time::timeout(config.patience, end).await;
            let end = end.expect("a client that connects when the driver is gone does not hang");
            end.expect("a client that connects when the driver is gone is left alone or ended");
        }
    }
}
